"""A Node program that uses the client in clients/node, run as its users run it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from nats.aio.client import Client
from nats.js.errors import NotFoundError

from mendwire.model.names import Names
from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology
from tests.nats_server import RealServer, running

CLIENT = Path(__file__).parents[2] / "clients" / "node"
NAMES = Names(namespace="shop")
OLDEST = 20
AWAY = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")
"""What npm says where it reaches no registry."""


def why_not() -> str:
    """Why the client's tests cannot run here, or an empty text."""
    if not (which("node") and which("npm")):
        return "node or npm is not installed"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.removeprefix("v").partition(".")[0]
    if not (major.isdigit() and int(major) >= OLDEST):
        return f"node is {version.stdout.strip()}, and the client needs {OLDEST} or newer"
    return ""


def installed() -> Path:
    """The client's folder with its dependencies as the lock file names them; skips without npm."""
    if why := why_not():
        pytest.skip(why)  # Node or npm is absent; CI installs both
    marker, lock = CLIENT / "node_modules" / ".package-lock.json", CLIENT / "package-lock.json"
    if not marker.exists() or marker.stat().st_mtime < lock.stat().st_mtime:
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=CLIENT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode and any(word in done.stderr for word in AWAY):
            pytest.skip(f"npm reaches no registry: {done.stderr[-500:]}")  # no fault of ours
        assert done.returncode == 0, done.stderr
    return CLIENT


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a Node process ended."""

    code: int
    out: str
    err: str


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One message of a stream."""

    headers: Mapping[str, str]
    payload: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.payload)


class NodeHost:
    """A folder with programs that import ``mendwire``, and the server they report to."""

    def __init__(self, folder: Path, server: RealServer, login: Mapping[str, str]) -> None:
        self.folder = folder
        self.server = server
        self._login = login
        self.spool = folder / "spool"
        modules = folder / "node_modules"
        modules.mkdir(parents=True)
        for path in (*(CLIENT / "node_modules").iterdir(), CLIENT):
            name = "mendwire" if path == CLIENT else path.name
            if not name.startswith("."):
                (modules / name).symlink_to(path)

    def environ(self, **variables: str) -> dict[str, str]:
        """What the programs see, which is nothing of ours."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "NATS_URL": self.server.url,
            "NATS_NAMESPACE": NAMES.namespace,
            "MENDWIRE_SPOOL": str(self.spool),
            "MENDWIRE_ENVIRONMENT": "production",
            "MENDWIRE_SERVICE": "shop-web",
            "MENDWIRE_RELEASE": "1.4.2",
            **variables,
        }

    async def start(
        self, source: str, *options: str, name: str = "app.mjs", **variables: str
    ) -> asyncio.subprocess.Process:
        """A program of this text, running."""
        (self.folder / name).write_text(source, encoding="utf-8")
        return await asyncio.create_subprocess_exec(
            *("node", *options, name),
            cwd=self.folder,
            env=self.environ(**variables),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(
        self, source: str, *options: str, name: str = "app.mjs", **variables: str
    ) -> Ended:
        """The same, until it ends."""
        process = await self.start(source, *options, name=name, **variables)
        out, err = await process.communicate()
        assert process.returncode is not None
        return Ended(code=process.returncode, out=out.decode(), err=err.decode())

    def spooled(self) -> list[Path]:
        """What waits on disk."""
        return sorted(self.spool.glob("*.waiting"))

    async def stored(self, stream: str = "PRODUCTION_ERRORS") -> list[Stored]:
        """Every message of a stream, in order."""
        async with self.server.client(**self._login) as client:
            return [message async for message in _messages(client, NAMES.stream(stream))]

    async def counted(self) -> int:
        """The sum of the repeats that were told."""
        return sum(one.body.get("count", 0) for one in await self.stored("OCCURRENCES"))


async def _messages(client: Client, stream: str) -> AsyncIterator[Stored]:
    jetstream = client.jetstream()
    state = (await jetstream.stream_info(stream)).state
    for sequence in range(max(1, state.first_seq), state.last_seq + 1):
        try:
            message = await jetstream.get_msg(stream, sequence)
        except NotFoundError:
            continue
        yield Stored(headers=message.headers or {}, payload=message.data or b"")


@asynccontextmanager
async def node_host(folder: Path, config: str = "", **login: str) -> AsyncIterator[NodeHost]:
    """A server with the streams of ``shop``, and a folder for programs."""
    installed()
    async with running(folder / "nats", config) as server:
        async with server.client(**login) as client:
            await ensure(
                JetStreamBus(client, NAMES, Denials()).api, topology(NAMES, ["production"])
            )
        yield NodeHost(folder / "host", server, login)
