"""All cases of one worker: those its messages bring, and those that it inherits."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Fenced, MendwireError, ServerError, WireError
from mendwire.investigate.intake import Intake
from mendwire.investigate.investigation import Investigation
from mendwire.model.case import UNFINISHED
from mendwire.model.delivery import SETTLED_STATES, DeliveryState, Outcome, Received
from mendwire.telemetry import emit
from mendwire.wire.bus import Bus

WIRE_RETRY_S: Final = 1.0


@dataclass(kw_only=True, slots=True)
class Orchestrator:
    """``handle`` is the worker's handler; the sweeper brings in what nobody holds."""

    bus: Bus
    intake: Intake
    docket: Docket
    investigation: Investigation
    concurrency: int = 2
    _slots: asyncio.Semaphore = field(init=False)
    _driving: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.concurrency)

    @property
    def busy(self) -> bool:
        """Whether any case is being driven here."""
        return bool(self._driving)

    async def handle(self, received: Received) -> Outcome:
        """One message, from bytes to its outcome."""
        admitted = await self.intake.admit(received)
        if isinstance(admitted, Outcome):
            return admitted
        return await self._drive(admitted)

    async def inherit(self, filed: Filed) -> None:
        """Take an unfinished case that nobody living holds, and carry it to its end."""
        if filed.case.issue in self._driving:
            return
        taken = await self.docket.take_over(filed)
        if taken is not None:
            await self._drive(taken)

    async def adopt(self, received: Received) -> None:
        """Handle a message that a dead worker had pulled but not filed: read, not delivered."""
        outcome = await self.handle(received)
        if outcome.state in SETTLED_STATES and not outcome.removed:
            await self.bus.settle(received.ref)

    async def _drive(self, filed: Filed) -> Outcome:
        issue = filed.case.issue
        self._driving.add(issue)
        try:
            async with self._slots:
                return await self._until_settled(filed)
        except Fenced as problem:
            return Outcome(state=DeliveryState.LOST, reason=str(problem))
        except asyncio.CancelledError:
            await asyncio.shield(self._give_back(filed))
            raise
        finally:
            self._driving.discard(issue)
            self.investigation.let_go(filed.case)

    async def _until_settled(self, filed: Filed) -> Outcome:
        """Where the server was away in the middle of a verb, the docket says how far it came."""
        while True:
            try:
                return await self.investigation.drive(filed)
            except (WireError, ServerError) as problem:
                emit("connection.lost", url=f"case {filed.case.case_id} waits: {problem}")
                filed = await self._reread(filed)
            except Fenced:
                raise
            except Exception as bug:  # noqa: BLE001 - a bug of ours blocks one case and is told
                filed = await self.investigation.stop(await self._reread(filed), bug)

    async def _reread(self, filed: Filed) -> Filed:
        while True:
            await asyncio.sleep(WIRE_RETRY_S)
            with suppress(WireError, ServerError):
                return await self.docket.confirm(filed)

    async def _give_back(self, filed: Filed) -> None:
        with suppress(MendwireError, TimeoutError):
            async with asyncio.timeout(5):
                latest = await self.docket.confirm(filed)
                if latest.case.state in UNFINISHED:
                    await self.docket.give_back(latest)
