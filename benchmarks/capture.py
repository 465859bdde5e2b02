"""What the Python SDK costs its host, beside sentry-sdk; and how fast it publishes, beside nats-py.

    python -m benchmarks.capture [--quick] [--json] [--repeats N]

Each host is a process of its own (``benchmarks.capture_host``). sentry-sdk sends to a real HTTP
server that reads and answers, Mendwire to a real embedded nats-server.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, Self

import nats
from nats.aio.client import Client
from nats.js.api import StreamConfig

from benchmarks.figures import Figure, Row, Table, arguments, figure, quantile, tell
from benchmarks.ground import report
from benchmarks.sink import Sink, sink
from mendwire.capture.courier import Courier
from mendwire.capture.flow import Flow
from mendwire.capture.guard import Guard
from mendwire.capture.occurrence import rough_key, taken
from mendwire.capture.outbox import Outbox, Target
from mendwire.capture.segment import Spooled
from mendwire.capture.spool import Spool
from mendwire.capture.tally import Tally
from mendwire.model.names import Names
from mendwire.settings.environment import read_environment
from mendwire.wire.dialling import dialled
from mendwire.wire.login import client_options
from mendwire.wire.server import EmbeddedServer
from mendwire.wire.wake import Wake
from mendwire.wire.window import WINDOW, Window

ENVIRONMENT = "production"
NAMES = Names(namespace="bench")
OURS, BARE, FULL = "mendwire", "sentry-bare", "sentry"
DEEP = 15
SHOWN = {
    OURS: "mendwire",
    BARE: "sentry-sdk, no frameworks",
    FULL: "sentry-sdk, frameworks it finds",
}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the hosts send to."""

    folder: Path
    server: EmbeddedServer
    client: Client
    sink: Sink

    async def host(self, who: str, what: str, count: int) -> dict[str, Any]:
        """Run one host to its end; what it measured."""
        (self.folder / "host").mkdir(exist_ok=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "benchmarks.capture_host", who, what, str(count)),
            cwd=self.folder / "host",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *sys.path]),
                "BENCH_DSN": f"http://key@127.0.0.1:{self.sink.port}/1",
                "NATS_URL": self.url,
                "NATS_NAMESPACE": NAMES.namespace,
            },
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        found: dict[str, Any] = json.loads(output)
        return found

    @property
    def url(self) -> str:
        """With the login in it."""
        options = client_options(self.server.address, {})
        (url,) = self.server.address.urls
        login = f"{options['user']}:{options['password']}@" if options.get("user") else ""
        return url.replace("://", f"://{login}", 1)

    async def clear(self) -> None:
        """Forget what was stored, its message ids too."""
        jetstream = self.client.jetstream()
        for stream in STREAMS:
            await jetstream.delete_stream(stream.name)
            await jetstream.add_stream(stream)


STREAMS = (
    StreamConfig(name="BENCH_PRODUCTION_ERRORS", subjects=[NAMES.errors(ENVIRONMENT)]),
    StreamConfig(name="BENCH_OCCURRENCES", subjects=["bench.occurrences.>"]),
    StreamConfig(name="RAW", subjects=["raw.errors"]),
)


@asynccontextmanager
async def place(sync: str = "2m") -> AsyncIterator[Place]:
    """A server, streams, a sink and a folder."""
    with TemporaryDirectory(prefix="mendwire-bench-") as name:
        folder = Path(name)
        async with EmbeddedServer(folder / "nats", sync=sync) as server, sink() as events:
            options = client_options(server.address, {})
            client = await nats.connect(list(server.address.urls), **options)
            for stream in STREAMS:
                await client.jetstream().add_stream(stream)
            yield Place(folder=folder, server=server, client=client, sink=events)
            await client.close()


async def starts(on: Place, repeats: int) -> Table:
    """Import and ``init`` in fresh processes."""
    found: dict[str, list[dict[str, Any]]] = {who: [] for who in (OURS, BARE, FULL)}
    for _ in range(repeats):
        for who, runs in found.items():
            runs.append(await on.host(who, "start", 0))

    def row(who: str) -> Row:
        figures = {
            "ms": figure([1000 * run["seconds"] for run in found[who]]),
            "MB": figure([run["megabytes"] for run in found[who]]),
        }
        if who != OURS:
            pairs = list(zip(found[OURS], found[who], strict=True))
            figures["our time"] = figure([us["seconds"] / it["seconds"] for us, it in pairs])
            figures["our memory"] = figure([us["megabytes"] / it["megabytes"] for us, it in pairs])
        return Row(what=SHOWN[who], figures=figures)

    return Table(
        title="import and init() in a fresh process; ours as a share of it",
        columns={"ms": 0, "MB": 1, "our time": 2, "our memory": 2},
        rows=[row(who) for who in found],
    )


