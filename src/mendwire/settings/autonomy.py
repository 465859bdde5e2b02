"""How far a fix goes by itself: words in an order, each further than the one before."""

from __future__ import annotations

from typing import Final, Literal

Autonomy = Literal["investigate", "propose", "branch", "request"]
LEVELS: Final[tuple[Autonomy, ...]] = ("investigate", "propose", "branch", "request")


def further(one: str, other: str) -> str:
    """Whichever goes further; an empty word goes nowhere."""
    return max(one, other, key=rank)


def nearer(one: Autonomy, other: Autonomy) -> Autonomy:
    """Whichever goes less far."""
    return min(one, other, key=rank)


def rank(level: str) -> int:
    """The place of a word; -1 for none."""
    return next((at for at, known in enumerate(LEVELS) if known == level), -1)
