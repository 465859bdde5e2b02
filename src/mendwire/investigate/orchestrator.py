"""All cases of one worker: those its messages bring, and those that it inherits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import dataclass, field

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Damaged, Fenced, MendwireError
from mendwire.investigate.intake import Intake
from mendwire.investigate.investigation import Investigation
from mendwire.investigate.saving import LONGEST_WAIT_S, PASSING, RETRY_S
from mendwire.model.case import UNFINISHED, Case, CaseState
from mendwire.model.delivery import SETTLED_STATES, DeliveryState, Outcome, Received
from mendwire.telemetry import emit, within
from mendwire.wire.bus import Bus

log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class Orchestrator:
    """``handle`` is the worker's handler; the sweeper brings in what nobody holds."""

    bus: Bus
    intake: Intake
    docket: Docket
    investigation: Investigation
    concurrency: int = 2
    retry_s: float = RETRY_S
    """The first wait after trouble with the server."""
    rooms: Mapping[str, asyncio.Semaphore] = field(default_factory=dict)
    """Places in each repository that has its own limit, by its name."""
    later: Callable[[Filed], None] | None = None
    """Has a case taken up once there is a place for it: the sweeper's."""
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    @property
    def busy(self) -> bool:
        """Whether any case is being driven here."""
        return bool(self.intake.driving)

    def drives(self, issue: str) -> bool:
        """Whether this worker is at a case of ``issue``."""
        return self.intake.drives(issue)

    async def handle(self, received: Received) -> Outcome:
        """One message, from bytes to its outcome."""
        admitted = await self.intake.admit(received)
        if isinstance(admitted, Outcome):
            return admitted
        put_off: Filed | None = None
        try:
            if self._is_full(admitted.case):
                put_off = await self._put_off(admitted)
            if put_off is not None:
                return Outcome(state=DeliveryState.PARKED, reason=admitted.case.case_id)
            return await self._drive(admitted, self._place(admitted.case))
        finally:
            self.intake.leave(admitted.case.issue)
            if put_off is not None and self.later is not None:
                self.later(put_off)

    @asynccontextmanager
    async def _place(self, case: Case) -> AsyncIterator[None]:
        """The repository's own first: who waits for that keeps no other from working."""
        async with self.rooms.get(case.repository) or nullcontext(), self._slots:
            yield

    def _is_full(self, case: Case) -> bool:
        room = self.rooms.get(case.repository)
        return room is not None and room.locked() and self.later is not None

    async def _put_off(self, filed: Filed) -> Filed | None:
        """The case open again, kept with its report: its message need not wait with it.

        Else one repository's errors would hold the places of all. None where we lost it.
        """
        await self.docket.give_back(filed)
        now = await self.docket.get(filed.case.issue)
        return now if now is not None and now.case.state is CaseState.OPEN else None

    async def inherit(self, filed: Filed) -> None:
        """Take an unfinished case that nobody living holds, and carry it to its end.

        It is not taken before there is a place for it here: others may be free sooner.
        """
        issue = filed.case.issue
        if self.drives(issue):
            return
        self.intake.driving[issue] += 1
        try:
            async with self._place(filed.case):
                taken = await self.docket.take_over(filed)
                if taken is not None:
                    await self._drive(taken, nullcontext())
        finally:
            self.intake.leave(issue)

    async def adopt(self, received: Received) -> None:
        """Handle a message that a dead worker had pulled but not filed: read, not delivered."""
        outcome = await self.handle(received)
        if outcome.state in SETTLED_STATES and not outcome.removed:
            await self.bus.settle(received.ref)

    async def _drive(self, filed: Filed, place: AbstractAsyncContextManager[object]) -> Outcome:
        try:
            async with place:
                with within(filed.case.span):
                    return await self._until_settled(filed)
        except Fenced as problem:
            return Outcome(state=DeliveryState.LOST, reason=str(problem))
        except Damaged as problem:
            return Outcome(state=DeliveryState.DEFERRED, reason=str(problem), delay_s=300)
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(filed))
            raise
        finally:
            self.investigation.outages.let_go(filed.case)

    async def _until_settled(self, filed: Filed) -> Outcome:
        """Where the server was away in the middle of a verb, the docket says how far it came."""
        wait = self.retry_s
        while True:
            try:
                return await self.investigation.drive(filed)
            except PASSING as problem:
                emit("connection.lost", url=f"case {filed.case.case_id} waits: {problem}")
                filed = await self._reread(filed, wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
            except (Fenced, Damaged):
                raise
            except Exception as bug:
                log.exception("case %s met a bug", filed.case.case_id)
                filed = await self.investigation.stop(await self._reread(filed, 0), bug)

    async def _reread(self, filed: Filed, wait: float) -> Filed:
        """How far the case came; raises Fenced, Damaged."""
        while True:
            await asyncio.sleep(wait)
            wait = max(wait, self.retry_s)
            with suppress(*PASSING):
                return await self.docket.confirm(filed)

    async def _give_back(self, filed: Filed) -> None:
        with suppress(MendwireError, TimeoutError):
            async with asyncio.timeout(5):
                latest = await self.docket.confirm(filed)
                if latest.case.state in UNFINISHED:
                    await self.docket.give_back(latest)
