"""The verdict of a case: computed from the proof, the review and the screen, never believed."""

from __future__ import annotations

from typing import Final

from mendwire.model.case import Verdict
from mendwire.model.work import Proof, ProofStatus, Review

_UNPROVEN: Final = {
    ProofStatus.INVALID: Verdict.NOT_FIXED,
    ProofStatus.BREACH: Verdict.REJECTED,
    ProofStatus.NOT_REPRODUCED: Verdict.NOT_REPRODUCED,
    ProofStatus.GONE: Verdict.ALREADY_FIXED,
    ProofStatus.INFRASTRUCTURE: Verdict.BLOCKED,
}


def verdict_of(proof: Proof, review: Review | None, *, restricted: bool) -> tuple[Verdict, str]:
    """The one verdict and its reason in words; ``fixed`` takes a valid proof and an approval."""
    told = " ".join(proof.reasons)
    if restricted:
        why = "The screen restricts this report; a person must look at this bug."
        return Verdict.NEEDS_HUMAN, why
    if proof.status is not ProofStatus.VALID:
        return _UNPROVEN[proof.status], told
    if review is None:
        return Verdict.NEEDS_HUMAN, "The fix is proven, but nobody with fresh eyes reviewed it."
    if not review.approved:
        return Verdict.NOT_FIXED, "The fix is proven, but the reviewer did not approve it."
    return Verdict.FIXED, told
