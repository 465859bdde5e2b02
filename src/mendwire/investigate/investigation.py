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
    AgentError,
    AgentFailed,
    Conflict,
    ExecutionError,
    ForgeAway,
    Homeless,
    OverBudget,
    ProviderOutage,
    RemoteAway,
    RunCancelled,
    ServerError,
    SpecialistsAway,
    WireError,
)
from mendwire.investigate.budget import Bounds, is_spent, over_budget
from mendwire.investigate.joining import Joining, until_ns
from mendwire.investigate.outages import Outages
from mendwire.investigate.ports import CallBack, Deliver, Homes, Keep, Specialists
from mendwire.investigate.report_out import progress_of, result_of
from mendwire.investigate.saving import Saver, next_day_ns
from mendwire.investigate.verdict import verdict_of
from mendwire.model.boundary import Boundary, OnBoundary
from mendwire.model.case import (
    Answer,
    Case,
    CaseState,
    ParkReason,
    Step,
    Verdict,
    anew,
    move,
)
from mendwire.model.codec import encode
from mendwire.model.delivery import DeliveryState, Outcome
from mendwire.model.letter import PATCH_BYTES
from mendwire.model.names import Names
from mendwire.model.printable import printable
from mendwire.model.rework import standing
from mendwire.model.trace import parent_of
from mendwire.model.work import Approval, Finding, Proof, ProofStatus
from mendwire.telemetry import emit, part
from mendwire.wire.bus import Bus

