"""Fits the classifier: one weight for each row of a table of hashed n-grams.

Numpy alone, one thread, no clock and no randomness but a seed: the same data give the same file. A
small hidden layer over embedded n-grams was tried and was worse on families and sources left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from mendwire.screen.classifier import SMOOTH

Floats = NDArray[np.float32]
_TINY: Final = 1e-8
_SETTLED: Final = -4.0
"""Log-odds below which a harmless window teaches nothing more."""
_TURNS: Final = 6
_WARM: Final = 2
"""Passes over everything, before any window can be called the strongest."""
_STEEPEST: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """What is learned from: windows of pieces, and which of them belong to one attack."""

    rows: NDArray[np.uint32]
    """The features of all windows, one after the other, as rows of the table."""
    bounds: NDArray[np.int64]
    """Where each window's features begin, and where the last one's end."""
    labels: Floats
    """1 for a window of an attack."""
    bags: NDArray[np.int64]
    """Windows with one number belong to one text: of an attack's, only the strongest counts."""
    weights: Floats
    """How much a window counts."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(kw_only=True, slots=True)
class Weights:
    """What is learned."""

    table: Floats
    bias: Floats
    """(1,)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """How it is learned."""

    bits: int = 20
    epochs: int = 8
    batches: int = 24
    rate: float = 0.03
    decay: float = 0.002
    """What a weight loses in a step, as a share of the rate."""
    drop: float = 0.2
    """Share of features left out at random, so that no single one decides."""
    seed: int = 4


def scores(given: Weights, windows: Windows, chosen: NDArray[np.int64] | None = None) -> Floats:
    """Log-odds of each window, or of the chosen ones."""
    where = np.arange(len(windows)) if chosen is None else chosen
    parts = np.array_split(where, max(1, len(where) // 4096))
    return np.concatenate([_forward(given, *_gather(windows, part))[1] for part in parts])


def fit(windows: Windows, plan: Plan, chosen: NDArray[np.int64] | None = None) -> Weights:
    """Learn of all windows or of the chosen ones, in their order.

    Of each attack's windows the strongest one is learned after the first passes.
    """
    whole = np.arange(len(windows)) if chosen is None else chosen
    given = Weights(table=np.zeros(1 << plan.bits, np.float32), bias=np.full(1, -1.0, np.float32))
    random = np.random.default_rng(plan.seed)
    state = [(np.zeros_like(part), np.zeros_like(part)) for part in (given.table, given.bias)]
    learned = whole
    step = 0
    for epoch in range(plan.epochs):
        if epoch >= _WARM:
            learned = _worthwhile(given, windows, whole, epoch)
        rate = plan.rate * (1.0 - epoch / plan.epochs)
        for batch in np.array_split(random.permutation(learned), plan.batches):
            step += 1
            gradients = _gradients(given, windows, np.sort(batch), plan, random)
            _adam(given, gradients, state, step, rate)
            np.multiply(given.table, 1 - rate * plan.decay, out=given.table)
    return given


def _worthwhile(
    given: Weights, windows: Windows, whole: NDArray[np.int64], epoch: int
) -> NDArray[np.int64]:
    """The strongest window of each attack, and the harmless ones that are not settled yet.

    Of the settled ones another share comes each time, so that they stay so.
    """
    found = scores(given, windows, whole)
    labels, bags = windows.labels[whole], windows.bags[whole]
    attacks = np.flatnonzero(labels > 0)
    order = attacks[np.lexsort((-found[attacks], bags[attacks]))]
    first = np.ones(len(order), bool)
    first[1:] = bags[order[1:]] != bags[order[:-1]]
    harmless = np.flatnonzero(labels <= 0)
    unsettled = (found[harmless] > _SETTLED) | (harmless % _TURNS == epoch % _TURNS)
    chosen: NDArray[np.int64] = whole[np.sort(np.concatenate([order[first], harmless[unsettled]]))]
    return chosen


def _gather(
    windows: Windows, chosen: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    begins, ends = windows.bounds[chosen], windows.bounds[chosen + 1]
    lengths = ends - begins
    offsets = np.cumsum(lengths) - lengths
    index = np.arange(int(lengths.sum())) + np.repeat(begins - offsets, lengths)
    return windows.rows[index], np.append(offsets, lengths.sum())


def _forward(
    given: Weights, rows: NDArray[np.uint32], bounds: NDArray[np.int64]
) -> tuple[Floats, Floats]:
    norm = (1.0 / np.sqrt(np.diff(bounds) + SMOOTH)).astype(np.float32)
    return norm, np.add.reduceat(given.table[rows], bounds[:-1]) * norm + given.bias[0]


def _gradients(
    given: Weights,
    windows: Windows,
    batch: NDArray[np.int64],
    plan: Plan,
    random: np.random.Generator,
) -> list[Floats]:
    rows, bounds = _gather(windows, batch)
    kept = random.random(len(rows), dtype=np.float32) >= plan.drop
    kept[bounds[:-1]] = True
    counts = np.add.reduceat(kept, bounds[:-1], dtype=np.int64)
    rows, bounds = rows[kept], np.append(0, np.cumsum(counts))
    norm, odds = _forward(given, rows, bounds)
    weights = windows.weights[batch]
    share = 1 / (1 + np.exp(-np.clip(odds, -_STEEPEST, _STEEPEST)))
    error = ((share - windows.labels[batch]) * weights / weights.sum()).astype(np.float32)
    spread = np.repeat(error * norm, counts)
    table = np.bincount(rows, weights=spread, minlength=len(given.table))
    return [table.astype(np.float32), np.array([error.sum()], np.float32)]


def _adam(
    given: Weights,
    gradients: list[Floats],
    state: list[tuple[Floats, Floats]],
    step: int,
    rate: float,
) -> None:
    size = rate / (1 - 0.9**step)
    for parameter, gradient, (first, second) in zip(
        (given.table, given.bias), gradients, state, strict=True
    ):
        np.multiply(first, 0.9, out=first)
        np.add(first, 0.1 * gradient, out=first)
        np.multiply(second, 0.999, out=second)
        np.add(second, 0.001 * gradient * gradient, out=second)
        root = np.sqrt(second / (1 - 0.999**step)) + _TINY
        np.subtract(parameter, size * first / root, out=parameter)
