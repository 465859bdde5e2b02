"""One case from its lease to its end: short verbs over one value, resumable at every state.

The state in the docket says where to go on; each verb does its work, saves one transition and
returns. What ends a case early is a verdict, a parking, or an exception that carries its payload.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import (
    AgentFailed,
    ExecutionError,
    Homeless,
    OverBudget,
    ProviderOutage,
    RunCancelled,
    ServerError,
    SpecialistsAway,
    WireError,
)
from mendwire.investigate.budget import Bounds, over_budget
from mendwire.investigate.finishing import Finishing
from mendwire.investigate.handing import HandingOver
from mendwire.investigate.joining import Joining
from mendwire.investigate.neighbours import Neighbours
from mendwire.investigate.outages import Outages
from mendwire.investigate.ports import CallBack, Deliver, Homes, Keep, Specialists
from mendwire.investigate.report_out import progress_of, summary_of
from mendwire.investigate.saving import Saver
from mendwire.investigate.setbacks import Setbacks
from mendwire.investigate.verdict import verdict_of
from mendwire.model.boundary import Boundary, OnBoundary
from mendwire.model.case import Answer, Case, CaseState, ParkReason, Step, Verdict
from mendwire.model.codec import encode
from mendwire.model.delivery import DeliveryState, Outcome
from mendwire.model.letter import PATCH_BYTES
from mendwire.model.names import Names
from mendwire.model.printable import printable
from mendwire.model.spending import paid
from mendwire.model.work import Approval, Finding, ProofStatus
from mendwire.telemetry import emit, part
from mendwire.wire.bus import Bus

_FILES_NAMED: Final = 100
_USUAL: Final = "review"


@dataclass(kw_only=True, slots=True)
class Investigation:
    """Drives leased cases. One object serves all cases of a worker."""

    bus: Bus
    names: Names
    docket: Docket
    specialists: Specialists
    deliver: Deliver
    bounds: Bounds
    boundary: OnBoundary
    outages: Outages
    keep: Keep
    autonomy: Callable[[Case], str] = lambda _case: "branch"
    """How far a case's fix may go: ``investigate`` ends with the finding."""
    homes: Homes | None = None
    """Where there are several repositories: the specialists of each."""
    joining: Joining | None = None
    """Compares cases with each other; None lets each go its way."""
    call_back: CallBack | None = None
    """Where roles are played in other processes."""
    _saver: Saver = field(init=False)

    def __post_init__(self) -> None:
        self._saver = Saver(docket=self.docket)

    async def drive(self, filed: Filed) -> Outcome:
        """Carry the case on from where it stands to its end or its parking.

        Raises Fenced when the lease is lost, and the bus's errors when the server is away.
        """
        verbs = {
            CaseState.LEASED: self._step,
            CaseState.DELIVERING: self._hand_over,
            CaseState.DELIVERED: self._finishing.finish,
            CaseState.PUBLISHED: self._finishing.finish,
        }
        while filed.case.state in verbs:
            before, filed = filed.case, await verbs[filed.case.state](filed)
            await self._called_back(before, filed.case)
        case = filed.case
        if case.state is CaseState.PARKED:
            if case.message is not None:
                await self.bus.settle(case.message)
            return Outcome(state=DeliveryState.PARKED, reason=case.case_id, removed=True)
        return Outcome(state=DeliveryState.SETTLED, reason=case.case_id, removed=True)

    async def stop(self, filed: Filed, bug: Exception) -> Filed:
        """A bug of ours met this case: it ends for a person, with what is known of it."""
        why = f"Mendwire itself failed: {type(bug).__name__}: {printable(str(bug), 300)}"
        if filed.case.state is CaseState.LEASED:
            decided = await self._decide(filed, Verdict.BLOCKED, why)
            await self._called_back(filed.case, decided.case)
            return decided
        if filed.case.state in {CaseState.DELIVERING, CaseState.DELIVERED}:
            return await self._saver.park(filed, ParkReason.PERSON, why, 0)
        raise bug

    async def _called_back(self, before: Case, after: Case) -> None:
        """Whoever works elsewhere on what the case does not wait for any more is stopped."""
        if self.call_back is not None and before.away is not None and after.away is None:
            with suppress(WireError, ServerError):  # its run ends by its own limits
                await self.call_back(before)

    @property
    def _setbacks(self) -> Setbacks:
        return Setbacks(
            docket=self.docket,
            saver=self._saver,
            outages=self.outages,
            bounds=self.bounds,
            decide=self._decide,
            agent=self.specialists.name,
        )

    async def _hand_over(self, filed: Filed) -> Filed:
        handing = HandingOver(
            docket=self.docket, saver=self._saver, deliver=self.deliver, boundary=self.boundary
        )
        return await handing.hand_over(filed, self._neighbours.of(filed.case))

    @property
    def _finishing(self) -> Finishing:
        return Finishing(
            bus=self.bus,
            names=self.names,
            docket=self.docket,
            saver=self._saver,
            joining=self.joining,
            boundary=self.boundary,
            keep=self.keep,
            agent=self.specialists.name,
        )

    def _of(self, case: Case) -> Specialists:
        return self.homes.of(case) if self.homes is not None else self.specialists

    @property
    def _neighbours(self) -> Neighbours:
        return Neighbours(docket=self.docket, saver=self._saver, joining=self.joining)

    async def _step(self, filed: Filed) -> Filed:
        steps = {
            Step.RESEARCH: self._research,
            Step.IMPLEMENT: self._implement,
            Step.VERIFY: self._verify,
            Step.REVIEW: self._review,
        }
        step = filed.case.step or Step.RESEARCH
        if self.homes is not None:
            try:
                name = self.homes.name_of(filed.case)
            except Homeless as problem:
                return await self._decide(filed, Verdict.NEEDS_HUMAN, str(problem))
            if name != filed.case.repository:
                filed = await self._saver.save(filed, CaseState.LEASED, repository=name)
        if waited := await self._neighbours.waited(filed):
            return waited
        if step is Step.RESEARCH and filed.case.finding is not None:
            return await self._timed(filed, step, self._found)  # it waited, and was paid for
        if not self.specialists.paid or step is Step.VERIFY:
            return await self._timed(filed, step, steps[step])
        # What a worker sent that was killed is paid for, and its money still set aside.
        if filed.case.away is None and (parked := await self._unpaid(filed)):
            return parked
        try:
            return await self._timed(filed, step, steps[step])
        finally:
            with suppress(WireError, ServerError):  # what stays set aside ends with the day
                await self.docket.unreserve(filed.case.issue)

    async def _unpaid(self, filed: Filed) -> Filed | None:
        """The case laid aside, or its round for reviewers ended, where no run can be paid."""
        if filed.case.rework is not None and self.bounds.is_spent(filed.case):
            return await self._saver.stand(filed, Answer.MONEY)
        return await over_budget(filed, self.bounds, self.docket, self._saver)

    async def _timed(
        self, filed: Filed, step: Step, verb: Callable[[Filed], Awaitable[Filed]]
    ) -> Filed:
        with part():
            await self._tell(filed.case, step)
            return await self._stepped(filed, step, verb)

    async def _stepped(
        self, filed: Filed, step: Step, verb: Callable[[Filed], Awaitable[Filed]]
    ) -> Filed:
        started = time.monotonic()
        try:
            after = await verb(filed)
        except ProviderOutage as problem:
            return await self._setbacks.outage(filed, step, problem)
        except OverBudget as problem:
            return await self._setbacks.out_of_money(filed, step, problem)
        except (SpecialistsAway, RunCancelled) as problem:
            return await self._setbacks.not_done(filed, step, problem)
        except AgentFailed as problem:
            return await self._setbacks.attempt_failed(filed, step, problem)
        except ExecutionError as problem:
            self._setbacks.failed(filed.case, step, problem, "attempt")
            return await self._decide(filed, Verdict.BLOCKED, str(problem))
        self.outages.let_go(filed.case)
        emit(
            "step.finished",
            case=filed.case.case_id,
            step=step,
            agent=self.specialists.name,
            summary=summary_of(after.case, step),
            cost_usd=round(after.case.cost_usd - filed.case.cost_usd, 6),
            tokens=after.case.tokens - filed.case.tokens,
            seconds=round(time.monotonic() - started, 3),
        )
        return after

    async def _research(self, filed: Filed) -> Filed:
        case = filed.case
        base = case.base or await self._of(case).base()
        if case.away is None and (ended := await self._needless(filed, base)):
            return ended
        finding, cost = await self._of(case).research(replace(case, base=base))
        self.boundary(Boundary.RESEARCHED)
        await self._saver.spend(case, cost)
        known = {"finding": finding, "base": base, **paid(case, cost)}
        return await self._understood(filed, finding, known)

    async def _needless(self, filed: Filed, base: str) -> Filed | None:
        """The case decided where no agent need be asked: gone at base, or mended by another."""
        case = filed.case
        if gone := await self._of(case).gone(replace(case, base=base)):
            verdict, why = verdict_of(gone, review=None, restricted=case.restricted)
            return await self._decide(filed, verdict, why, base=base, proof=gone)
        return await self._neighbours.shared(filed, replace(case, base=base), base=base)

    async def _understood(self, filed: Filed, finding: Finding, known: dict[str, Any]) -> Filed:
        """After research: for a person, after another's fix, or to be implemented."""
        case = filed.case
        if case.restricted:
            why = "The screen restricts this report; a person must look at this bug."
            return await self._decide(filed, Verdict.NEEDS_HUMAN, why, **known)
        if finding.confidence <= 0:
            return await self._decide(filed, Verdict.NEEDS_HUMAN, finding.summary, **known)
        if self.autonomy(case) == "investigate":
            why = (
                "Found, not mended: autonomy is set to investigate. "
                f"`mendwire cases approve {case.case_id}` lets it be mended."
            )
            return await self._decide(filed, Verdict.NEEDS_HUMAN, why, **known)
        # Fixes made meanwhile, and those of files that research names and the stack does not.
        now = replace(case, finding=finding, base=known["base"])
        if shared := await self._neighbours.shared(filed, now, **known):
            return shared
        if parked := await self._neighbours.behind(filed, now, **known):
            return parked
        filed = await self._saver.save(filed, CaseState.LEASED, step=Step.IMPLEMENT, **known)
        self.boundary(Boundary.RESEARCH_SAVED)
        return filed

    async def _found(self, filed: Filed) -> Filed:
        """A case that waited after its research: gone at base now, mended by another, or alone."""
        case = filed.case
        base = await self._of(case).base()
        if ended := await self._needless(filed, base):
            return ended
        if parked := await self._neighbours.behind(filed, case, base=base):
            return parked
        return await self._saver.save(filed, CaseState.LEASED, step=Step.IMPLEMENT, base=base)

    async def _implement(self, filed: Filed) -> Filed:
        case = filed.case
        change, written, cost = await self._of(case).implement(case)
        self.boundary(Boundary.IMPLEMENTED)
        await self._saver.spend(case, cost)
        finding = case.finding
        if written is not None and finding is not None and finding.reproduction is None:
            finding = replace(finding, reproduction=written)
        if case.rework is not None and change.patch == case.rework.change.patch:
            return await self._saver.stand(filed, Answer.SAME, **paid(case, cost))
        if case.proof is not None and case.change and change.patch == case.change.patch:
            # Sent back, and the very same came again: another round would only cost as much.
            verdict, why = verdict_of(case.proof, review=case.review, restricted=case.restricted)
            return await self._decide(filed, verdict, f"Offered twice: {why}", **paid(case, cost))
        if (size := len(change.patch.encode())) > PATCH_BYTES:
            kept = replace(change, patch="", files=change.files[:_FILES_NAMED])
            why = f"The change has {size} bytes; a fix may have {PATCH_BYTES} at most."
            used = paid(case, cost)
            return await self._decide(filed, Verdict.REJECTED, why, change=kept, **used)
        filed = await self._saver.save(
            filed,
            CaseState.LEASED,
            step=Step.VERIFY,
            change=change,
            finding=finding,
            **paid(case, cost),
        )
        self.boundary(Boundary.CHANGE_SAVED)
        return filed

    async def _verify(self, filed: Filed) -> Filed:
        case = filed.case
        proof = await self._of(case).prove(case)
        if case.rework is not None and self.joining and proof.status is ProofStatus.VALID:
            proof = await self.joining.mends_all(case, proof)
        self.boundary(Boundary.VERIFIED)
        if proof.status is ProofStatus.VALID:
            if met := await self._neighbours.met(filed, proof):
                return met
            filed = await self._saver.save(filed, CaseState.LEASED, step=Step.REVIEW, proof=proof)
            self.boundary(Boundary.PROOF_SAVED)
            return filed
        if proof.status is ProofStatus.INVALID and case.rounds < self.bounds.rounds:
            return await self._send_back(filed, "\n".join(proof.reasons), proof=proof)
        verdict, reason = verdict_of(proof, review=None, restricted=case.restricted)
        return await self._decide(filed, verdict, reason, proof=proof)

    async def _review(self, filed: Filed) -> Filed:
        case = filed.case
        asked = {approval.called for approval in case.approvals}
        left = [one for one in await self._of(case).reviewers(case) if one not in asked]
        called = left[0] if left else _USUAL
        review, cost = await self._of(case).review(case, called)
        self.boundary(Boundary.REVIEWED)
        await self._saver.spend(case, cost)
        if called != _USUAL:
            review = replace(review, comments=f"{called}: {review.comments}")
        known = {"review": review, **paid(case, cost)}
        if review.approved and len(left) > 1:
            # What one of them said is not paid for again by whoever takes over now.
            given = Approval(called=called, comments=review.comments)
            more = {"approvals": (*case.approvals, given), **known}
            return await self._saver.save(filed, CaseState.LEASED, **more)
        if not review.approved and case.rounds < self.bounds.rounds:
            return await self._send_back(filed, review.comments, **known)
        assert case.proof is not None, "a case at review has its proof"
        verdict, reason = verdict_of(case.proof, review=review, restricted=case.restricted)
        return await self._decide(filed, verdict, reason, **known)

    async def _send_back(self, filed: Filed, feedback: str, **changes: Any) -> Filed:  # noqa: ANN401 - as in move
        return await self._saver.save(
            filed,
            CaseState.LEASED,
            step=Step.IMPLEMENT,
            rounds=filed.case.rounds + 1,
            feedback=feedback,
            approvals=(),
            **changes,
        )

    async def _decide(
        self,
        filed: Filed,
        verdict: Verdict,
        reason: str,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed:
        """Fix the one verdict in the docket, before anybody hears of it (rules A5)."""
        if filed.case.rework is not None and verdict is not Verdict.FIXED:
            emit("rework.failed", case=filed.case.case_id, reason=reason)
            used = {name: changes[name] for name in ("cost_usd", "tokens") if name in changes}
            return await self._saver.stand(filed, Answer.UNPROVEN, **used)
        to = CaseState.DELIVERING if verdict is Verdict.FIXED else CaseState.DELIVERED
        filed = await self._saver.save(filed, to, verdict=verdict, reason=reason, **changes)
        self.boundary(Boundary.DECIDED)
        return filed

    async def _tell(self, case: Case, step: Step) -> None:
        emit(
            "step.started",
            case=case.case_id,
            step=step,
            agent=self.specialists.name,
            attempt=case.attempts + 1,
        )
        body = encode(progress_of(case, step, self.specialists.name))
        await self.bus.tell(self.names.progress(case.case_id), body)