async def calls(on: Place, repeats: int, count: int) -> tuple[Table, Table]:
    """Microseconds on the calling thread, and memory after all of them were sent."""
    found: dict[str, list[dict[str, Any]]] = {OURS: [], BARE: []}
    for _ in range(repeats):
        for who, runs in found.items():
            await on.clear()
            runs.append(await on.host(who, "calls", count))
    rows = []
    for kind in ("first", "repeat"):
        for who, runs in found.items():
            figures = {
                "p50 µs": figure([1e6 * median(run[kind]) for run in runs]),
                "p99 µs": figure([1e6 * quantile(run[kind], 0.99) for run in runs]),
            }
            if who != OURS:
                figures["times ours, p50"] = figure(
                    [
                        median(it[kind]) / median(us[kind])
                        for us, it in zip(found[OURS], runs, strict=True)
                    ]
                )
            rows.append(Row(what=f"{kind} occurrence, {SHOWN[who]}", figures=figures))
    memory = [
        Row(what=SHOWN[who], figures={"MB": figure([run["grown"] for run in runs])})
        for who, runs in found.items()
    ]
    return (
        Table(
            title=f"capture() on the calling thread, 15 frames, 10 locals each, {count} a run",
            columns={"p50 µs": 1, "p99 µs": 1, "times ours, p50": 1},
            rows=rows,
        ),
        Table(
            title=f"Memory beyond the bare interpreter after {2 * count} captures",
            columns={"MB": 1},
            rows=memory,
        ),
    )


async def bursts(on: Place, repeats: int, count: int, storm: int) -> Table:
    """As many captures as a loop can do: what becomes of each."""
    rows = []
    for what, many in (("distinct", count), ("same", count), ("same", storm)):
        for who in (OURS, BARE) if many != storm else (OURS,):
            runs = [await _burst(on, who, what, many) for _ in range(repeats)]
            columns = {name: figure([run[name] for run in runs]) for name in runs[0]}
            rows.append(Row(what=f"{many} {what}, {SHOWN[who]}", figures=columns))
    return Table(
        title="Bursts: reports that arrived, repeats counted, losses told, unaccounted for",
        columns={
            "arrived": 0,
            "counted": 0,
            "told as lost": 0,
            "unaccounted": 0,
            "seconds": 2,
            "p99 µs": 0,
        },
        rows=rows,
    )


async def _burst(on: Place, who: str, what: str, count: int) -> dict[str, float]:
    await on.clear()
    events, discarded = on.sink.events, on.sink.discarded
    run = await on.host(who, what, count)
    if who == OURS:
        arrived = await _stored(on, "BENCH_PRODUCTION_ERRORS")
        counted = await _counted(on)
        lost = run["statistics"]["dropped"]
    else:
        arrived, counted = on.sink.events - events, 0
        lost = on.sink.discarded - discarded
    return {
        "arrived": arrived,
        "counted": counted,
        "told as lost": lost,
        "unaccounted": count - arrived - counted - lost,
        "seconds": sum(run["captures"]),
        "p99 µs": 1e6 * quantile(run["captures"], 0.99),
    }


async def _stored(on: Place, stream: str) -> int:
    return int((await on.client.jetstream().stream_info(stream)).state.messages)


async def _counted(on: Place) -> int:
    jetstream, counted = on.client.jetstream(), 0
    for seq in range(1, await _stored(on, "BENCH_OCCURRENCES") + 1):
        message = await jetstream.get_msg("BENCH_OCCURRENCES", seq)
        counted += json.loads(message.data or b"{}").get("count", 0)
    return counted


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast one run was."""

    per_second: float
    processor_us: float
    """Of this process, for one message; other work on the machine hardly changes it."""


class Stopwatch:
    """Times a block, by the clock and by the processor."""

    def __enter__(self) -> Self:
        self.began, self.busy = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.took, self.busy = time.perf_counter() - self.began, time.process_time() - self.busy

    def pace(self, count: int) -> Pace:
        return Pace(per_second=count / self.took, processor_us=1e6 * self.busy / count)


Round = Callable[[], Awaitable[Pace]]


async def publishing(on: Place, repeats: int, count: int, full: int) -> Table:
    """Acknowledged messages per second."""
    numbers = iter(range(10**9))
    rounds: dict[str, Round] = {
        f"raw nats-py, {WINDOW} in flight": lambda: raw_rate(on, count, numbers),
        "from the spool": lambda: spool_rate(on, count, numbers),
        "from exceptions": lambda: full_rate(on, full, numbers, 0),
        "from exceptions, not sent": lambda: unsent_rate(on, full, numbers, 0),
        f"from exceptions, {DEEP} frames": lambda: full_rate(on, full, numbers, DEEP),
        f"the same, not sent, {DEEP} frames": lambda: unsent_rate(on, full, numbers, DEEP),
    }
    found: dict[str, list[Pace]] = {name: [] for name in rounds}
    for _ in range(repeats):
        for name, run in rounds.items():
            await on.clear()
            found[name].append(await run())
    raw, *others = found

    def figures(name: str) -> dict[str, Figure]:
        mine = {
            "per second": figure([one.per_second for one in found[name]]),
            "µs of processor": figure([one.processor_us for one in found[name]]),
        }
        if name in others:
            pairs = list(zip(found[name], found[raw], strict=True))
            mine["ratio"] = figure([one.per_second / it.per_second for one, it in pairs])
            mine["by processor"] = figure([it.processor_us / one.processor_us for one, it in pairs])
        return mine

    return Table(
        title=f"Messages stored and acknowledged per second, sync 2m, {count} a run",
        columns={"per second": 0, "ratio": 2, "µs of processor": 0, "by processor": 2},
        rows=[Row(what=name, figures=figures(name)) for name in found],
    )


async def raw_rate(on: Place, count: int, numbers: Iterator[int]) -> Pace:
    """nats-py's own acknowledged publish, as many at once as the window."""
    jetstream, left = on.client.jetstream(timeout=60), iter(range(count))
    payloads = [report(next(numbers)) for _ in range(count)]

    async def publish() -> None:
        for number in left:
            headers = {"Nats-Msg-Id": f"raw-{number}"}
            await jetstream.publish("raw.errors", payloads[number], headers=headers, timeout=60)

    with Stopwatch() as watch:
        await asyncio.gather(*(publish() for _ in range(WINDOW)))
    return watch.pace(count)


