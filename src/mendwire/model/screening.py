"""What the screen says of a report, and the only form in which a report goes on from there.

A ``ScreenedReport`` is made by the screen and by the codec that reads a kept one back from the
docket; ``investigate.prompt`` accepts nothing else (a test holds this fence).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mendwire.model.report import ErrorReport, Trust

CLASSIFIER: Final = "classifier"
"""The rule that stands for the learned part of the screen, which knows error reports."""


class ScreenVerdict(StrEnum):
    """``restrict`` counts as detected: research only, no shell, ends ``needs_human``."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    RESTRICT = "restrict"
    REJECT = "reject"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reason:
    """One thing the screen found."""

    rule: str
    """Stable id of the rule, e.g. ``override-instructions``."""
    where: str
    """The field it stood in, e.g. ``context.user_agent``."""
    weight: float
    """Its share of the score, 0 to 1."""
    excerpt: str = ""
    """At most 100 characters, safe to print."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Screening:
    """The screen's answer for one text or report."""

    verdict: ScreenVerdict
    score: float
    """0 is harmless, 1 is certainly an instruction to an agent."""
    reasons: tuple[Reason, ...] = ()
    sha256: str = ""
    """Of the exact bytes that were screened (rules B4)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenedReport:
    """A report that passed the screen, or the redacted core of one that did not (rules B1)."""

    report: ErrorReport
    screening: Screening
    restricted: bool
    """Research only, read-only, no shell; sticks to everything derived from it (rules B3)."""
    trust: Trust = Trust.TRUSTED
