"""All cases of one worker: those its messages bring, and those that it inherits."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from dataclasses import dataclass, field

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Damaged, Fenced, MendwireError
from mendwire.investigate.intake import Intake
from mendwire.investigate.investigation import Investigation
from mendwire.investigate.saving import LONGEST_WAIT_S, PASSING, RETRY_S
from mendwire.model.case import UNFINISHED
from mendwire.model.delivery import SETTLED_STATES, DeliveryState, Outcome, Received
from mendwire.telemetry import emit
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
        try:
            return await self._drive(admitted, self._slots)
        finally:
            self.intake.leave(admitted.case.issue)

    async def inherit(self, filed: Filed) -> None:
        """Take an unfinished case that nobody living holds, and carry it to its end.

        It is not taken before there is a place for it here: others may be free sooner.
        """
        issue = filed.case.issue
        if self.drives(issue):
            return
        self.intake.driving[issue] += 1
        try:
            async with self._slots:
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
