"""From a message to a case: decode, scrub, screen, and open, join or skip in the docket."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from mendwire.docket.cases import Docket, Filed
from mendwire.docket.deployments import Deployments
from mendwire.docket.roster import Roster
from mendwire.errors import Conflict, Damaged, Fenced, IllegalMove, ScreenBroken, Undecodable
from mendwire.investigate.observing import Observation
from mendwire.investigate.ports import Quarantine, Released, Screened, Screener, Tell
from mendwire.investigate.receipt import place_of, receiving, tell_receipt, tell_way
from mendwire.model.another import issue_apart
from mendwire.model.boundary import Boundary, OnBoundary
from mendwire.model.case import RETURNABLE, UNFINISHED, Case, CaseState, ParkReason
from mendwire.model.codec import encode
from mendwire.model.delivery import DeliveryState, MessageRef, Outcome, Received
from mendwire.model.deployment import first_order_of, whole
from mendwire.model.moves import is_observed, observed, regressed
from mendwire.model.names import Names
from mendwire.model.pace import minute_of
from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport, Trust, parse_report
from mendwire.model.screening import ScreenedReport, ScreenVerdict
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_report
from mendwire.model.signature import canonical, crash_frame, error_type, issue_key, signature
from mendwire.model.trace import carried_by, parent_of, receipt_of
from mendwire.telemetry import emit, within

TRUST_HEADER: Final = "Mendwire-Trust"
Rate = Callable[[str, str], int]
"""Of environment and service."""


Home = Callable[[ErrorReport], str]


def _only_one(_report: ErrorReport) -> str:
    return ""


def _at_once(_environment: str, _service: str) -> int:
    return 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Read:
    """A message as it goes on."""

    payload: bytes
    """Scrubbed."""
    report: ErrorReport


@dataclass(frozen=True, kw_only=True, slots=True)
class Intake:
    """Decides what becomes of each message before any agent is asked."""

    names: Names
    docket: Docket
    roster: Roster
    deployments: Deployments
    tell: Tell
    """Publishes what became of a fix."""
    screen: Screener
    quarantine: Quarantine
    released: Released
    boundary: OnBoundary
    rate: Rate = _at_once
    """Of new cases: occurrences within an hour before one is investigated; 0 is at once."""
    home: Home = _only_one
    """In which of several repositories a report's service lives; empty where none is known."""
    scrub: ScrubPolicy = DEFAULT
    """What is taken out of reports before anything of them is kept."""
    driving: Counter[str] = field(default_factory=Counter)
    """Issues that this worker is filing, taking or working on, and how often at once. A case that
    the docket says is ours while it is not in here was forgotten, e.g. because the answer to its
    opening was lost."""

    def drives(self, issue: str) -> bool:
        """Whether this worker is at a case of ``issue``."""
        return self.driving[issue] > 0

    def leave(self, issue: str) -> None:
        """End what raised ``driving``."""
        self.driving[issue] -= 1
        if self.driving[issue] <= 0:
            del self.driving[issue]

    async def admit(self, received: Received) -> Filed | Outcome:
        """The case to work on, leased to us, or what becomes of the message right away.

        A case that is returned counts as driven until ``leave``.
        """
        self.boundary(Boundary.RECEIVED)
        began_ns = time.time_ns()
        try:
            read = self._read(received)
        except Undecodable as problem:
            return Outcome(state=DeliveryState.UNDECODABLE, reason=str(problem))
        place = place_of(received.ref)
        carried = carried_by(received.headers, read.report.trace_id, place)
        tell_way(carried, received)
        with within(receipt_of(carried, place, received.deliveries, began_ns)):
            admitted = await self._admitted(received, read)
            tell_receipt(admitted, received)
        return admitted

    async def _admitted(self, received: Received, read: _Read) -> Filed | Outcome:
        began = time.monotonic()
        try:
            screened = await self._screened(received, read)
        except ScreenBroken as problem:
            await self.quarantine(received, str(problem), None)
            return Outcome(state=DeliveryState.QUARANTINED, reason=str(problem))
        screening = screened.screening
        emit(
            "report.screened",
            verdict=screening.verdict,
            score=screening.score,
            reasons=[reason.rule for reason in screening.reasons],
            signature=received.ref.msg_id,
            seconds=round(time.monotonic() - began, 6),
        )
        if screening.verdict is ScreenVerdict.REJECT:
            await self.quarantine(received, "prompt_injection_detected", screening)
        self.boundary(Boundary.SCREENED)
        case = self._newcomer(received, read.payload, screened)
        if case is None:
            return Outcome(state=DeliveryState.QUARANTINED, reason="prompt_injection_detected")
        return await self._file(case, received)

    async def foresee(self, received: Received) -> Case | None:
        """The case that this message would open, without opening it or keeping anything.

        Raises Undecodable, ScreenBroken, ScreenUnavailable.
        """
        read = self._read(received)
        screened = await self._screened(received, read)
        return self._newcomer(received, read.payload, screened)

    def _read(self, received: Received) -> _Read:
        payload = scrub_report(received.payload, self.scrub)
        return _Read(payload=payload, report=parse_report(payload))

    async def _screened(self, received: Received, read: _Read) -> Screened:
        """Screened, or as a person released it: the very bytes that arrived, whatever they say."""
        payload, report, trust = read.payload, read.report, _trust(received)
        digest = sha256(received.payload).hexdigest()
        try:
            screened = await self.screen(report, payload, trust)
        except ScreenBroken:
            released = await self.released(digest, report, payload, trust)
            if released is None:
                raise
            return released
        if screened.screening.verdict is not ScreenVerdict.PASS:
            screened = await self.released(digest, report, payload, trust) or screened
        return screened

    async def _file(self, case: Case, received: Received) -> Filed | Outcome:
        if case.trust is Trust.TRUSTED:
            await self.deployments.hear(
                case.environment, case.service, case.release, case.repository
            )
        self.driving[case.issue] += 1
        found: Filed | Outcome | None = None
        try:
            found = await self._opened_or_known(case, received)
        finally:
            if not isinstance(found, Filed) or found.case.issue != case.issue:
                self.leave(case.issue)
        return found

    async def _opened_or_known(self, case: Case, received: Received) -> Filed | Outcome:
        rate = self.rate(case.environment, case.service)
        while True:
            try:
                if rate > 1:
                    return await self._observed(case, received, rate)
                filed = await self.docket.open(case)
            except Conflict:
                pass
            else:
                self._opened(filed.case)
                return filed
            try:
                known = await self.docket.get(case.issue)
                if known is not None:
                    return await self._known(known, case, received)
            except Damaged as problem:
                return Outcome(state=DeliveryState.DEFERRED, reason=str(problem), delay_s=300)

    async def _observed(self, case: Case, received: Received, rate: int) -> Outcome:
        """A new case that waits until its error comes often enough; raises Conflict."""
        note = f"investigated once it comes {rate} times within an hour"
        waiting = observed(case, note, rate)
        await Observation(docket=self.docket).begin(waiting, {minute_of(received.published_ns): 1})
        self._opened(waiting)
        emit("case.parked", case=case.case_id, reason=ParkReason.OBSERVED, until=0)
        return Outcome(state=DeliveryState.PARKED, reason=case.case_id)

    async def _known(self, known: Filed, case: Case, received: Received) -> Filed | Outcome:
        if same_message(known.case.message, received.ref):
            return await self._again(known)
        if await self._has_returned(known.case, case):
            return await self._return(known, case)
        if apart := issue_apart(known.case, case):
            return await self._file(replace(case, issue=apart), received)
        joined = await self.docket.join(known, case.signatures[0], received.ref)
        _count(case)
        if known.case.state in UNFINISHED or known.case.state is CaseState.PARKED:
            emit(
                "case.joined",
                case=known.case.case_id,
                issue=known.case.issue,
                occurrences=joined.case.occurrences,
                trace=parent_of(known.case.span),
            )
            if is_observed(joined.case):
                return await self._noticed(joined, received)
            return Outcome(state=DeliveryState.JOINED, reason=known.case.case_id)
        reason = f"judged already: {known.case.verdict or known.case.state}"
        emit(
            "case.skipped",
            case=known.case.case_id,
            issue=known.case.issue,
            reason=reason,
            trace=parent_of(known.case.span),
        )
        return Outcome(state=DeliveryState.SKIPPED, reason=reason)

    async def _noticed(self, joined: Filed, received: Received) -> Filed | Outcome:
        """One more of an observed error: its case is ours now if that was enough."""
        minutes = {minute_of(received.published_ns): 1}
        opened = await Observation(docket=self.docket).seen(joined, minutes, received.ref)
        taken = await self.docket.take_over(opened) if opened else None
        return taken or Outcome(state=DeliveryState.JOINED, reason=joined.case.case_id)

    async def _has_returned(self, known: Case, again: Case) -> bool:
        """Whether a fixed issue came back in a release that has its fix (rules A12, B2).

        A release that nobody told of, an older one, also where it was put back, another service's,
        or a source of low trust reopens nothing.
        """
        fixed = known.deployed
        if known.state not in RETURNABLE or fixed is None or again.trust is not Trust.TRUSTED:
            return False
        if again.environment != fixed.environment or fixed.service not in {
            "",
            again.service,
            whole(known.repository),
        }:
            return False
        told = await self.deployments.of(fixed.environment, fixed.service)
        order = first_order_of(told, again.release)
        return order is not None and order >= fixed.order

    async def _return(self, known: Filed, again: Case) -> Filed | Outcome:
        note = f"its fix was reverted by {known.case.reverted[:12]}, and it came back"
        try:
            filed = await self.docket.change(known, lambda now: regressed(now, again, note))
        except (Fenced, IllegalMove):
            return Outcome(state=DeliveryState.LOST, reason="changed by another worker")
        _count(again)
        emit(
            "case.regressed",
            case=known.case.case_id,
            release=again.release,
            trace=parent_of(known.case.span),
        )
        await self.tell(known.case, "regressed")
        if filed.case.state is CaseState.PARKED:
            return Outcome(state=DeliveryState.PARKED, reason=filed.case.case_id)
        taken = await self.docket.take_over(filed)
        return taken or Outcome(state=DeliveryState.LOST, reason="taken by another worker")

    async def _again(self, known: Filed) -> Filed | Outcome:
        """A redelivery of the message that opened the case (rules A4)."""
        if known.case.state is CaseState.PARKED:
            return Outcome(state=DeliveryState.PARKED, reason=known.case.case_id)
        if known.case.state not in UNFINISHED:
            return Outcome(state=DeliveryState.SETTLED, reason="finished before")
        if await self._is_held(known.case):
            return Outcome(state=DeliveryState.LOST, reason=f"held by {known.case.holder}")
        taken = await self.docket.take_over(known)
        if taken is None:
            return Outcome(state=DeliveryState.LOST, reason="taken by another worker")
        return taken

    async def _is_held(self, case: Case) -> bool:
        if case.holder == self.docket.holder:
            return self.driving[case.issue] > 1
        return bool(case.holder) and case.holder in await self.roster.living()

    def _opened(self, case: Case) -> None:
        _count(case)
        emit(
            "case.opened",
            case=case.case_id,
            issue=case.issue,
            title=case.title,
            environment=case.environment,
            restricted=case.restricted,
        )
        self.boundary(Boundary.OPENED)

    def _newcomer(self, received: Received, payload: bytes, screened: Screened) -> Case | None:
        """The case to open; None where nothing of a rejected report may go on.

        The lane at the end of the issue keeps levels of trust apart (rules B1, B2). What is kept
        of a rejected report is its redacted core alone (rules B4).
        """
        passed = screened.passed
        if passed is None:
            return None
        if screened.screening.verdict is ScreenVerdict.REJECT:
            payload = encode(passed.report)
        report, lane = passed.report, _lane(passed)
        environment = received.ref.subject.removeprefix(self.names.errors(None)).removeprefix(".")
        record = canonical(report)
        key = signature(
            record, namespace=self.names.namespace, environment=environment, source=lane
        )
        return Case(
            issue=issue_key(record) + lane,
            environment=environment,
            service=report.service,
            release=report.release,
            repository=self.home(report),
            title=title_of(report),
            restricted=passed.restricted,
            trust=passed.trust,
            opened_ns=received.published_ns,
            report=payload,
            screened_sha256=sha256(payload).hexdigest(),
            trace=receiving(),
            message=received.ref,
            signatures=(key,),
        )


def title_of(report: ErrorReport) -> str:
    """One line of generated words: ``KeyError in checkout (shop/cart.py)``."""
    frame = crash_frame(report)
    kind = error_type(report) or "Error"
    place = f" in {frame.function}" if frame and frame.function else ""
    file = f" ({frame.file})" if frame and frame.file else ""
    return printable(f"{kind}{place}{file}", 120)


def same_message(known: MessageRef | None, other: MessageRef) -> bool:
    """Whether both name one stored message, also across a recreated stream (rules A6)."""
    return known is not None and (known.stream, known.stream_created, known.seq) == (
        other.stream,
        other.stream_created,
        other.seq,
    )


def _trust(received: Received) -> Trust:
    return Trust.LOW if received.headers.get(TRUST_HEADER) == Trust.LOW else Trust.TRUSTED


def _lane(passed: ScreenedReport) -> str:
    low = "l" if passed.trust is Trust.LOW else ""
    restricted = "r" if passed.restricted else ""
    return f"-{restricted}{low}" if restricted or low else ""


def _count(case: Case) -> None:
    emit(
        "error.counted",
        issue=case.issue,
        environment=case.environment,
        service=case.service,
        count=1,
    )
