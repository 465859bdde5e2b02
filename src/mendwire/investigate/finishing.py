"""The end of a case: its result, the message's acknowledgement, and only then its last state."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Conflict
from mendwire.investigate.joining import Joining
from mendwire.investigate.ports import Keep
from mendwire.investigate.report_out import result_of
from mendwire.investigate.saving import Saver
from mendwire.model.boundary import Boundary, OnBoundary
from mendwire.model.case import Case, CaseState, Verdict, move
from mendwire.model.codec import encode
from mendwire.model.names import Names
from mendwire.telemetry import emit
from mendwire.wire.bus import Bus

_ENDS: Final = {Verdict.FIXED: CaseState.FIXED, Verdict.BLOCKED: CaseState.BLOCKED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Finishing:
    """Ends what was delivered, or needed no delivery."""

    bus: Bus
    names: Names
    docket: Docket
    saver: Saver
    joining: Joining | None
    boundary: OnBoundary
    keep: Keep
    agent: str
    """Who made it, as results name it."""

    async def finish(self, filed: Filed) -> Filed:
        """Result, then acknowledgement, then the end: in that order (rules A4)."""
        case = filed.case
        assert case.verdict is not None, "a delivered case has its verdict"
        if case.reworks and self.joining is not None:
            await self.joining.follow(case)
        await self.publish(case, case.verdict)
        self.boundary(Boundary.PUBLISHED)
        if case.message is not None:
            await self.bus.settle(case.message)
        self.boundary(Boundary.ACKNOWLEDGED)
        end = _ENDS.get(case.verdict, CaseState.CLOSED)

        def ended(now: Case) -> Case:
            if now.state is end:
                return now  # saved before, only the answer was lost
            published = move(now, CaseState.PUBLISHED, token=case.token)
            return move(published, end, token=case.token, holder="")

        filed = await self.saver.surely(case, lambda: self.docket.change(filed, ended))
        self.boundary(Boundary.CLOSED)
        if self.joining is not None:
            await self.joining.wake(filed.case)
        emit(
            "case.closed",
            case=case.case_id,
            title=case.title,
            environment=case.environment,
            verdict=case.verdict,
            reason=case.reason,
            cost_usd=round(case.cost_usd, 6),
            branch=case.delivered.branch if case.delivered else "",
            commit=case.delivered.commit if case.delivered else "",
        )
        return filed

    async def publish(self, case: Case, verdict: Verdict) -> None:
        """Once for a case and episode: a second try on its subject is refused by the server."""
        subject = self.names.result(verdict, case.case_id)
        bundle = await self.keep(case, self.agent)
        body = encode(result_of(case, self.agent, bundle))
        with suppress(Conflict):
            ack = await self.bus.publish(
                subject, body, msg_id=case.case_id, expected_last_subject_seq=0
            )
            if ack.duplicate:
                # Somebody else used our id: the server dropped the result, or has it already.
                ack = await self.bus.publish(subject, body, expected_last_subject_seq=0)
            emit("result.published", case=case.case_id, subject=subject, seq=ack.seq)
