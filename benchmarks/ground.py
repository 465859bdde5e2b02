"""What the benchmarks stand on: a server, engines with an agent that does nothing, raw nats-py.

An engine here is the real one; only its three specialists are replaced by ``Idle`` and, with the
screen off, its screen by ``unscreened``. The raw loops use nats-py's own JetStream context over a
connection of their own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import string
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from mendwire.app.engine import Engine, engine
from mendwire.model.case import Case
from mendwire.model.names import Names
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.model.work import Change, Finding, Proof, Reproduction, Review
from mendwire.screen import Screened
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment, read_environment
from mendwire.settings.serving import Delivery
from mendwire.settings.working import Agent, Project, Sandbox, Worker
from mendwire.telemetry import subscribed
from mendwire.wire.login import client_options
from mendwire.wire.server import EmbeddedServer

ENVIRONMENT = "production"
COMMIT = "0" * 40
RAW_SUBJECT = "raw.errors"
RAW_RESULTS = "raw.results"
RAW_PULLED = "raw-puller"
FILLERS = 128
"""Messages published at once while a stream is filled."""


class Idle:
    """Specialists that do nothing; ``called_ns`` is when each case reached the agent."""

    name = "idle"
    paid = False

    def __init__(self) -> None:
        self.called_ns: asyncio.Queue[int] = asyncio.Queue()

    async def base(self) -> str:
        return COMMIT

    async def gone(self, _case: Case) -> Proof | None:
        return None

    async def research(self, _case: Case) -> tuple[Finding, float]:
        self.called_ns.put_nowait(time.monotonic_ns())
        return Finding(summary="Nothing was looked at.", confidence=1.0), 0.0

    async def implement(self, case: Case) -> tuple[Change, Reproduction | None, float]:
        raise AssertionError(case)

    async def prove(self, case: Case) -> Proof:
        raise AssertionError(case)

    async def reviewers(self, case: Case) -> tuple[str, ...]:
        raise AssertionError(case)

    async def review(self, case: Case, called: str) -> tuple[Review, float]:
        raise AssertionError(case, called)


async def unscreened(report: ErrorReport, payload: bytes, trust: Trust) -> Screened:
    """A screen that passes everything unseen: what is left is the engine's own cost."""
    screening = Screening(verdict=ScreenVerdict.PASS, score=0.0, sha256=sha256(payload).hexdigest())
    passed = ScreenedReport(report=report, screening=screening, restricted=False, trust=trust)
    return Screened(screening=screening, passed=passed)


@dataclass(kw_only=True)
class Subject:
    """One engine under measurement, in a namespace of its own."""

    engine: Engine
    idle: Idle
    names: Names
    settled: int = 0
    """Messages settled so far."""
    _waits: list[tuple[int, asyncio.Event]] = field(default_factory=list)

    @property
    def subject(self) -> str:
        return self.names.errors(ENVIRONMENT)

    @property
    def stream(self) -> str:
        return self.names.error_stream(ENVIRONMENT)

    def note(self, event: str, fields: dict[str, object]) -> None:
        """A subscriber of telemetry."""
        if event == "message.settled" and fields["stream"] == self.stream:
            self.settled += 1
            for count, reached in self._waits:
                if self.settled >= count:
                    reached.set()

    async def until(self, settled: int) -> None:
        """Return once so many messages were settled in all."""
        wait = (settled, asyncio.Event())
        self._waits.append(wait)
        if self.settled >= settled:
            wait[1].set()
        try:
            async with asyncio.timeout(600):
                await wait[1].wait()
        finally:
            self._waits.remove(wait)

    async def rest(self) -> None:
        """Pull nothing more, give back what has not begun, finish the rest."""
        await self.engine.worker.stop()

    async def resume(self) -> None:
        """Pull again."""
        await self.engine.worker.start()


