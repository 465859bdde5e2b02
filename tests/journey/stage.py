"""A stage for whole journeys: a project with a bug in its history, a real server, real workers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mendwire.demo.shop import build_repository
from mendwire.docket.cases import Docket
from mendwire.model.case import Case
from mendwire.model.names import Names
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer

NAMES = Names(namespace="shop")
ENV = "production"
SUITE = ["{python}", "-m", "unittest", "discover", "-s", "tests", "-t", "."]
DRIVER = Path(__file__).with_name("driver.py")

FRAMES = [
    {"file": "/app/shop/server.py", "line": 17, "function": "checkout", "in_app": True},
    {"file": "/app/shop/pricing.py", "line": 13, "function": "total", "in_app": True},
    {
        "file": "/app/shop/pricing.py",
        "line": 8,
        "function": "discount",
        "in_app": True,
        "code": "return subtotal * COUPONS[code.upper()] // 100",
        "arguments": {"subtotal": 900, "code": "SUMMER"},
    },
]
STACK = """Traceback (most recent call last):
  File "/app/shop/server.py", line 17, in checkout
    total = pricing.total(subtotal, coupon) + pricing.shipping(subtotal)
  File "/app/shop/pricing.py", line 13, in total
    return subtotal - discount(subtotal, code)
  File "/app/shop/pricing.py", line 8, in discount
    return subtotal * COUPONS[code.upper()] // 100
KeyError: 'SUMMER'
"""


def coupon_report(**more: Any) -> dict[str, Any]:
    """The report of the shop's bug, as an SDK sends it."""
    return {
        "error": "KeyError: 'SUMMER'",
        "type": "KeyError",
        "stack": STACK,
        "timestamp": "2026-11-23T10:30:00Z",
        "release": "shop@1",
        "service": "shop",
        "frames": FRAMES,
        "context": {"file": "/app/shop/pricing.py", "line": 8, "request_id": "r-1"},
        **more,
    }


