"""How far a fix goes by itself, a person's word that one may go further, or is given up. Pure."""

from __future__ import annotations

import time
from dataclasses import replace

from mendwire.errors import IllegalMove
from mendwire.model.case import Case, CaseState, Verdict, move
from mendwire.model.moves import released, reopened
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


def at_stake(case: Case) -> str:
    """What trying a case again gives up: a fix that people have. Empty where there is none."""
    fix = case.delivered
    if case.state not in {CaseState.FIXED, CaseState.MERGED} or fix is None:
        return ""
    paid = "Trying again opens the issue's next episode, in which another fix is made and paid for"
    if case.state is CaseState.MERGED:
        return (
            f"The fix of case {case.case_id} is merged and waits to be deployed. {paid}; the "
            "merged one stays in the code, and whether it works is not followed any more."
        )
    where = f"on {fix.branch}" if fix.branch else f"in {fix.patch_path}"
    if fix.request_number:
        where = f"in request {fix.request_number}"
    owner = f", that of case {case.joined}," if case.joined else ""
    return (
        f"The fix of case {case.case_id}{owner} waits {where} to be merged. {paid}; the one that "
        "waits stays where it is, and counts as not wanted."
    )


def _is_found(case: Case) -> bool:
    """Investigated, and left to people before anything was changed."""
    found = case.finding is not None and case.finding.confidence > 0
    ended = case.state is CaseState.CLOSED and case.verdict is Verdict.NEEDS_HUMAN
    return found and ended and case.change is None and bool(case.report) and not case.restricted
