"""From publishing a report to the agent's call, beside a raw pull loop on the same server.

    python -m benchmarks.latency [--quick] [--json] [--repeats N] [--sync always] [--waiting]

The clock starts before the publisher's call and stops when the agent's runner is asked, before any
tree is made; for the ``raw`` loop of nats-py it stops when ``fetch`` returns the message. One
message at a time: each is settled before the next is published.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from nats.js import JetStreamContext

from benchmarks.figures import Row, Table, arguments, figure, quantile, tell
from benchmarks.ground import Ground, Subject, ground

Sample = Callable[[], Awaitable[float]]
"""One message: milliseconds."""
COLUMNS = {"p50 ms": 2, "p99 ms": 2, "p50 beyond raw": 2}


async def raw_sample(on: Ground, pulled: JetStreamContext.PullSubscription, subject: str) -> float:
    """From publishing to the return of a ``fetch`` that was waiting."""
    fetching = asyncio.create_task(_fetched(pulled))
    await asyncio.sleep(0.002)  # the pull is open at the server, as the engine's is
    began = time.monotonic_ns()
    await on.publish(subject)
    return (await fetching - began) / 1e6


async def _fetched(pulled: JetStreamContext.PullSubscription) -> int:
    (message,) = await pulled.fetch(1, timeout=30)
    fetched = time.monotonic_ns()
    await message.ack_sync()
    return fetched


async def engine_sample(on: Ground, subject: Subject) -> float:
    """From publishing to the call of the agent."""
    upto = subject.settled + 1
    began = time.monotonic_ns()
    await on.publish(subject.subject)
    called = await subject.idle.called_ns.get()
    await subject.until(upto)
    await asyncio.sleep(0.002)
    return (called - began) / 1e6


async def raw_asked(pulled: JetStreamContext.PullSubscription, on: Ground, subject: str) -> float:
    """From asking to the return of ``fetch``, with messages waiting."""
    began = time.monotonic_ns()
    fetched = await _fetched(pulled)
    await on.publish(subject)
    return (fetched - began) / 1e6


async def engine_asked(on: Ground, subject: Subject) -> float:
    """From the worker's start to the first call of the agent, with messages waiting."""
    began, before = time.monotonic_ns(), subject.settled
    await subject.resume()
    called = await subject.idle.called_ns.get()
    await subject.rest()
    while not subject.idle.called_ns.empty():
        subject.idle.called_ns.get_nowait()
    await on.fill(subject.subject, subject.settled - before)
    return (called - began) / 1e6


async def compared(sync: str, repeats: int, count: int) -> Table:
    """The raw loop and the engines in turn, message by message."""
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(ground(sync))
        pulled = await on.raw_stream("latency")
        enter = stack.enter_async_context
        off = await enter(on.subject("off", screened=False, concurrency=2))
        full = await enter(on.subject("full", screened=True, concurrency=2))
        samples: dict[str, Sample] = {
            "raw nats-py": lambda: raw_sample(on, pulled, "raw.errors.latency"),
            "engine, screen off": lambda: engine_sample(on, off),
            "engine, screen on": lambda: engine_sample(on, full),
        }
        return Table(
            title=f"Milliseconds from publishing to the agent's call, sync {sync}, {count} a run",
            columns=COLUMNS,
            rows=await in_turn(samples, repeats, count, dict.fromkeys(samples, "raw nats-py")),
        )


async def waiting(sync: str, repeats: int, sizes: tuple[int, int], count: int) -> Table:
    """Milliseconds from asking for messages to the agent's call, while few and many wait."""
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(ground(sync))
        samples: dict[str, Sample] = {}
        few = sizes[0]
        for size in sizes:
            name = f"waits{size}"
            pulled = await on.raw_stream(name)
            await on.fill(f"raw.errors.{name}", size)
            subject = await stack.enter_async_context(
                on.subject(name, screened=False, concurrency=2)
            )
            await subject.rest()
            await on.fill(subject.subject, size)
            samples |= _asking(on, pulled, subject, size)
        beside = {
            f"{loop}, {size} waiting": f"{loop}, {few} waiting"
            for loop in ("raw nats-py", "engine")
            for size in sizes
        }
        return Table(
            title=f"Milliseconds from asking to the agent's call, sync {sync}, {count} a run",
            columns={"p50 ms": 2, "p99 ms": 2, "p50 beyond few": 2},
            rows=await in_turn(samples, repeats, count, beside),
        )


def _asking(
    on: Ground, pulled: JetStreamContext.PullSubscription, subject: Subject, size: int
) -> dict[str, Sample]:
    return {
        f"raw nats-py, {size} waiting": lambda: raw_asked(pulled, on, f"raw.errors.waits{size}"),
        f"engine, {size} waiting": lambda: engine_asked(on, subject),
    }


async def in_turn(
    samples: dict[str, Sample], repeats: int, count: int, beside: dict[str, str]
) -> list[Row]:
    """``repeats`` runs of ``count`` messages, one message of each kind after the other."""
    found: dict[str, list[list[float]]] = {name: [] for name in samples}
    for repeat in range(repeats + 1):
        run: dict[str, list[float]] = {name: [] for name in samples}
        for _ in range(count if repeat else max(3, count // 10)):
            for name, sample in samples.items():
                run[name].append(await sample())
        if repeat:  # the first run warms up
            for name, values in run.items():
                found[name].append(values)
    last = "p50 beyond few" if "waiting" in next(iter(samples)) else "p50 beyond raw"
    return [
        Row(
            what=name,
            figures={
                "p50 ms": figure([quantile(run, 0.5) for run in runs]),
                "p99 ms": figure([quantile(run, 0.99) for run in runs]),
                last: figure(_beyond(runs, found[beside[name]])),
            },
        )
        for name, runs in found.items()
    ]


def _beyond(mine: list[list[float]], theirs: list[list[float]]) -> list[float]:
    pairs = zip(mine, theirs, strict=True)
    return [quantile(one, 0.5) - quantile(other, 0.5) for one, other in pairs]


async def main() -> None:
    parser = arguments(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=200, help="messages a run")
    asked = parser.parse_args()
    repeats, count = (1, 5) if asked.quick else (asked.repeats, asked.count)
    sizes = (100, 400) if asked.quick else (1_000, 200_000)
    for sync in asked.sync or (["2m"] if asked.quick else ["always", "2m"]):
        if asked.waiting:
            table = await waiting(sync, repeats, sizes, min(count, 50))
        else:
            table = await compared(sync, repeats, count)
        tell(table, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
