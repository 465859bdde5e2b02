"""A proven fix on its way out: one for the same lines, and not given up while nobody answers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import ExecutionError, ForgeAway, RemoteAway
from mendwire.investigate.joining import Joining, until_ns
from mendwire.investigate.ports import Deliver
from mendwire.investigate.saving import Saver
from mendwire.model.boundary import Boundary, OnBoundary
from mendwire.model.case import Answer, CaseState, ParkReason
from mendwire.telemetry import emit, part

HAND_OVER_WAITS_S: Final = (60, 300, 1_800, 3_600, 14_400)
"""Pauses while what a fix is handed over to is away; after the last a person is asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HandingOver:
    """Delivers what was decided to be a fix."""

    docket: Docket
    saver: Saver
    deliver: Deliver
    boundary: OnBoundary

    async def hand_over(self, filed: Filed, joining: Joining | None) -> Filed:
        """The fix delivered, shared with another case's, or parked; ``joining`` looks at those.

        Raises Fenced.
        """
        filed = await self.docket.confirm(filed)
        if joining is not None:
            filed = await self._at_the_door(filed, joining)
            if filed.case.state is not CaseState.DELIVERING:
                return filed
        with part():
            return await self._handed_over(filed)

    async def _handed_over(self, filed: Filed) -> Filed:
        try:
            delivered = await self.deliver(filed.case)
        except (ForgeAway, RemoteAway) as problem:
            return await self._held_up(filed, problem)
        except ExecutionError as problem:
            return await self._not_handed_over(filed, problem)
        self.boundary(Boundary.COMMITTED)
        done: dict[str, Any] = {
            "delivered": delivered,
            "joined": "",
            "handing": False,
            "held_up": 0,
        }
        if filed.case.rework is not None:
            done |= {"rework": None, "answer": Answer.AGAIN}
        filed = await self.saver.save(filed, CaseState.DELIVERED, **done)
        emit(
            "delivery.made",
            case=filed.case.case_id,
            branch=delivered.branch,
            commit=delivered.commit,
            patch=delivered.patch_path,
            remote=delivered.remote,
            request=delivered.request,
        )
        self.boundary(Boundary.DELIVERED)
        return filed

    async def _held_up(self, filed: Filed, problem: ExecutionError) -> Filed:
        """It is proven and paid for: that is not given up because nobody answers just now."""
        tries = filed.case.held_up
        if tries >= len(HAND_OVER_WAITS_S):
            return await self._not_handed_over(filed, problem)
        until = time.time_ns() + HAND_OVER_WAITS_S[tries] * 1_000_000_000
        reason = ParkReason.OUTAGE
        return await self.saver.park(filed, reason, str(problem), until, held_up=tries + 1)

    async def _not_handed_over(self, filed: Filed, problem: ExecutionError) -> Filed:
        if filed.case.rework is not None:
            emit("rework.failed", case=filed.case.case_id, reason=str(problem))
            return await self.saver.stand(filed, Answer.UNDELIVERED)
        return await self.saver.park(filed, ParkReason.PERSON, str(problem), 0)

    async def _at_the_door(self, filed: Filed, joining: Joining) -> Filed:
        """Of cases that were proven at the same time one is handed over, and that one's fix tried.

        Looked at before and after it is said that this one is handed over: of two that say so at
        once the later one sees the earlier one, and stands back.
        """
        for _ in range(1 if filed.case.handing else 2):
            if other := await joining.delivering(filed.case):
                note = f"case {other.case_id} changes the same lines and is handed over just now"
                return await self.saver.park(
                    filed, ParkReason.JOINED, note, until_ns(), joined=other.case_id
                )
            if not filed.case.handing:
                filed = await self.saver.save(filed, CaseState.DELIVERING, handing=True)
        fix, proof = await joining.overlapped(filed.case) or (None, None)
        return await self.saver.share(filed, fix, proof) if fix and proof else filed