_FILES_NAMED: Final = 100
_USUAL: Final = "review"
HAND_OVER_WAITS_S: Final = (60, 300, 1_800, 3_600, 14_400)
"""Pauses while what a fix is handed over to is away; after the last a person is asked."""
_LOOK_AGAIN_NS: Final = 60 * 1_000_000_000
_ENDS: Final = {Verdict.FIXED: CaseState.FIXED, Verdict.BLOCKED: CaseState.BLOCKED}


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
            CaseState.DELIVERED: self._finish,
            CaseState.PUBLISHED: self._finish,
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

    def _of(self, case: Case) -> Specialists:
        return self.homes.of(case) if self.homes is not None else self.specialists

    def _joins(self, case: Case) -> Joining | None:
        return None if case.alone or case.rework else self.joining

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
        if (joining := self._joins(filed.case)) and filed.case.joined:
            return await self._waited(filed, joining)
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
        if filed.case.rework is not None and is_spent(filed.case, self.bounds):
            return await self._stands(filed, Answer.MONEY)
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
            return await self._outage(filed, step, problem)
        except OverBudget as problem:
            return await self._out_of_money(filed, step, problem)
        except (SpecialistsAway, RunCancelled) as problem:
            return await self._not_done(filed, step, problem)
        except AgentFailed as problem:
            return await self._attempt_failed(filed, step, problem)
        except ExecutionError as problem:
            self._failed(filed.case, step, problem, "attempt")
            return await self._decide(filed, Verdict.BLOCKED, str(problem))
        self.outages.let_go(filed.case)
        emit(
            "step.finished",
            case=filed.case.case_id,
            step=step,
            agent=self.specialists.name,
            summary=_summary(after.case, step),
            cost_usd=round(after.case.cost_usd - filed.case.cost_usd, 6),
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
        known = {"finding": finding, "base": base, "cost_usd": case.cost_usd + cost}
        return await self._understood(filed, finding, known)

    async def _needless(self, filed: Filed, base: str) -> Filed | None:
        """The case decided where no agent need be asked: gone at base, or mended by another."""
        case = filed.case
        if gone := await self._of(case).gone(replace(case, base=base)):
            verdict, why = verdict_of(gone, review=None, restricted=case.restricted)
            return await self._decide(filed, verdict, why, base=base, proof=gone)
        return await self._shared(filed, base)

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
        if joining := self._joins(case):
            # Fixes made meanwhile, and those of files that research names and the stack does not.
            now = replace(case, finding=finding, base=known["base"])
            if found := await joining.mended(now):
                return await self._join(filed, *found, **known)
            if other := await joining.ahead(now):
                return await self._wait_for(filed, other, "the same place", **known)
        filed = await self._saver.save(filed, CaseState.LEASED, step=Step.IMPLEMENT, **known)
        self.boundary(Boundary.RESEARCH_SAVED)
        return filed

    async def _found(self, filed: Filed) -> Filed:
        """A case that waited after its research: gone at base now, mended by another, or alone."""
        case = filed.case
        base = await self._of(case).base()
        if ended := await self._needless(filed, base):
            return ended
        joining = self._joins(case)
        if joining and (other := await joining.ahead(case)):
            return await self._wait_for(filed, other, "the same place", base=base)
        return await self._saver.save(filed, CaseState.LEASED, step=Step.IMPLEMENT, base=base)

    async def _shared(self, filed: Filed, base: str) -> Filed | None:
        """The case decided by the open fix of another that mends it, too; nothing is spent."""
        joining = self._joins(filed.case)
        found = await joining.mended(replace(filed.case, base=base)) if joining else None
        return await self._join(filed, *found, base=base) if found else None

    async def _join(
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
        return await self._saver.save(
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

    async def _wait_for(
        self,
        filed: Filed,
        other: Case,
        what: str,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Filed:
        note = f"case {other.case_id} is about {what}; its fix is tried on this one first"
        parked = await self._saver.park(
            filed, ParkReason.JOINED, note, until_ns(), joined=other.case_id, **changes
        )
        if self.joining is not None and not await self.joining.still_waits(parked.case):
            await self.joining.wake(other)  # it ended in this moment
        return parked

    async def _waited(self, filed: Filed, joining: Joining) -> Filed:
        """A case that waited for another's fix: on with it, unless that is still to come."""
        case = filed.case
        if await joining.still_waits(case):
            note = case.reason or f"waits for case {case.joined}"
            return await self._saver.park(filed, ParkReason.JOINED, note, until_ns())
        return await self.docket.change(filed, lambda now: anew(now, token=case.token))

    async def _implement(self, filed: Filed) -> Filed:
        case = filed.case
        change, written, cost = await self._of(case).implement(case)
        self.boundary(Boundary.IMPLEMENTED)
        await self._saver.spend(case, cost)
        finding = case.finding
        if written is not None and finding is not None and finding.reproduction is None:
            finding = replace(finding, reproduction=written)
        if case.rework is not None and change.patch == case.rework.change.patch:
            return await self._stands(filed, Answer.SAME, cost_usd=case.cost_usd + cost)
        if case.proof is not None and case.change and change.patch == case.change.patch:
            # Sent back, and the very same came again: another round would only cost as much.
            verdict, why = verdict_of(case.proof, review=case.review, restricted=case.restricted)
            total = case.cost_usd + cost
            return await self._decide(filed, verdict, f"Offered twice: {why}", cost_usd=total)
        if (size := len(change.patch.encode())) > PATCH_BYTES:
            kept = replace(change, patch="", files=change.files[:_FILES_NAMED])
            why = f"The change has {size} bytes; a fix may have {PATCH_BYTES} at most."
            total = case.cost_usd + cost
            return await self._decide(filed, Verdict.REJECTED, why, change=kept, cost_usd=total)
        filed = await self._saver.save(
            filed,
            CaseState.LEASED,
            step=Step.VERIFY,
            change=change,
            finding=finding,
            cost_usd=case.cost_usd + cost,
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
            if met := await self._met(filed, proof):
                return met
            filed = await self._saver.save(filed, CaseState.LEASED, step=Step.REVIEW, proof=proof)
            self.boundary(Boundary.PROOF_SAVED)
            return filed
        if proof.status is ProofStatus.INVALID and case.rounds < self.bounds.rounds:
            return await self._send_back(filed, "\n".join(proof.reasons), proof=proof)
        verdict, reason = verdict_of(proof, review=None, restricted=case.restricted)
        return await self._decide(filed, verdict, reason, proof=proof)

    async def _met(self, filed: Filed, proof: Proof) -> Filed | None:
        """Where an open fix changes the same lines: shared if it mends this, too, else awaited."""
        joining = self._joins(filed.case)
        found = await joining.overlapped(filed.case) if joining else None
        if found is None:
            return None
        fix, shared = found
        if shared is not None:
            return await self._join(filed, fix, shared)
        what = "the same lines, and does not mend this one: it is to be merged or closed first"
        return await self._wait_for(filed, fix, what, proof=proof)

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
        known = {"review": review, "cost_usd": case.cost_usd + cost}
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
            return await self._stands(
                filed, Answer.UNPROVEN, cost_usd=changes.get("cost_usd", filed.case.cost_usd)
            )
        to = CaseState.DELIVERING if verdict is Verdict.FIXED else CaseState.DELIVERED
        filed = await self._saver.save(filed, to, verdict=verdict, reason=reason, **changes)
        self.boundary(Boundary.DECIDED)
        return filed

    async def _stands(self, filed: Filed, answer: Answer, **changes: Any) -> Filed:  # noqa: ANN401 - as in move
        """A round for reviewers that came to nothing: what was delivered stays the fix."""
        known = {**standing(filed.case, answer), "handing": False, **changes}
        return await self._saver.save(filed, CaseState.DELIVERED, **known)

    async def _hand_over(self, filed: Filed) -> Filed:
        filed = await self.docket.confirm(filed)
        if joining := self._joins(filed.case):
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
        filed = await self._saver.save(filed, CaseState.DELIVERED, **done)
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
        return await self._saver.park(filed, reason, str(problem), until, held_up=tries + 1)

    async def _not_handed_over(self, filed: Filed, problem: ExecutionError) -> Filed:
        if filed.case.rework is not None:
            emit("rework.failed", case=filed.case.case_id, reason=str(problem))
            return await self._stands(filed, Answer.UNDELIVERED)
        return await self._saver.park(filed, ParkReason.PERSON, str(problem), 0)

    async def _at_the_door(self, filed: Filed, joining: Joining) -> Filed:
        """Of cases that were proven at the same time one is handed over, and that one's fix tried.

        Looked at before and after it is said that this one is handed over: of two that say so at
        once the later one sees the earlier one, and stands back.
        """
        for _ in range(1 if filed.case.handing else 2):
            if other := await joining.delivering(filed.case):
                note = f"case {other.case_id} changes the same lines and is handed over just now"
                return await self._saver.park(
                    filed, ParkReason.JOINED, note, until_ns(), joined=other.case_id
                )
            if not filed.case.handing:
                filed = await self._saver.save(filed, CaseState.DELIVERING, handing=True)
        fix, proof = await joining.overlapped(filed.case) or (None, None)
        return await self._join(filed, fix, proof) if fix and proof else filed

    async def _finish(self, filed: Filed) -> Filed:
        """Result, then acknowledgement, then the end: in that order (rules A4)."""
        case = filed.case
        assert case.verdict is not None, "a delivered case has its verdict"
        if case.reworks and self.joining is not None:
            await self.joining.follow(case)
        await self._publish(case, case.verdict)
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

        filed = await self._saver.surely(case, lambda: self.docket.change(filed, ended))
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

    async def _publish(self, case: Case, verdict: Verdict) -> None:
        """Once for a case and episode: a second try on its subject is refused by the server."""
        subject = self.names.result(verdict, case.case_id)
        bundle = await self.keep(case, self.specialists.name)
        body = encode(result_of(case, self.specialists.name, bundle))
        with suppress(Conflict):
            ack = await self.bus.publish(
                subject, body, msg_id=case.case_id, expected_last_subject_seq=0
            )
            if ack.duplicate:
                # Somebody else used our id: the server dropped the result, or has it already.
                ack = await self.bus.publish(subject, body, expected_last_subject_seq=0)
            emit("result.published", case=case.case_id, subject=subject, seq=ack.seq)

    async def _outage(self, filed: Filed, step: Step, problem: ProviderOutage) -> Filed:
        """Costs no attempt: no new message is pulled, what is held stays held, and we wait."""
        case = filed.case
        self._failed(case, step, problem, "outage")
        await self._saver.spend(case, problem.cost_usd)
        await self.outages.sit_out(case, problem)
        return await self.docket.confirm(filed)

    async def _not_done(
        self, filed: Filed, step: Step, problem: SpecialistsAway | RunCancelled
    ) -> Filed:
        """Costs no attempt: the case waits where people see it.

        It looks again by itself, unless a person ended the run.
        """
        if isinstance(problem, RunCancelled):
            self._failed(filed.case, step, problem, "cancelled")
            return await self._saver.park(filed, ParkReason.PERSON, str(problem), 0)
        self._failed(filed.case, step, problem, "outage")
        await self._saver.spend(filed.case, problem.cost_usd)
        until = time.time_ns() + _LOOK_AGAIN_NS
        cost = filed.case.cost_usd + problem.cost_usd
        return await self._saver.park(filed, ParkReason.OUTAGE, str(problem), until, cost_usd=cost)

    async def _attempt_failed(self, filed: Filed, step: Step, problem: AgentError) -> Filed:
        case = filed.case
        self._failed(case, step, problem, "attempt")
        await self._saver.spend(case, problem.cost_usd)
        attempts = case.attempts + 1
        used = {"attempts": attempts, "cost_usd": case.cost_usd + problem.cost_usd}
        if attempts >= self.bounds.attempts:
            why = f"The agent failed {attempts} times, last: {problem}"
            return await self._decide(filed, Verdict.BLOCKED, why, **used)
        return await self._saver.save(filed, CaseState.LEASED, **used)

    async def _out_of_money(self, filed: Filed, step: Step, problem: OverBudget) -> Filed:
        """Not a verdict: parked until the next day, or for a person once the tries are used up."""
        case = filed.case
        self._failed(case, step, problem, "budget")
        await self._saver.spend(case, problem.cost_usd)
        attempts = case.attempts + 1
        until = next_day_ns() if attempts < self.bounds.attempts else 0
        cost = case.cost_usd + problem.cost_usd
        if case.rework is not None and not until:
            return await self._stands(filed, Answer.MONEY, cost_usd=cost)
        return await self._saver.park(
            filed, ParkReason.BUDGET, str(problem), until, attempts=attempts, cost_usd=cost
        )

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

    def _failed(self, case: Case, step: Step, problem: Exception, kind: str) -> None:
        emit(
            "step.failed",
            case=case.case_id,
            step=step,
            agent=self.specialists.name,
            error=str(problem),
            kind=kind,
        )


def _summary(case: Case, step: Step) -> str:
    if step is Step.RESEARCH and case.finding:
        return case.finding.summary
    if step is Step.IMPLEMENT and case.change:
        files = "1 file" if len(case.change.files) == 1 else f"{len(case.change.files)} files"
        return f"{files}, +{case.change.added} -{case.change.removed}"
    if step is Step.VERIFY and case.proof:
        return f"{case.proof.status}: {'; '.join(case.proof.reasons)}"
    if step is Step.REVIEW and case.review:
        return "approved" if case.review.approved else "sent back"
    return ""
