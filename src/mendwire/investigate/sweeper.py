"""The sweeper: every unfinished case whose lease is dead is driven again, message or not (A1)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, Self

from mendwire.docket.cases import Docket, Filed
from mendwire.docket.roster import Roster
from mendwire.errors import MendwireError, ServerError, Undecodable, WireError
from mendwire.investigate.orchestrator import Orchestrator
from mendwire.model.case import UNFINISHED, Case, CaseState, move
from mendwire.model.report import load_object
from mendwire.telemetry import emit
from mendwire.wire.bus import Bus

COUNTS_A_SWEEP: Final = 1000
LAST: Final = 1 << 62


@dataclass(kw_only=True, slots=True)
class Sweeper:
    """Runs beside a worker while its ``async with`` block does.

    A full reading of the docket happens at the start and whenever a worker was found dead; at
    other times only the short list of cases that call for somebody is read.
    """

    bus: Bus
    docket: Docket
    roster: Roster
    orchestrator: Orchestrator
    streams: tuple[str, ...]
    occurrences: str
    """The stream of counts."""
    holds: Callable[[str, int], bool]
    """Whether the worker beside us has a message (stream, sequence) in hand."""
    every_s: float = 5.0
    _task: asyncio.Task[None] | None = None
    _heirs: set[asyncio.Task[None]] = field(default_factory=set)
    _living: frozenset[str] = frozenset()
    _orphans: tuple[tuple[str, int], ...] = ()
    _first_done: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        """Before the worker beside us pulls: what is handed out now, dead workers had."""
        self._orphans = await self._handed_out()
        self._task = asyncio.create_task(self._run(), name="sweeper")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        tasks = [task for task in (self._task, *self._heirs) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def swept(self) -> None:
        """Return once the first full sweep is over and nothing it found is running any more."""
        await self._first_done.wait()
        while self._heirs:
            await asyncio.wait(set(self._heirs))

    async def _run(self) -> None:
        while True:
            try:
                await self.sweep()
                self._first_done.set()
            except (WireError, ServerError) as problem:
                emit("connection.lost", url=f"the sweeper waits: {problem}")
            await asyncio.sleep(self.every_s)

    async def sweep(self) -> None:
        """One round."""
        living = await self.roster.living()
        if not self._living or not self._living <= living:
            if self._living:
                self._orphans = await self._handed_out()
            await self._take_over(living)
            await self._adopt()
        self._living = living
        await self._answer_calls(living)
        await self._count_repeats()

    async def _take_over(self, living: frozenset[str]) -> None:
        async for filed in self.docket.cases():
            if filed.case.state in UNFINISHED and filed.case.holder not in living:
                self._start(self.orchestrator.inherit(filed))

    async def _adopt(self) -> None:
        """Of what dead workers had pulled, most has a case; the rest is handled from its start."""
        for stream, seq in self._orphans:
            received = await self.bus.peek(stream, seq)
            if received is not None and not self.holds(stream, seq):
                self._start(self.orchestrator.adopt(received))
        self._orphans = ()

    async def _handed_out(self) -> tuple[tuple[str, int], ...]:
        found = [(stream, seq) for stream in self.streams for seq in await self.bus.pending(stream)]
        return tuple(found)

    async def _answer_calls(self, living: frozenset[str]) -> None:
        for issue, due_ns in await self.docket.called():
            if due_ns > time.time_ns():
                continue
            filed = await self.docket.get(issue)
            if filed is not None and filed.case.state is CaseState.PARKED:
                filed = await self._unpark(filed)
            if filed is None or filed.case.state not in UNFINISHED:
                await self.docket.dismiss(issue)
            elif filed.case.holder not in living:
                self._start(self.orchestrator.inherit(filed))

    async def _count_repeats(self) -> None:
        """Publishers count what they do not send; the sums belong to the issues."""
        before = await self.docket.counted()
        first = int(before.value) + 1 if before else 1
        counts: Counter[str] = Counter()
        upto = 0
        async for received in self.bus.walk(self.occurrences, COUNTS_A_SWEEP, LAST, first=first):
            upto = received.ref.seq
            counts[received.ref.subject.rpartition(".")[2]] += count_in(received.payload)
        if upto:
            await self.docket.add_repeats(before, upto, counts)

    async def _unpark(self, filed: Filed) -> Filed:
        token = filed.case.token

        def opened(case: Case) -> Case:
            return move(case, CaseState.OPEN, token=token, parking=None)

        return await self.docket.change(filed, opened)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._heirs.add(task)
        task.add_done_callback(self._heirs.discard)

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        """What fails here is met again at a later sweep: the docket keeps it unfinished."""
        try:
            await work
        except MendwireError as problem:
            emit("worker.paused", reason=f"the sweeper could not finish a case: {problem}")


def count_in(payload: bytes) -> int:
    """The ``count`` of an occurrences message; 0 for one that is none."""
    try:
        count = load_object(payload).get("count")
    except Undecodable:
        return 0
    return count if isinstance(count, int) and 0 < count < LAST else 0
