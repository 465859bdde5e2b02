"""Saving a case's moves, its parking and its costs, however long the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import ServerError, StreamFull
from mendwire.model.case import Answer, Case, CaseState, Parking, ParkReason, Verdict, move
from mendwire.model.rework import standing
from mendwire.model.trace import parent_of
from mendwire.model.work import Cost, Proof
from mendwire.telemetry import emit
from mendwire.wire.api import NobodyListens

PASSING: Final = (ServerError, StreamFull, NobodyListens)
"""Trouble of the server's that ends by itself or by an operator's hand; all else is a bug."""
RETRY_S: Final = 1.0
LONGEST_WAIT_S: Final = 30.0
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Saver:
    """What an agent did is not paid for twice: a save is tried until it is done or refused."""

    docket: Docket

    async def save(self, filed: Filed, to: CaseState, **changes: Any) -> Filed:  # noqa: ANN401 - as in move
        """One transition; raises Fenced when the lease is lost."""
        token = filed.case.token
        changes.setdefault("away", None)  # whatever was waited for is answered, or not wanted

        def moved(now: Case) -> Case:
            if now.state is to is CaseState.PARKED:
                return now  # saved before, only the answer was lost
            return move(now, to, token=token, **changes)

        return await self.surely(filed.case, lambda: self.docket.change(filed, moved))

    async def park(
        self,
        filed: Filed,
        reason: ParkReason,
        note: str,
        until_ns: int,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed:
        """Lay the case aside until then; 0 waits for a person."""
        parking = Parking(reason=reason, note=note, until_ns=until_ns)
        if until_ns:
            await self.surely(filed.case, lambda: self.docket.call(filed.case.issue, until_ns))
        changes |= {"parking": parking, "holder": "", "handing": False}
        filed = await self.save(filed, CaseState.PARKED, **changes)
        emit("case.parked", case=filed.case.case_id, reason=reason, until=until_ns)
        return filed

    async def share(
        self,
        filed: Filed,
        fix: Case,
        proof: Proof,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed:
        """One fix for both: it is delivered already, and what becomes of it becomes of this."""
        why = f"The fix of case {fix.case_id} mends it, too: {' '.join(proof.reasons)}"
        trace = parent_of(fix.span)
        emit("case.shares", case=filed.case.case_id, fix=fix.case_id, trace=trace)
        return await self.save(
            filed,
            CaseState.DELIVERED,
            verdict=Verdict.FIXED,
            reason=why,
            proof=proof,
            joined=fix.case_id,
            delivered=fix.delivered,
            handing=False,
            **changes,
        )

    async def stand(self, filed: Filed, answer: Answer, **changes: Any) -> Filed:  # noqa: ANN401 - as in move
        """A round for reviewers that came to nothing: what was delivered stays the fix."""
        known = {**standing(filed.case, answer), "handing": False, **changes}
        return await self.save(filed, CaseState.DELIVERED, **known)

    async def spend(self, case: Case, cost: Cost) -> None:
        """Add to today's sums."""
        if cost.tokens:
            await self.surely(case, lambda: self.docket.use(today(), cost.tokens))
        if cost.usd:
            await self.surely(case, lambda: self.docket.spend(today(), cost.usd))
            emit("money.spent", case=case.case_id, usd=round(cost.usd, 6))

    async def surely(self, case: Case, save: Callable[[], Awaitable[T]]) -> T:
        """``save()``, again and again while the server's trouble passes."""
        wait = RETRY_S
        while True:
            try:
                return await save()
            except PASSING as problem:
                emit("connection.lost", url=f"case {case.case_id} waits to be saved: {problem}")
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_S)


def today() -> str:
    """The UTC day whose money is spent now, ``YYYYMMDD``."""
    return datetime.now(UTC).strftime("%Y%m%d")


def next_day_ns() -> int:
    """When it ends, nanoseconds since the epoch."""
    tomorrow = datetime.now(UTC).replace(hour=0, minute=0, second=0) + timedelta(days=1)
    return int(tomorrow.timestamp()) * 1_000_000_000
