"""The sweeper: every unfinished case whose lease is dead is driven again, message or not (A1)."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from mendwire.docket.cases import Docket, Filed
from mendwire.docket.roster import Roster
from mendwire.errors import Damaged, Fenced, IllegalMove, MendwireError, Undecodable
from mendwire.investigate.observing import Observation
from mendwire.investigate.orchestrator import Orchestrator
from mendwire.model.case import UNFINISHED, Case, CaseState, move
from mendwire.model.pace import minute_of
from mendwire.model.report import load_object
from mendwire.telemetry import emit
from mendwire.wire.bus import Bus
from mendwire.wire.ending import ended

COUNTS_A_SWEEP: Final = 1000
LAST: Final = 1 << 62
MOST_HEIRS: Final = 32
"""Cases taken up at once; the rest is found when these are through."""
_ISSUE: Final = re.compile(r"[0-9a-f]{32}(?:-[a-z]{1,2})?")

log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Sweeper:
    """Runs beside a worker while its ``async with`` block does.

    A full reading of the docket happens at the start, whenever a worker was found dead, and after
    an heir failed; at other times only the short list of cases that call for somebody is read.
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
    _full: bool = True
    """The next sweep reads the whole docket."""
    _more: bool = False
    """A reading ended early, because enough was found."""
    _clean: asyncio.Event = field(default_factory=asyncio.Event)
    """The last full reading left nothing behind."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def __aenter__(self) -> Self:
        """Before the worker beside us pulls: what is handed out now, dead workers had."""
        self._orphans = await self._handed_out()
        self._task = asyncio.create_task(self._run(), name="sweeper")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Cancel the sweeping and what it takes care of; legal twice."""
        await ended(*(task for task in (self._task, *self._heirs) if task is not None))

    def take(self, filed: Filed) -> None:
        """Have an open case driven as soon as there is a place for it."""
        if len(self._heirs) < MOST_HEIRS:
            self._start(self.orchestrator.inherit(filed))
        else:
            self._again()

    async def swept(self) -> None:
        """Return once a full sweep left nothing and nothing it found is running any more."""
        while not self._clean.is_set() or self._heirs:
            await self._clean.wait()
            if self._heirs:
                await asyncio.wait(set(self._heirs))

    async def _run(self) -> None:
        """Nothing may end it: without it cases of dead workers would wait for the next start."""
        while True:
            try:
                await self.sweep()
            except MendwireError as problem:
                emit("connection.lost", url=f"the sweeper waits: {problem}")
            except Exception:
                log.exception("a sweep failed; the next one tries again")
            with suppress(TimeoutError):
                async with asyncio.timeout(self.every_s):
                    await self._wake.wait()
            self._wake.clear()

    async def sweep(self) -> None:
        """One round."""
        living = await self.roster.living()
        if not self._living <= living:
            self._orphans = await self._handed_out()
            self._again()
        self._living = living
        if self._full:
            self._full = False
            try:
                self._more = not await self._take_over(living)
                self._full = self._more
                await self._adopt()
            except BaseException:
                self._full = True
                raise
        await self._answer_calls(living)
        if not self._full:
            self._clean.set()
        await self._count_repeats()

    def _again(self) -> None:
        """Something may have been left behind."""
        self._full = True
        self._clean.clear()

    async def _take_over(self, living: frozenset[str]) -> bool:
        """Whether it came to the end of the docket."""
        called = {issue for issue, _ in await self.docket.called()}
        async for filed in self.docket.cases():
            case = filed.case
            if case.state in UNFINISHED and self._is_orphan(case, living):
                if len(self._heirs) >= MOST_HEIRS:
                    return False
                self._start(self.orchestrator.inherit(filed))
            elif case.state is CaseState.PARKED and case.issue not in called:
                await self._call_again(case)
        return True

    def _is_orphan(self, case: Case, living: frozenset[str]) -> bool:
        """Nobody living holds it, or it is ours and nobody here works on it."""
        if case.holder == self.docket.holder:
            return not self.orchestrator.drives(case.issue)
        return case.holder not in living

    async def _call_again(self, case: Case) -> None:
        """A crash may have kept the note of a parked case from being written."""
        if case.parking is not None and case.parking.until_ns:
            await self.docket.call(case.issue, case.parking.until_ns)

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
            if due_ns > time.time_ns() or self.orchestrator.drives(issue):
                continue
            try:
                await self._answer(issue, living)
            except (Damaged, Fenced, IllegalMove) as problem:
                reason = str(problem)
                emit("case.skipped", case=issue, issue=issue, reason=reason, trace="")

    async def _answer(self, issue: str, living: frozenset[str]) -> None:
        filed = await self.docket.get(issue)
        if filed is not None and _is_due(filed.case):
            filed = await self._unpark(filed)
        if filed is None or filed.case.state not in UNFINISHED:
            await self._dismiss(issue)
        elif self._is_orphan(filed.case, living) and len(self._heirs) < MOST_HEIRS:
            self._start(self.orchestrator.inherit(filed))

    async def _dismiss(self, issue: str) -> None:
        """Forget a note, unless what it announced happened just now."""
        await self.docket.dismiss(issue)
        now = await self.docket.get(issue)
        if now is not None and now.case.state in UNFINISHED:
            await self.docket.call(issue, 0)
        elif now is not None and now.case.state is CaseState.PARKED:
            await self._call_again(now.case)

    async def _count_repeats(self) -> None:
        """Publishers count what they do not send; the sums belong to the issues."""
        before, last = await self.docket.counted_upto()
        counts: Counter[str] = Counter()
        minutes: dict[str, Counter[int]] = {}
        upto = 0
        async for received in self.bus.walk(self.occurrences, COUNTS_A_SWEEP, LAST, first=last + 1):
            upto = received.ref.seq
            issue = received.ref.subject.rpartition(".")[2]
            if _ISSUE.fullmatch(issue):  # what anybody sent becomes a key (rules B10)
                count = count_in(received.payload)
                counts[issue] += count
                minutes.setdefault(issue, Counter())[minute_of(received.published_ns)] += count
        if upto and await self.docket.add_repeats(before, upto, counts):
            for issue, count in counts.items():
                emit("error.counted", issue=issue, environment="", service="", count=count)
            for issue, more in minutes.items():
                await self._observe(issue, more)

    async def _observe(self, issue: str, minutes: Counter[int]) -> None:
        """Repeats may be what an observed case waited for."""
        try:
            filed = await self.docket.get(issue)
        except Damaged:
            return
        if filed is not None and await Observation(docket=self.docket).seen(filed, minutes):
            self._wake.set()

    async def _unpark(self, filed: Filed) -> Filed:
        token = filed.case.token

        def opened(case: Case) -> Case:
            if case.state is not CaseState.PARKED:
                return case  # another sweeper was quicker
            return move(case, CaseState.OPEN, token=token, parking=None)

        return await self.docket.change(filed, opened)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(self._quietly(work))
        self._heirs.add(task)
        task.add_done_callback(self._through)

    def _through(self, task: asyncio.Task[None]) -> None:
        self._heirs.discard(task)
        if self._more and not self._heirs:
            self._wake.set()

    async def _quietly(self, work: Coroutine[Any, Any, None]) -> None:
        """What fails here is met again at the next sweep: the docket keeps it unfinished."""
        try:
            await work
        except MendwireError as problem:
            emit("connection.lost", url=f"the sweeper could not finish a case: {problem}")
            self._again()
        except Exception:
            log.exception("the sweeper could not finish a case")
            self._again()


def _is_due(case: Case) -> bool:
    """Whether a parked case may go on by itself: one that waits for a person never does."""
    if case.state is not CaseState.PARKED:
        return False
    return case.parking is None or 0 < case.parking.until_ns <= time.time_ns()


def count_in(payload: bytes) -> int:
    """The ``count`` of an occurrences message; 0 for one that is none."""
    try:
        count = load_object(payload).get("count")
    except Undecodable:
        return 0
    return count if isinstance(count, int) and 0 < count < LAST else 0
