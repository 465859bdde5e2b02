"""Whether an hour is out of the ordinary, by what the week before was like."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

LEARNING_H: Final = 24
"""Hours that must have been seen before anything is out of the ordinary."""
_DAY: Final = 24
_GAP: Final = 2
"""Hours before this one that are not learned from: a spike that grows must not excuse itself."""
_DEVIATIONS: Final = 6.0
_TO_SIGMA: Final = 1.4826
"""A median of deviations, times this, is a normal distribution's standard deviation."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Spike:
    """One hour that is."""

    count: int
    usual: float
    """Errors of such an hour until now."""


def spike(by_hour: Sequence[int], *, times: float, least: int, seen_h: int) -> Spike | None:
    """The last hour of ``by_hour`` (oldest first), or None while it is ordinary.

    It must have ``least`` errors, ``times`` as many as usual, and more than chance and this
    service's own unrest explain. ``seen_h`` is for how many hours anything at all was counted.
    """
    if not by_hour or seen_h < LEARNING_H:
        return None
    past = by_hour[max(0, len(by_hour) - seen_h) : -1 - _GAP]
    if not past:
        return None
    usual = _usual(past)
    spread = _TO_SIGMA * median(abs(count - usual) for count in past)
    bar = usual + _DEVIATIONS * max(spread, math.sqrt(max(usual, 1.0)))
    count = by_hour[-1]
    if count < least or count < times * usual or count <= bar:
        return None
    return Spike(count=count, usual=usual)


def _usual(past: Sequence[int]) -> float:
    """The larger of what most hours are like and what this hour of other days was like."""
    same = past[_GAP - _DAY :: -_DAY] if len(past) >= _DAY else ()
    # ``past`` ends _GAP + 1 hours before now, so a day before now is _DAY - _GAP places back.
    return max(float(median(past)), float(median(same)) if same else 0.0)
