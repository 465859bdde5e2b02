"""A case beside others: it shares their fix, waits for it, or goes on without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from mendwire.docket.cases import Docket, Filed
from mendwire.investigate.joining import Joining, until_ns
from mendwire.investigate.saving import Saver
from mendwire.model.case import Case, ParkReason
from mendwire.model.moves import anew
from mendwire.model.work import Proof

_PLACE: Final = "the same place"


@dataclass(frozen=True, kw_only=True, slots=True)
class Neighbours:
    """What becomes of a case by the fixes of others; nothing is spent on it here.

    Each gives the case as it was saved, or None where others change nothing for it.
    """

    docket: Docket
    saver: Saver
    joining: Joining | None

    def of(self, case: Case) -> Joining | None:
        """Who compares the case with others; None where it goes its way alone."""
        return None if case.alone or case.rework else self.joining

    async def shared(
        self,
        filed: Filed,
        seen: Case,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed | None:
        """Decided by the open fix of another that mends it, too; ``seen`` is what is known now."""
        joining = self.of(filed.case)
        found = await joining.mended(seen) if joining else None
        return await self.saver.share(filed, *found, **changes) if found else None

    async def behind(
        self,
        filed: Filed,
        seen: Case,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed | None:
        """Parked where an earlier case is at work in the same place."""
        joining = self.of(filed.case)
        other = await joining.ahead(seen) if joining else None
        return await self._wait_for(filed, other, _PLACE, **changes) if other else None

    async def met(self, filed: Filed, proof: Proof) -> Filed | None:
        """Where an open fix changes the same lines: shared if it mends this, too, else awaited."""
        joining = self.of(filed.case)
        found = await joining.overlapped(filed.case) if joining else None
        if found is None:
            return None
        fix, shared = found
        if shared is not None:
            return await self.saver.share(filed, fix, shared)
        what = "the same lines, and does not mend this one: it is to be merged or closed first"
        return await self._wait_for(filed, fix, what, proof=proof)

    async def waited(self, filed: Filed) -> Filed | None:
        """On with a case that waited for another's fix, unless that is still to come."""
        case, joining = filed.case, self.of(filed.case)
        if joining is None or not case.joined:
            return None
        if await joining.still_waits(case):
            note = case.reason or f"waits for case {case.joined}"
            return await self.saver.park(filed, ParkReason.JOINED, note, until_ns())
        return await self.docket.change(filed, lambda now: anew(now, token=case.token))

    async def _wait_for(
        self,
        filed: Filed,
        other: Case,
        what: str,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed:
        note = f"case {other.case_id} is about {what}; its fix is tried on this one first"
        parked = await self.saver.park(
            filed, ParkReason.JOINED, note, until_ns(), joined=other.case_id, **changes
        )
        if self.joining is not None and not await self.joining.still_waits(parked.case):
            await self.joining.wake(other)  # it ended in this moment
        return parked
