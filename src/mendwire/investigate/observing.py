"""Cases that are counted, not investigated, until their error comes often enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Fenced, IllegalMove
from mendwire.model.case import Case
from mendwire.model.delivery import MessageRef
from mendwire.model.moves import is_observed, noticed
from mendwire.telemetry import emit


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """Of one namespace."""

    docket: Docket

    async def seen(
        self, filed: Filed, minutes: Mapping[int, int], message: MessageRef | None = None
    ) -> Filed | None:
        """The case, open now, if with these further occurrences enough came within an hour.

        ``minutes`` is how many came in which minute. None where the case is not observed, or
        still is. With ``message`` it goes on under that one, for its first is settled long since.
        """
        parking = filed.case.parking
        if not is_observed(filed.case) or parking is None:
            return None
        pace = await self.docket.paces.add(filed.case.issue, minutes)
        if pace.last_hour < parking.at_rate:
            return None
        issue = filed.case.issue
        await self.docket.call(issue, 0)  # before: a kill in between leaves it to the sweeper
        try:
            opened = await self.docket.change(filed, lambda now: noticed(now, message))
        except (Fenced, IllegalMove):
            return None  # another worker was quicker, or a person
        await self.docket.call(issue, 0)
        await self.docket.paces.forget(issue)
        emit(
            "case.noticed",
            case=opened.case.case_id,
            count=pace.last_hour,
            until=parking.at_rate,
        )
        return opened

    async def begin(self, case: Case, minutes: Mapping[int, int]) -> None:
        """File a new case as one that is observed; raises Conflict when the issue has one."""
        await self.docket.file(case)
        await self.docket.paces.forget(case.issue)
        await self.docket.paces.add(case.issue, minutes)
