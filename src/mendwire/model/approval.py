"""How far a fix goes by itself, and a person's word that one may go further. Pure."""

from __future__ import annotations

import time
from dataclasses import replace

from mendwire.errors import IllegalMove
from mendwire.model.case import Case, CaseState, Verdict, move, released, reopened
from mendwire.settings.autonomy import rank


def reached(case: Case) -> str:
    """How far a case's fix has gone; empty where there is none of its own."""
    if case.state is CaseState.FIXED and case.delivered is not None and not case.joined:
        if case.delivered.request_number:
            return "request"
        return "branch" if case.delivered.branch else "propose"
    return "investigate" if _is_found(case) else ""


def approved(case: Case, level: str, by: str) -> Case:
    """The case open to go as far as ``level``; raises IllegalMove where it has, or has nothing.

    A proven fix is handed over as it is. What was only found becomes the issue's next episode,
    which keeps the finding.
    """
    so_far = reached(case)
    if not so_far:
        raise IllegalMove(
            f"Case {case.case_id} is {case.state}: it has no finding and no fix to approve."
        )
    if rank(level) <= rank(so_far):
        raise IllegalMove(
            f"The fix of case {case.case_id} is handed over as far as that already ({so_far})."
        )
    if so_far == "investigate":
        again = released(
            reopened(case, case.report, case.message, time.time_ns()), token=case.token
        )
        return replace(again, finding=case.finding, approved=level, approved_by=by)
    opened = move(case, CaseState.OPEN, token=case.token)
    return replace(opened, approved=level, approved_by=by, holder="")


def _is_found(case: Case) -> bool:
    """Investigated, and left to people before anything was changed."""
    found = case.finding is not None and case.finding.confidence > 0
    ended = case.state is CaseState.CLOSED and case.verdict is Verdict.NEEDS_HUMAN
    return found and ended and case.change is None and bool(case.report) and not case.restricted