@dataclass(frozen=True, kw_only=True)
class Ground:
    """A server and what is needed to put engines and raw loops on it."""

    folder: Path
    server: EmbeddedServer
    client: Client
    """A plain nats-py connection: publishers and raw loops."""
    numbers: Iterator[int]

    @property
    def jetstream(self) -> JetStreamContext:
        return self.client.jetstream(timeout=60)

    @asynccontextmanager
    async def subject(
        self, namespace: str, *, screened: bool, concurrency: int
    ) -> AsyncIterator[Subject]:
        """A running engine, pulling."""
        config = Config(
            root=self.folder,
            project=Project(repository=Path("code"), test=("true",)),
            worker=Worker(environments=(ENVIRONMENT,), concurrency=concurrency),
            agent=Agent(kind="rollback"),
            sandbox=Sandbox(kind="none"),
            delivery=Delivery(autonomy="investigate"),
        )
        idle = Idle()
        async with engine(
            config,
            self._environment(namespace),
            specialists=idle,
            screener=None if screened else unscreened,
        ) as built:
            subject = Subject(engine=built, idle=idle, names=built.link.names)
            with subscribed(subject.note):
                yield subject

    def _environment(self, namespace: str) -> Environment:
        variables = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "NATS_NAMESPACE": namespace,
            "NATS_CONTEXT": "",
        }
        return read_environment(variables, self.folder)

    async def raw_stream(self, name: str) -> JetStreamContext.PullSubscription:
        """A work queue like an engine's, and its durable, for a raw loop to pull from."""
        subject = f"{RAW_SUBJECT}.{name}"
        await self.jetstream.add_stream(
            StreamConfig(
                name=f"RAW_{name}", subjects=[subject], retention=RetentionPolicy.WORK_QUEUE
            )
        )
        return await self.jetstream.pull_subscribe(
            subject,
            durable=RAW_PULLED,
            stream=f"RAW_{name}",
            config=ConsumerConfig(ack_wait=600),
        )

    async def fill(self, subject: str, count: int) -> None:
        """Publish ``count`` distinct reports and wait until all of them are stored."""
        left = iter(range(count))

        async def publish_some() -> None:
            for _ in left:
                await self.publish(subject)

        await asyncio.gather(*(publish_some() for _ in range(FILLERS)))

    async def publish(self, subject: str) -> None:
        """One report of a bug that nobody reported before, with an id of its own."""
        number = next(self.numbers)
        await self.jetstream.publish(
            subject, report(number), headers={"Nats-Msg-Id": f"bench-{number}"}, timeout=60
        )


@asynccontextmanager
async def ground(sync: str) -> AsyncIterator[Ground]:
    """A server of its own in a fresh folder; ``sync`` is ``always`` or a duration."""
    with TemporaryDirectory(prefix="mendwire-bench-") as name:
        folder = Path(name)
        _repository(folder / "code")
        async with AsyncExitStack() as stack:
            server = EmbeddedServer(folder / ".mendwire" / "nats", sync=sync)
            await stack.enter_async_context(server)
            address = server.address
            client = await nats.connect(list(address.urls), **client_options(address, {}))
            stack.push_async_callback(client.close)
            await client.jetstream().add_stream(
                StreamConfig(name="RAW_RESULTS", subjects=[f"{RAW_RESULTS}.>"])
            )
            yield Ground(folder=folder, server=server, client=client, numbers=itertools.count(1))


def report(number: int) -> bytes:
    """A report of some 700 bytes whose signature no other number has."""
    word = _word(number)
    frames = [
        {"file": "/app/shop/server.py", "line": 17, "function": "checkout", "in_app": True},
        {
            "file": f"/app/shop/{word}.py",
            "line": 8,
            "function": f"price_{word}",
            "in_app": True,
            "code": "return subtotal * COUPONS[code.upper()] // 100",
        },
    ]
    stack = (
        "Traceback (most recent call last):\n"
        '  File "/app/shop/server.py", line 17, in checkout\n'
        "    total = pricing.total(subtotal, coupon)\n"
        f'  File "/app/shop/{word}.py", line 8, in price_{word}\n'
        "    return subtotal * COUPONS[code.upper()] // 100\n"
        "KeyError: 'SUMMER'\n"
    )
    body = {
        "error": "KeyError: 'SUMMER'",
        "type": "KeyError",
        "stack": stack,
        "timestamp": "2026-11-23T10:30:00Z",
        "release": "shop@1",
        "service": "shop",
        "frames": frames,
        "context": {"file": f"/app/shop/{word}.py", "line": 8, "request_id": f"r-{number}"},
    }
    return json.dumps(body).encode()


def _word(number: int) -> str:
    """A name of consonants: digits are levelled by the signature, and no real word comes out."""
    letters = [c for c in string.ascii_lowercase if c not in "aeiouy"]
    word = ""
    while number:
        number, rest = divmod(number, len(letters))
        word += letters[rest]
    return f"mod_{word}"


def _repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "shop.py").write_text("COUPONS = {}\n", encoding="utf-8")
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Begin"]):
        subprocess.run(["git", *words], cwd=folder, check=True)  # noqa: S603, S607 - fixed words


@contextmanager
def measured() -> Iterator[list[float]]:
    """The list gets one number when the block ends: the seconds it took."""
    seconds: list[float] = []
    began = time.perf_counter()
    yield seconds
    seconds.append(time.perf_counter() - began)
