"""Reasons to a score, and a score to a verdict."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mendwire.model.report import Trust
from mendwire.model.screening import Reason, Screening, ScreenVerdict
from mendwire.screen.segments import Kind

SHARES: Final[Mapping[Kind, float]] = {
    Kind.MESSAGE: 1.0,
    Kind.STACK: 1.0,
    Kind.QUOTED: 1.0,
    Kind.FIELD: 1.0,
    Kind.REACHABLE: 1.1,
    Kind.CODE: 0.8,
    Kind.NAME: 0.8,
}
"""What a rule's weight counts by where it was found: strangers do not write our source."""
DISGUISE: Final = 1.2
"""The same for what had to be decoded first: errors do not encode their advice."""
SPLIT: Final = 0.85
"""The same for what only reads as an instruction over several fields."""
_CERTAIN: Final = 0.99
_MAX_ODDS: Final = 30.0
_LEANING: Final = 2.0
"""How much of the shares holds for log-odds: 0.8 is a shift by -0.45."""
_HIDDEN: Final = 0.9
"""Log-odds for having been disguised."""
_SURER: Final[Mapping[Kind, float]] = {Kind.NAME: 3.0, Kind.CODE: 0.6}
"""Log-odds that the classifier must have more. It learned sentences, and names of frames in a row,
made of verbs and nouns, read like orders to it; so do comments in source."""
FLOOR: Final = -2.2
"""Log-odds below which a piece is nothing to speak of."""
MAX_REASONS: Final = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Thresholds:
    """From which score on a report is restricted, and rejected."""

    restrict: float
    reject: float


THRESHOLDS: Final[Mapping[Trust, Thresholds]] = {
    Trust.TRUSTED: Thresholds(restrict=0.5, reject=0.75),
    Trust.LOW: Thresholds(restrict=0.4, reject=0.55),
}


def weighed(weight: float, kind: Kind, *, disguised: bool = False, joined: bool = False) -> float:
    """A rule's weight where it was found, at most 0.99."""
    share = SHARES[kind] * (DISGUISE if disguised else 1.0) * (SPLIT if joined else 1.0)
    return round(min(_CERTAIN, weight * share), 4)


def believed(odds: float, kind: Kind, *, disguised: bool = False) -> float:
    """The classifier's log-odds as a weight, where it was found, at most 0.99."""
    more = (_HIDDEN if disguised else 0.0) - _SURER.get(kind, 0.0)
    shifted = min(odds + more + _LEANING * math.log(SHARES[kind]), _MAX_ODDS)
    return round(min(_CERTAIN, 1.0 / (1.0 + math.exp(-shifted))), 4)


def decide(reasons: Iterable[Reason], trust: Trust, sha256: str) -> Screening:
    """The verdict. Rules add up within one field (1 - product of what each leaves in doubt)."""
    strongest: dict[tuple[str, str], Reason] = {}
    for reason in reasons:
        key = (reason.where, reason.rule)
        if key not in strongest or strongest[key].weight < reason.weight:
            strongest[key] = reason
    doubts: dict[str, float] = {}
    for reason in strongest.values():
        doubts[reason.where] = doubts.get(reason.where, 1.0) * (1.0 - reason.weight)
    score = round(1.0 - min(doubts.values(), default=1.0), 4)
    ranked = sorted(strongest.values(), key=lambda found: (-found.weight, found.where, found.rule))
    return Screening(
        verdict=_verdict(score, THRESHOLDS[trust]),
        score=score,
        reasons=tuple(ranked[:MAX_REASONS]),
        sha256=sha256,
    )


def _verdict(score: float, thresholds: Thresholds) -> ScreenVerdict:
    if score >= thresholds.reject:
        return ScreenVerdict.REJECT
    return ScreenVerdict.RESTRICT if score >= thresholds.restrict else ScreenVerdict.PASS
