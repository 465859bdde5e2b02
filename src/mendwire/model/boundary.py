"""The places between two steps where a process may die.

Enumerated so that the crash tests cover a new step by itself: code that adds a step adds a
boundary, and the test that kills at every boundary takes them from here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum


class Boundary(StrEnum):
    """Each is passed in this order by a report that ends ``fixed``."""

    RECEIVED = "received"
    SCREENED = "screened"
    OPENED = "opened"
    RESEARCHED = "researched"
    RESEARCH_SAVED = "research_saved"
    IMPLEMENTED = "implemented"
    CHANGE_SAVED = "change_saved"
    VERIFIED = "verified"
    PROOF_SAVED = "proof_saved"
    REVIEWED = "reviewed"
    DECIDED = "decided"
    COMMITTED = "committed"
    DELIVERED = "delivered"
    PUBLISHED = "published"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


OnBoundary = Callable[[Boundary], None]


def pass_by(_boundary: Boundary) -> None:
    """What production code does at a boundary: nothing."""