@dataclass(kw_only=True)
class Stage:
    """One project on one server."""

    folder: Path
    server: RealServer
    bus: JetStreamBus
    agent: str = "rollback"
    login: Mapping[str, str] = field(default_factory=dict)
    """Variables by which programs come in, where the server asks for more than an address."""
    workers: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.folder / "shop"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "NATS_URL": self.server.url,
            "NATS_NAMESPACE": NAMES.namespace,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **self.login,
        }

    async def publish(
        self, report: Mapping[str, Any] | bytes, msg_id: str = "shop-1", **more: str
    ) -> None:
        """As any publisher with the `nats` command would; ``more`` are further headers."""
        payload = report if isinstance(report, bytes) else json.dumps(report).encode()
        headers = {**({"Nats-Msg-Id": msg_id} if msg_id else {}), **more} or None
        await self.bus.api.client.jetstream().publish(
            NAMES.errors(ENV), payload, headers=headers, timeout=5
        )

    async def spawn(self, *arguments: str, **variables: str) -> asyncio.subprocess.Process:
        """The command line, or with ``driver`` first the driver of the crash tests."""
        return await self.spawn_in(self.folder, *arguments, **variables)

    async def spawn_in(
        self, folder: Path, *arguments: str, **variables: str
    ) -> asyncio.subprocess.Process:
        """The same in another folder, as if it were another machine."""
        program = [str(DRIVER), *arguments[1:]] if arguments[0] == "driver" else []
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(program or ["-m", "mendwire", *arguments]),
            cwd=folder,
            env={**self.environment, **variables},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.workers.append(process)
        return process

    async def spawn_elsewhere(self, *arguments: str) -> asyncio.subprocess.Process | None:
        """The same in a process namespace of its own; None where that is not allowed."""
        prefix = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
        quiet = asyncio.subprocess.DEVNULL
        trial = await asyncio.create_subprocess_exec(*prefix, "true", stderr=quiet)
        if await trial.wait() != 0:
            return None
        process = await asyncio.create_subprocess_exec(
            # The first process of a namespace cannot kill itself: a shell comes before the worker.
            *(*prefix, "sh", "-c", '"$@"; exit $?', "sh"),
            *(sys.executable, str(DRIVER), *arguments[1:]),
            cwd=self.folder,
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.workers.append(process)
        return process

    async def run(self, *arguments: str, **variables: str) -> tuple[int, str, str]:
        """Run to the end: exit code, standard output, standard error."""
        process = await self.spawn(*arguments, **variables)
        out, err = await process.communicate()
        assert process.returncode is not None
        return process.returncode, out.decode(), err.decode()

    async def cases(self) -> list[Case]:
        docket = Docket(self.bus.bucket(NAMES.bucket("DOCKET")), "test")
        return [filed.case async for filed in docket.cases()]

    async def make_due(self, case: Case) -> None:
        """Let a parked case's time come, as if its day were over."""
        docket = Docket(self.bus.bucket(NAMES.bucket("DOCKET")), "test")
        filed = await docket.get(case.issue)
        assert filed is not None
        assert filed.case.parking is not None
        parking = replace(filed.case.parking, until_ns=1)
        await docket.change(filed, lambda now: replace(now, parking=parking))
        await docket.call(case.issue, 1)

    async def kept(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """Subject and body of every message of one of our streams."""
        stream = NAMES.stream(kind)
        return [
            (received.ref.subject, json.loads(received.payload))
            async for received in self.bus.walk(stream, 1000, 1 << 62)
        ]

    async def waiting(self) -> int:
        """Messages in the error stream: waiting, handed out or stranded."""
        info = await self.bus.api.call(f"STREAM.INFO.{NAMES.error_stream(ENV)}")
        return int(info["state"]["messages"])

    async def git(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *("git", *words), cwd=self.repository, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return out.decode().strip()

    async def branches(self) -> list[str]:
        listed = await self.git("for-each-ref", "--format=%(refname:short)", "refs/heads/mendwire")
        return listed.split()

    async def fix_commits(self) -> list[str]:
        """Every commit of ours that any branch has."""
        listed = await self.git("log", "--branches", "--format=%H", "--grep=^Mendwire-Case:")
        return listed.split()


@asynccontextmanager
async def stage(
    folder: Path,
    *,
    agent: str = "rollback",
    program: str = "",
    config: str = "",
    project: str = "",
    worker: str = "",
    agent_more: str = "",
    server_config: str = "",
    server: RealServer | None = None,
    login: Mapping[str, Any] | None = None,
) -> AsyncIterator[Stage]:
    """Everything but a worker; whatever was started is dead afterwards.

    ``project``, ``worker`` and ``agent_more`` are lines for those sections of mendwire.toml,
    ``config`` is whole sections, ``server_config`` lines for the server's own configuration.
    ``server`` is one that is not started yet, ``login`` how the stage itself comes in.
    """
    (folder / "shop").mkdir(parents=True)
    (folder / "home").mkdir()
    await build_repository(folder / "shop")
    named = f'program = "{program}"\n' if program else ""
    (folder / "mendwire.toml").write_text(
        f'[project]\nrepository = "shop"\nreruns = 1\ntest = {json.dumps(SUITE)}\n{project}\n'
        f'[worker]\nenvironments = ["{ENV}"]\n{worker}\n'
        f'[agent]\nkind = "{agent}"\n{named}{agent_more}\n'
        f'[sandbox]\nkind = "{sandbox_kind()}"\n{config}'
    )
    server = server or RealServer(folder / "nats", server_config)
    await server.start()
    try:
        async with server.client(**(login or {})) as client:
            bus = JetStreamBus(client, NAMES, Denials())
            built = Stage(folder=folder, server=server, bus=bus, agent=agent)
            try:
                yield built
            finally:
                for process in built.workers:
                    if process.returncode is None:
                        process.send_signal(signal.SIGKILL)
                        await process.wait()
    finally:
        server.kill()


def sandbox_kind() -> str:
    """Bubblewrap where it is installed; the tests' own projects may run without."""
    from shutil import which

    return "bwrap" if which("bwrap") else "none"
