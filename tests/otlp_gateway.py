"""A real gateway process before a real nats-server, for exporters and raw requests."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.nats_server import RealServer

STREAM = "SHOP_PRODUCTION_ERRORS"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenGateway:
    """One that serves while its block runs."""

    url: str
    server: RealServer
    folder: Path

    def key(self, name: str, *options: str) -> str:
        """A fresh key: its secret."""
        told = mendwire(
            self.server,
            self.folder,
            *("gateway", "keys", "add", name, "--env", "production", "--json", *options),
        )
        secret = json.loads(told)["key"]
        assert isinstance(secret, str)
        return secret

    async def drain(self) -> list[dict[str, Any]]:
        """Every report in the stream, in its order; the stream is empty afterwards."""
        async with self.server.client() as client:
            stream = client.jetstream()
            found = []
            state = (await stream.stream_info(STREAM)).state
            for sequence in range(state.first_seq, state.last_seq + 1):
                message = await stream.get_msg(STREAM, sequence)
                assert message.data is not None
                found.append(json.loads(message.data))
            await stream.purge_stream(STREAM)
        return found


def mendwire(server: RealServer, folder: Path, *arguments: str) -> str:
    """Run a command to its end; what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "mendwire", *arguments],
        cwd=folder,
        env=_environment(server, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def open_gateway(folder: Path, server: RealServer) -> Iterator[OpenGateway]:
    """The gateway of a project in ``folder``; it has made the streams when this returns."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mendwire.toml").write_text("")
    with (
        (folder / "gateway.log").open("wb") as log,
        subprocess.Popen(
            [sys.executable, "-m", "mendwire", "gateway", "--port", "0", "--json"],
            cwd=folder,
            env=_environment(server, folder),
            stdout=subprocess.PIPE,
            stderr=log,
        ) as process,
    ):
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, (folder / "gateway.log").read_text()
            here = OpenGateway(url=json.loads(line)["url"], server=server, folder=folder)
            asyncio.run(_until_there(server))
            yield here
        finally:
            process.terminate()
            process.wait(30)


async def _until_there(server: RealServer) -> None:
    async with server.client() as client, asyncio.timeout(30):
        stream = client.jetstream()
        while True:
            try:
                await stream.stream_info(STREAM)
            except Exception:  # noqa: BLE001 - not yet: no stream, or no JetStream
                await asyncio.sleep(0.05)
            else:
                return


def _environment(server: RealServer, folder: Path) -> dict[str, str]:
    environ = {name: text for name, text in os.environ.items() if not name.startswith("NATS_")}
    return environ | {"NATS_URL": server.url, "NATS_NAMESPACE": "shop", "HOME": str(folder)}
