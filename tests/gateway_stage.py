"""A real gateway process on a real nats-server, with keys of its own, and what it has stored."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nats.js.api import StreamInfo
from nats.js.errors import NotFoundError

from mendwire.model.names import Names
from tests.nats_server import RealServer

NAMES = Names(namespace="shop")
ENV = "production"
PATIENCE_S = 60.0
DSN = re.compile(r"https?://([0-9a-f]+)@[^\s/]+/(\d+)")


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One message as a subscriber sees it."""

    subject: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    raw: str
    """The whole message, headers too, to look for what must not be in it."""

    @property
    def message_id(self) -> str:
        return self.headers["Nats-Msg-Id"]

    @property
    def calls(self) -> list[str]:
        """The functions of its frames, outermost first."""
        return [frame.get("function", "") for frame in self.body.get("frames", [])]


@dataclass(frozen=True, kw_only=True)
class Credential:
    """A key as the command told it."""

    dsn: str
    key: str
    project: str

    @property
    def envelope(self) -> str:
        """Path and query, as an SDK in a browser asks for them."""
        return f"/api/{self.project}/envelope/?sentry_version=7&sentry_key={self.key}"


@dataclass(kw_only=True)
class GatewayStage:
    """``start``, ``kill`` (-9) and start again on the same port."""

    folder: Path
    server: RealServer
    port: int
    process: subprocess.Popen[bytes] | None = None
    _credentials: dict[str, Credential] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "NATS_URL": self.server.url,
            "NATS_NAMESPACE": NAMES.namespace,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }

    @property
    def log(self) -> str:
        return (self.folder / "gateway.log").read_text(errors="replace")

    def run(self, *words: str) -> str:
        """A command to its end; its standard output."""
        done = subprocess.run(
            [sys.executable, "-m", "mendwire", *words],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout

    def key(self, name: str, *options: str) -> Credential:
        """A fresh key; the same one when asked for it again."""
        if name not in self._credentials:
            told = self.run("gateway", "keys", "add", name, *options)
            found = DSN.search(told)
            assert found, told
            self._credentials[name] = Credential(dsn=found[0], key=found[1], project=found[2])
        return self._credentials[name]

    def start(self) -> None:
        """Return once it answers, and has found the server where that is up."""
        with (self.folder / "gateway.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mendwire", "gateway"],
                cwd=self.folder,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        until(self._is_ready, lambda: f"the gateway did not open: {self.log}")

    def _is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log
        with suppress(OSError):
            return bool(self.get("/readyz")["connected"]) or self.server.process is None
        return False

    def get(self, path: str, key: str = "") -> dict[str, Any]:
        """The JSON that stands there."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("GET", path, headers={"X-Mendwire-Key": key} if key else {})
            found: dict[str, Any] = json.loads(connection.getresponse().read())
            return found
        finally:
            connection.close()

    def kill(self) -> None:
        """Kill -9; legal twice."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> int:
        """As an operator ends it; the exit code."""
        assert self.process is not None
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self.process = None
        return code

    def post(
        self, path: str, body: bytes, headers: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """One request over a connection of its own: status, headers in small letters, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
        try:
            connection.request("POST", path, body, dict(headers or {}))
            answer = connection.getresponse()
            told = {name.lower(): value for name, value in answer.getheaders()}
            return answer.status, told, answer.read()
        finally:
            connection.close()

    async def messages(self, stream: str, first: int = 1) -> list[Stored]:
        """Every message of a stream from that sequence on."""
        found: list[Stored] = []
        async with self.server.client() as client:
            jetstream = client.jetstream(timeout=20)
            try:
                state: StreamInfo = await jetstream.stream_info(stream)
            except NotFoundError:
                return []
            for sequence in range(max(first, state.state.first_seq), state.state.last_seq + 1):
                with suppress(NotFoundError):
                    raw = await jetstream.get_msg(stream, sequence)
                    data = raw.data or b""
                    headers = dict(raw.headers or {})
                    found.append(
                        Stored(
                            subject=raw.subject or "",
                            headers=headers,
                            body=json.loads(data),
                            raw=f"{headers}\n{data.decode()}",
                        )
                    )
        return found

    async def reports(self, release: str, environment: str = ENV) -> list[Stored]:
        """Stored reports of one release, in their order."""
        stored = await self.messages(NAMES.error_stream(environment))
        return [one for one in stored if one.body.get("release") == release]

    async def counted(self, report: Stored, wanted: int) -> int:
        """How many repeats of its signature were told, once that many were, or none more come."""
        found, deadline = 0, time.monotonic() + PATIENCE_S
        signature = report.message_id.rpartition(f"{report.subject.rpartition('.')[2]}-")[2]
        while found < wanted and time.monotonic() < deadline:
            told = await self.messages(NAMES.stream("OCCURRENCES"))
            found = sum(
                int(one.body["count"]) for one in told if one.body["signature"] == signature
            )
            await asyncio.sleep(0.1)
        return found

    async def count(self, stream: str) -> int:
        """Messages in a stream."""
        async with self.server.client() as client:
            state = await client.jetstream(timeout=20).stream_info(stream)
            return state.state.messages


def until(happened: Callable[[], bool], otherwise: Callable[[], str]) -> None:
    """Return once it happened."""
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


def free_port() -> int:
    """A port of loopback below those of outgoing connections, which could take it meanwhile."""
    for port in range(14_000 + os.getpid() % 15_000, 32_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port on loopback")


@asynccontextmanager
async def gateway_stage(folder: Path, config: str = "") -> AsyncIterator[GatewayStage]:
    """Everything but a started gateway; whatever was started is dead afterwards.

    ``config`` is lines for the section of mendwire.toml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "home").mkdir()
    server = RealServer(folder / "nats")
    made = GatewayStage(folder=folder, server=server, port=free_port())
    (folder / "mendwire.toml").write_text(f"[gateway]\nport = {made.port}\n{config}\n")
    await server.start()
    try:
        yield made
    finally:
        made.kill()
        server.kill()