async def spool_rate(on: Place, count: int, numbers: Iterator[int]) -> Pace:
    """The SDK's courier over a spool of reports that are scrubbed and keyed, some 700 bytes each.

    Reading the files, noting what was sent, settling and removing them are within the time.
    """
    outbox = _outbox(on)
    for _ in range(0, count, 500):
        outbox.target.spool.add([_ready(report(next(numbers)), next(numbers)) for _ in range(500)])
    outbox.ledger.spooled = count
    watch = await asyncio.to_thread(_timed, outbox, Courier.send_spooled)
    assert outbox.ledger.stored == count, "every report is stored"
    return watch.pace(count)


async def full_rate(on: Place, count: int, numbers: Iterator[int], depth: int) -> Pace:
    """From exceptions as they were taken: written down, scrubbed, signed and sent."""
    outbox = _full(on, count, numbers, depth)
    watch = await asyncio.to_thread(_timed, outbox, Courier.send_queued)
    assert outbox.ledger.stored == count, "every report is stored"
    return watch.pace(count)


async def unsent_rate(on: Place, count: int, numbers: Iterator[int], depth: int) -> Pace:
    """The part of it that has nothing to do with publishing."""
    outbox = _full(on, count, numbers, depth)

    def work() -> Stopwatch:
        with Stopwatch() as watch:
            while outbox.digest():
                pass
        return watch

    watch = await asyncio.to_thread(work)
    assert len(outbox.ready) == count, "every report is ready"
    return watch.pace(count)


def _full(on: Place, count: int, numbers: Iterator[int], depth: int) -> Outbox:
    """An outbox with exceptions as they were taken."""
    outbox = _outbox(on)
    for _ in range(count):
        problem = _raised(f"no price for {_letters(next(numbers))}", depth)
        key = rough_key(problem)
        seen = outbox.tally.admit(key)
        assert seen is not None
        outbox.put(key, seen, taken(problem, {}, {"release": "1"}, outbox.guard))
    return outbox


def _raised(text: str, depth: int) -> ValueError:
    """An exception that went up so many calls; with 0 it was never raised."""

    def fail(left: int, items: list[str]) -> None:
        if left <= 1:
            raise ValueError(text)
        fail(left - 1, items)

    try:
        if depth:
            fail(depth - 1, ["book", "pen"])
    except ValueError as problem:
        return problem
    return ValueError(text)


def _outbox(on: Place) -> Outbox:
    target = Target(
        surroundings=read_environment({"NATS_URL": on.url}, on.folder),
        names=NAMES,
        environment=ENVIRONMENT,
        spool=Spool(on.folder / "spool"),
    )
    return Outbox(target, Tally(60), Guard())


def _timed(outbox: Outbox, send: Callable[[Courier, Flow], None]) -> Stopwatch:
    """How long it takes over a connection that stands already."""
    wake = Wake()
    with dialled(outbox.target.surroundings, wake, names=NAMES) as to:
        window = Window(to)
        courier = Courier(outbox, window, NAMES, to.max_payload)
        flow = Flow(window, courier.settle)
        with Stopwatch() as watch:
            send(courier, flow)
    wake.close()
    return watch


def _ready(payload: bytes, number: int) -> Spooled:
    return Spooled(
        kind="report",
        environment=ENVIRONMENT,
        payload=payload,
        id=f"bench-{number}",
        signature="0" * 32,
        issue="0" * 16,
        namespace=NAMES.namespace,
    )


def _letters(number: int) -> str:
    return "".join(chr(ord("b") + int(digit)) for digit in str(number))


async def main() -> None:
    asked = arguments(__doc__.splitlines()[0] if __doc__ else "").parse_args()
    repeats = 1 if asked.quick else asked.repeats
    async with place() as on:
        tell(await starts(on, repeats), as_json=asked.json)
        for table in await calls(on, repeats, 10 if asked.quick else 200):
            tell(table, as_json=asked.json)
        burst, storm = (50, 500) if asked.quick else (1000, 100_000)
        tell(await bursts(on, repeats, burst, storm), as_json=asked.json)
        count, full = (1000, 100) if asked.quick else (20_000, 1500)
        tell(await publishing(on, repeats, count, full), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
