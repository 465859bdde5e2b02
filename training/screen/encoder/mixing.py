"""How the classifier's odds and the encoder's are mixed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

Odds = tuple[float, float]
"""The classifier's and the encoder's."""

GATE: Final = -0.82
"""The classifier's odds above which the encoder is asked: one genuine error in a hundred is there,
and each costs a millisecond."""
BUDGET: Final = 0.125
"""Share of the held-out author's harmless texts that may be restricted: most of them were written
to look like attacks, so of genuine errors it is a hundredth of that."""
CLASSIFIER: Final = 1.3
ENCODER: Final = 0.6
"""What the odds of each count. A logistic fit to the held-out author alone gives the encoder half
of that, and then honest hints are stopped that it clears, and more genuine errors."""


def mixed(texts: Sequence[tuple[Sequence[Odds], bool]]) -> dict[str, float]:
    """The mix as ``mendwire.screen.second.read_mix`` reads it.

    Of each text the passage counts that the mix finds strongest. 0 is where the budget of harmless
    texts is spent.
    """
    scores = sorted(
        max(
            (CLASSIFIER * odds + ENCODER * own for odds, own in passages if odds > GATE),
            default=-math.inf,
        )
        for passages, attack in texts
        if not attack
    )
    spent = scores[::-1][int(BUDGET * len(scores))]
    return {
        "gate": GATE,
        "classifier": CLASSIFIER,
        "encoder": ENCODER,
        "bias": round(-spent, 4),
    }
