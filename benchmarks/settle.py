"""Reports settled per second, beside a raw loop that does as much on the wire and nothing else.

    python -m benchmarks.settle [--quick] [--json] [--repeats N] [--sync always] [--waiting]

``engine`` reports are fetched, judged, filed, researched by an agent that does nothing, closed with
an acknowledged result and acknowledged. The ``raw`` loop of nats-py fetches, publishes an
acknowledged result and acknowledges, at the same concurrency on the same server.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

from nats.aio.msg import Msg
from nats.js import JetStreamContext

from benchmarks.figures import Figure, Row, Table, arguments, figure, tell
from benchmarks.ground import RAW_RESULTS, Ground, Subject, ground, measured, report
from mendwire.model.report import Trust, parse_report
from mendwire.screen import Screen

CONCURRENCY = 64
RESULT = json.dumps({"task_id": "x" * 35, "status": "needs_human", "evidence": "y" * 400}).encode()

Round = Callable[[], Awaitable[float]]
"""One measurement: reports per second."""


async def raw_rate(
    on: Ground, pulled: JetStreamContext.PullSubscription, subject: str, count: int
) -> float:
    """Of the raw loop, over ``count`` messages that wait already."""
    await on.fill(subject, count)
    jetstream, left = on.jetstream, count

    async def settle(message: Msg) -> None:
        await jetstream.publish(f"{RAW_RESULTS}.x", RESULT, timeout=60)
        await message.ack()

    running: set[asyncio.Task[None]] = set()
    with measured() as seconds:
        while left:
            room = CONCURRENCY - len(running)
            for message in await pulled.fetch(min(room, left), timeout=60):
                task = asyncio.create_task(settle(message))
                running.add(task)
                task.add_done_callback(running.discard)
                left -= 1
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.gather(*running)
        await on.client.flush(60)
    return count / seconds[0]


async def engine_rate(on: Ground, subject: Subject, count: int) -> float:
    """Of the engine, over ``count`` messages that wait already."""
    await subject.rest()
    await on.fill(subject.subject, count)
    upto = subject.settled + count
    with measured() as seconds:
        await subject.resume()
        await subject.until(upto)
    await subject.rest()
    return count / seconds[0]


async def screen_rate(on: Ground, screen: Screen, count: int) -> float:
    """Of the screen alone, over reports decoded already."""
    payloads = [report(next(on.numbers)) for _ in range(count)]
    reports = [(parse_report(payload), payload) for payload in payloads]
    with measured() as seconds:
        for parsed, payload in reports:
            await screen.screen(parsed, payload, Trust.TRUSTED, resolves=lambda _file: True)
    return count / seconds[0]


async def compared(sync: str, repeats: int, count: int) -> Table:
    """All loops in turn, ``repeats`` times."""
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(ground(sync))
        pulled = await on.raw_stream("settle")
        screen = await Screen.load()
        stack.push_async_callback(screen.close)
        enter = stack.enter_async_context
        off = await enter(on.subject("off", screened=False, concurrency=CONCURRENCY))
        full = await enter(on.subject("full", screened=True, concurrency=CONCURRENCY))
        fewer = max(10, count // 4)
        rounds: dict[str, Round] = {
            "raw nats-py": lambda: raw_rate(on, pulled, "raw.errors.settle", count),
            "engine, screen off": lambda: engine_rate(on, off, count),
            "screen alone": lambda: screen_rate(on, screen, fewer),
            "engine, screen on": lambda: engine_rate(on, full, fewer),
        }
        for warm in (off, full):
            await engine_rate(on, warm, CONCURRENCY)
        found = await in_turn(rounds, repeats)
    beside = {
        "engine, screen off": "raw nats-py",
        "engine, screen on": "screen alone",
    }
    return Table(
        title=f"Reports settled per second, {CONCURRENCY} at once, sync {sync}, {count} a run",
        columns={"per second": 0, "ratio": 2},
        rows=[Row(what=name, figures=_figures(found, name, beside)) for name in rounds],
    )


async def in_turn(rounds: dict[str, Round], repeats: int) -> dict[str, list[float]]:
    """Every round once, then every round again: what disturbs the machine meets all of them."""
    found: dict[str, list[float]] = {name: [] for name in rounds}
    for _ in range(repeats):
        for name, run in rounds.items():
            found[name].append(await run())
    return found


def _figures(found: dict[str, list[float]], name: str, beside: dict[str, str]) -> dict[str, Figure]:
    figures = {"per second": figure(found[name])}
    if other := beside.get(name):
        pairs = zip(found[name], found[other], strict=True)
        figures["ratio"] = figure([mine / theirs for mine, theirs in pairs])
    return figures


async def waiting(sync: str, repeats: int, sizes: tuple[int, int], count: int) -> Table:
    """Rates over ``count`` messages while few, and while many, wait behind them."""
    async with AsyncExitStack() as stack:
        on = await stack.enter_async_context(ground(sync))
        rounds: dict[str, Round] = {}
        for size in sizes:
            await _filled(stack, on, rounds, size, count)
        found = await in_turn(rounds, repeats)
    few, many = (f"{size} waiting" for size in sizes)
    beside = {f"{loop}, {many}": f"{loop}, {few}" for loop in ("raw nats-py", "engine")}
    return Table(
        title=f"Reports settled per second before those that wait, sync {sync}, {count} a run",
        columns={"per second": 0, "ratio": 2},
        rows=[Row(what=name, figures=_figures(found, name, beside)) for name in rounds],
    )


async def _filled(
    stack: AsyncExitStack, on: Ground, rounds: dict[str, Round], size: int, count: int
) -> None:
    """A raw stream and an engine, each with ``size`` messages before it; two more rounds."""
    name = f"waits{'few' if not rounds else 'many'}"
    pulled = await on.raw_stream(name)
    await on.fill(f"raw.errors.{name}", size)
    subject = await stack.enter_async_context(
        on.subject(name, screened=False, concurrency=CONCURRENCY)
    )
    await subject.rest()
    await on.fill(subject.subject, size)
    rounds[f"raw nats-py, {size} waiting"] = lambda: raw_rate(
        on, pulled, f"raw.errors.{name}", count
    )
    rounds[f"engine, {size} waiting"] = lambda: engine_rate(on, subject, count)


async def main() -> None:
    parser = arguments(__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--count", type=int, default=2000, help="messages a run")
    asked = parser.parse_args()
    repeats, count = (1, 40) if asked.quick else (asked.repeats, asked.count)
    sizes = (100, 400) if asked.quick else (1_000, 200_000)
    for sync in asked.sync or (["2m"] if asked.quick else ["always", "2m"]):
        if asked.waiting:
            table = await waiting(sync, repeats, sizes, count)
        else:
            table = await compared(sync, repeats, count)
        tell(table, as_json=asked.json)


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
