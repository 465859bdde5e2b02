"""What can happen to a case as a whole: each is one change of the docket that carries its token."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mendwire.errors import Fenced, IllegalMove
from mendwire.model.case import (
    OVER,
    REOPENABLE,
    UNFINISHED,
    Case,
    CaseState,
    Parking,
    ParkReason,
    Step,
    Verdict,
    move,
)
from mendwire.model.delivery import MessageRef

_COUNTED: Final = 20
"""Messages that a case remembers to have counted."""
_RESUMED: Final = {None: CaseState.LEASED, Verdict.FIXED: CaseState.DELIVERING}
"""Where an open case goes on by its verdict; any other verdict leaves nothing to hand over."""


def counted(case: Case, signature: str, ref: MessageRef) -> Case:
    """The case with one occurrence more; the very same where this message was counted already."""
    mark = f"{ref.stream} {ref.stream_created} {ref.seq}"
    if mark in case.counted:
        return case
    known = case.signatures
    return replace(
        case,
        occurrences=case.occurrences + 1,
        signatures=known if signature in known else (*known, signature)[-50:],
        counted=(*case.counted, mark)[-_COUNTED:],
    )


def anew(case: Case, *, token: int) -> Case:
    """A leased case that waited for another's fix, back at its start; what was found is kept.

    The base may have that fix now, so nothing that was made on the old one counts. Raises Fenced.
    """
    if token != case.token or case.state is not CaseState.LEASED:
        raise Fenced(f"Case {case.case_id} is {case.state} under token {case.token}, not {token}.")
    return replace(
        case,
        step=Step.RESEARCH,
        joined="",
        base="",
        change=None,
        proof=None,
        review=None,
        approvals=(),
        feedback="",
    )


def take(case: Case, holder: str) -> Case:
    """The case leased to ``holder`` under the next token; raises IllegalMove.

    Also how an heir takes over from a dead holder: the state stays, the token fences.
    """
    if case.state not in UNFINISHED:
        message = f"A case that is {case.state} cannot be leased."
        raise IllegalMove(message)
    state = case.state
    if state is CaseState.OPEN:
        state = _RESUMED.get(case.verdict, CaseState.DELIVERED)
    return replace(
        case,
        state=state,
        step=case.step or Step.RESEARCH,
        token=case.token + 1,
        holder=holder,
        parking=None,
    )


def regressed(case: Case, again: Case, note: str) -> Case:
    """The next episode of an issue that came back in a release that has its fix.

    ``again`` is the case that its new report would have opened. Where the fix was reverted by a
    person, a person decides: it is parked. Raises IllegalMove.
    """
    back = move(case, CaseState.REGRESSED, token=case.token)
    signatures = tuple(dict.fromkeys((*back.signatures, *again.signatures)))[-50:]
    opened = replace(
        reopened(back, again.report, again.message, again.opened_ns),
        environment=again.environment,
        service=again.service,
        release=again.release,
        screened_sha256=again.screened_sha256,
        trace=again.trace,
        occurrences=back.occurrences + 1,
        signatures=signatures,
        came_back=True,
    )
    if not case.reverted:
        return opened
    parking = Parking(reason=ParkReason.PERSON, note=note, until_ns=0)
    return move(opened, CaseState.PARKED, token=opened.token, parking=parking)


def silenced(case: Case, note: str, until_ns: int) -> Case:
    """The case laid aside by a person, also out of a worker's hands: its token is fenced.

    Raises IllegalMove once a verdict is being handed over, and where nothing is going on.
    """
    parking = Parking(reason=ParkReason.SILENCED, note=note, until_ns=until_ns)
    return _laid_aside(case, parking)


def observed(case: Case, note: str, at_rate: int) -> Case:
    """The same until its error comes ``at_rate`` times within an hour; raises IllegalMove."""
    parking = Parking(reason=ParkReason.OBSERVED, note=note, until_ns=0, at_rate=at_rate)
    return _laid_aside(case, parking)


def is_observed(case: Case) -> bool:
    """Whether its errors are counted and nothing else is done."""
    parking = case.parking if case.state is CaseState.PARKED else None
    return parking is not None and parking.reason is ParkReason.OBSERVED


def noticed(case: Case, message: MessageRef | None) -> Case:
    """An observed case that came often enough, for any worker to take; raises IllegalMove.

    ``message`` is the one that was enough, if it was a message: the case is settled with it.
    """
    if not is_observed(case):
        raise IllegalMove(f"Case {case.case_id} is not observed.")
    message = message or case.message
    return move(case, CaseState.OPEN, token=case.token, parking=None, message=message)


def _laid_aside(case: Case, parking: Parking) -> Case:
    if case.state is CaseState.PARKED:
        case = move(case, CaseState.OPEN, token=case.token)
    if case.state not in {CaseState.OPEN, CaseState.LEASED}:
        text = f"Case {case.case_id} is {case.state}: nothing is being done that could be stopped."
        raise IllegalMove(text)
    parked = move(case, CaseState.PARKED, token=case.token, parking=parking, holder="")
    return replace(parked, token=case.token + 1)


def released(case: Case, *, token: int) -> Case:
    """The case given back unfinished, for another worker to take at once."""
    if token != case.token:
        message = f"Case {case.case_id} is held under token {case.token}, not {token}."
        raise Fenced(message)
    to = CaseState.OPEN if case.state is CaseState.LEASED else case.state
    return replace(case, state=to, holder="")


def forgotten(case: Case) -> Case:
    """A case that is over without its texts: what it was, and what became of it, stays known.

    Raises IllegalMove for one that may still need them.
    """
    if case.state not in OVER:
        text = f"Case {case.case_id} is {case.state}: it is not over."
        raise IllegalMove(text)
    return replace(
        case,
        report=b"",
        finding=None,
        change=None,
        proof=None,
        review=None,
        feedback="",
        reason="",
        approvals=(),
        rework=None,
    )


def reopened(case: Case, report: bytes, message: MessageRef | None, opened_ns: int) -> Case:
    """The next episode of an issue, forgetting the work of the last one but not its counts."""
    if case.state not in REOPENABLE:
        text = f"A case that is {case.state} cannot be opened again."
        raise IllegalMove(text)
    return Case(
        issue=case.issue,
        episode=case.episode + 1,
        token=case.token,
        environment=case.environment,
        service=case.service,
        release=case.release,
        title=case.title,
        restricted=case.restricted,
        trust=case.trust,
        opened_ns=opened_ns,
        report=report,
        screened_sha256=case.screened_sha256,
        trace=case.trace,
        message=message,
        occurrences=case.occurrences,
        signatures=case.signatures,
        counted=case.counted,
    )
