"""Errors that one issue key joins and one fix may not mend: joining is provisional (rules A9)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from mendwire.model.case import AWAITED, Case, CaseState, Verdict
from mendwire.model.report import UNKNOWN_RELEASE, Trust, parse_report
from mendwire.model.signature import canonical

_FIXED: Final = AWAITED | {CaseState.DELIVERED, CaseState.PUBLISHED}
"""States of a case whose fix is made; deciding about another error changes nothing of it."""


def issue_apart(fixed: Case, came: Case) -> str:
    """The issue of ``came``, of which ``fixed`` closed another signature; empty for the same error.

    The issue key leaves lines out. In one release two lines of a function are two places, and the
    fix is proven for the one that its reproduction reached. Of other releases lines say nothing.
    """
    if fixed.verdict is not Verdict.FIXED or fixed.state not in _FIXED or not fixed.report:
        return ""
    if came.trust is not Trust.TRUSTED or came.restricted:
        return ""
    if came.release != fixed.release or came.release in {"", UNKNOWN_RELEASE}:
        return ""
    here, there = canonical(parse_report(came.report)), canonical(parse_report(fixed.report))
    if here.fingerprint or not here.crash_line or not there.crash_line:
        return ""  # whoever wrote a fingerprint says that it is one error
    place = (here.crash_line, *here.cause_lines)
    if place == (there.crash_line, *there.cause_lines):
        return ""
    return sha256("\0".join((came.issue, came.release, *place)).encode()).hexdigest()[:32]
