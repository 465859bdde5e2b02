"""The table of verdicts: only a valid proof with an approval is a fix."""

from __future__ import annotations

from itertools import product

import pytest

from mendwire.investigate.verdict import verdict_of
from mendwire.model.case import Verdict
from mendwire.model.work import Proof, ProofStatus, Review

YES, NO = Review(approved=True), Review(approved=False, comments="Too clever.")
TABLE = {
    (ProofStatus.VALID, YES): Verdict.FIXED,
    (ProofStatus.VALID, NO): Verdict.NOT_FIXED,
    (ProofStatus.VALID, None): Verdict.NEEDS_HUMAN,
    **{(ProofStatus.INVALID, review): Verdict.NOT_FIXED for review in (YES, NO, None)},
    **{(ProofStatus.BREACH, review): Verdict.REJECTED for review in (YES, NO, None)},
    **{(ProofStatus.NOT_REPRODUCED, review): Verdict.NOT_REPRODUCED for review in (YES, NO, None)},
    **{(ProofStatus.GONE, review): Verdict.ALREADY_FIXED for review in (YES, NO, None)},
    **{(ProofStatus.INFRASTRUCTURE, review): Verdict.BLOCKED for review in (YES, NO, None)},
}


@pytest.mark.parametrize(("status", "review"), list(product(ProofStatus, (YES, NO, None))))
def test_every_verdict(status: ProofStatus, review: Review | None) -> None:
    proof = Proof(status=status, reasons=("One thing.", "Another."))
    verdict, reason = verdict_of(proof, review, restricted=False)
    assert verdict is TABLE[status, review]
    assert reason
    assert verdict_of(proof, review, restricted=True)[0] is Verdict.NEEDS_HUMAN
