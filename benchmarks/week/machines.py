"""What runs in the week: the server, the workers, the services; each can be killed."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from mendwire.wire.server import find_program

ROOT = Path(__file__).parents[2]
NAMESPACE = "week"
ENVIRONMENT = "production"
_PORTS = range(14_000, 32_000)
_SERVICE = Path(__file__).with_name("service.py")


@dataclass(kw_only=True)
class Server:
    """A nats-server of its own, with its disk."""

    folder: Path
    port: int = 0
    outages: int = 0
    ended: int = 0
    """How often it ended by itself, or by somebody else's hand."""
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    async def up(self) -> None:
        """Start on the same port and disk as before, and wait until it listens."""
        self.folder.mkdir(exist_ok=True)
        self.port = self.port or _free_port()
        config = self.folder / "server.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\n'
            f'jetstream {{ store_dir: "{self.folder / "js"}", max_file: 4GB }}\n',
            encoding="utf-8",
        )
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220, S603 - returns at once; fixed words
                [find_program(), "-c", str(config)], stdout=log, stderr=log
            )
        async with asyncio.timeout(30):
            while True:
                with suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.05)

    async def mind(self) -> bool:
        """Start it again where it ended without being asked to; whether it had."""
        if self._process is None or self._process.poll() is None:
            return False
        self._process = None
        self.ended += 1
        await self.up()
        return True

    def kill(self) -> None:
        """With -9; twice is once."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def outage(self, seconds: float) -> None:
        """Killed, and there again after so long."""
        self.kill()
        self.outages += 1
        await asyncio.sleep(seconds)
        await self.up()


@dataclass(kw_only=True)
class Plant:
    """A folder with a project in it, and everything that is started there."""

    folder: Path
    server: Server
    kills: int = 0
    quits: int = 0
    """Workers that ended by themselves, because they could not renew their lease."""
    hired: int = 0
    """How many are meant to be there."""
    workers: list[asyncio.subprocess.Process] = field(default_factory=list)

    @property
    def repository(self) -> Path:
        return self.folder / "project"

    @property
    def live(self) -> Path:
        return self.folder / "live"

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "NATS_URL": self.server.url,
            "NATS_NAMESPACE": NAMESPACE,
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            **more,
        }

    async def mendwire(self, *words: str) -> str:
        """One command to its end; what it prints. Raises RuntimeError where it fails."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "mendwire", *words),
            cwd=self.folder,
            env=self.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await process.communicate()
        if process.returncode != 0:
            message = f"mendwire {' '.join(words)}: {err.decode().strip()[-2000:]}"
            raise RuntimeError(message)
        return out.decode()

    async def hire(self, count: int) -> None:
        """Workers, until there are so many alive."""
        self.hired = count
        self.workers = [one for one in self.workers if one.returncode is None]
        while len(self.workers) < count:
            with (self.folder / "workers.log").open("ab") as log:
                self.workers.append(
                    await asyncio.create_subprocess_exec(
                        *(sys.executable, "-m", "mendwire", "work", "--log", "json"),
                        cwd=self.folder,
                        env=self.environment(),
                        stdout=log,
                        stderr=log,
                        start_new_session=True,
                    )
                )

    async def kill_worker(self, dice: random.Random) -> None:
        """One of them, with -9, and another in its place."""
        victim = dice.choice(self.workers)
        self.workers.remove(victim)
        if victim.returncode is not None:
            self.quits += 1
        else:
            victim.kill()
            await victim.wait()
            self.kills += 1
        await self.hire(self.hired)

    async def supervise(self) -> None:
        """As any supervisor of services: a worker that ended is started again."""
        while True:
            await asyncio.sleep(0.5)
            await self.server.mind()
            ended = [one for one in self.workers if one.returncode is not None]
            self.quits += len(ended)
            await self.hire(self.hired)

    async def dismiss(self) -> None:
        """All workers, as a person ends them."""
        self.hired = 0
        for one in self.workers:
            if one.returncode is None:
                one.send_signal(signal.SIGTERM)
        for one in self.workers:
            try:
                async with asyncio.timeout(30):
                    await one.wait()
            except TimeoutError:
                one.kill()
                await one.wait()

    async def serve(
        self,
        service: str,
        release: str,
        bugs: Sequence[tuple[str, object, int]],
        *,
        seconds: float,
        flush_s: float,
    ) -> Served:
        """A service in its release until it has failed as often as it is told."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, str(_SERVICE)),
            cwd=self.live,
            env=self.environment(
                WEEK_SERVER="1",
                MENDWIRE_SERVICE=service,
                MENDWIRE_ENVIRONMENT=ENVIRONMENT,
                MENDWIRE_RELEASE=release,
                MENDWIRE_SPOOL=str(self.folder / "spool"),
                PYTHONDONTWRITEBYTECODE="1",
            ),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        told = {"service": service, "bugs": bugs, "seconds": seconds, "flush_s": flush_s}
        out, err = await process.communicate(json.dumps(told).encode())
        if process.returncode != 0:
            message = f"the service {service} ended: {err.decode()[-2000:]}"
            raise RuntimeError(message)
        said = json.loads(out)
        return Served(service=service, release=release, **said)


@dataclass(frozen=True, kw_only=True)
class Served:
    """What a service says when it ends."""

    service: str
    release: str
    raised: dict[str, int]
    """By bug: how often it failed and was given to the SDK."""
    told: bool
    """Whether the SDK says that the server has everything."""
    statistics: dict[str, int | str]
    """The SDK's own."""


def _free_port() -> int:
    dice = random.SystemRandom()
    while True:
        port = dice.choice(_PORTS)
        with socket.socket() as trial, suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
