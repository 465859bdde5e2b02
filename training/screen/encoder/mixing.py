"""How the classifier's odds and the encoder's are mixed: a logistic curve over both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Odds = tuple[float, float]
"""The classifier's and the encoder's."""

GATE: Final = -0.95
"""The classifier's odds above which the encoder is asked: one genuine error in a hundred is there,
and each costs milliseconds."""
BUDGET: Final = 0.13
"""Share of the held-out author's harmless texts that may be restricted: most of them were written
to look like attacks, so of genuine errors it is a hundredth of that."""
_ROUNDS: Final = 50
_TURNS: Final = 4
_RIDGE: Final = 1e-3
_STILL: Final = 1e-9


def mixed(texts: Sequence[tuple[Sequence[Odds], bool]]) -> dict[str, float]:
    """The mix as ``mendwire.screen.second.read_mix`` reads it.

    Of each text the passage counts that the mix finds strongest; texts that the classifier does
    not find doubtful teach nothing. 0 is where the budget of harmless texts is spent.
    """
    asked = [
        (np.array([odds for odds in passages if odds[0] > GATE]), attack)
        for passages, attack in texts
    ]
    asked = [(odds, attack) for odds, attack in asked if len(odds)]
    labels = np.array([float(attack) for _, attack in asked])
    weights = np.array([1.0, 1.0, 0.0])
    for _ in range(_TURNS):
        rows = np.array([_strongest(odds, weights) for odds, _ in asked])
        weights = _logistic(rows, labels)
    scores = np.sort([_strongest(odds, weights) @ weights for odds, attack in asked if not attack])
    harmless = sum(not attack for _, attack in texts)
    spent = float(scores[::-1][min(int(BUDGET * harmless), len(scores) - 1)])
    return {
        "gate": GATE,
        "classifier": round(float(weights[0]), 4),
        "encoder": round(float(weights[1]), 4),
        "bias": round(float(weights[2]) - spent, 4),
    }


def _strongest(odds: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.column_stack([odds, np.ones(len(odds))])
    best: NDArray[np.float64] = rows[int(np.argmax(rows @ weights))]
    return best


def _logistic(rows: NDArray[np.float64], labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Newton's steps."""
    weights = np.zeros(rows.shape[1])
    for _ in range(_ROUNDS):
        given = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        bend = (rows * (given * (1 - given))[:, None]).T @ rows + _RIDGE * np.eye(len(weights))
        change = np.linalg.solve(bend, rows.T @ (labels - given) - _RIDGE * weights)
        weights = weights + change
        if np.abs(change).max() < _STILL:
            break
    return weights
