"""What the encoder learns from: the passages that it would be asked about."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.screen.classifier import Classifier
from mendwire.screen.pieces import pieces_of
from mendwire.screen.repeats import readable
from mendwire.screen.second import passages
from training.screen import compose
from training.screen.carriers import CARRIERS
from training.screen.compose import Row
from training.screen.scenery import complaint

HELD: Final = Path(__file__).parents[1] / "held.jsonl"
"""Texts of one author that nothing is trained on: they say how both odds are mixed."""
_WRAPPED: Final = 0.25
"""Share of an attack's samples that are learned in their carriers, or disguised."""
_WRAPPED_TWIN: Final = 0.35
_DULL: Final = -3.2
"""Odds of the classifier below which a harmless text of a package is seldom learned."""
_DULL_SHARE: Final = 0.2
_MOST: Final = 400
_STACKS: Final = 16_000
"""Stacks around nothing but a complaint, of whose passages those are learned that are not dull."""
_TWINS: Final = frozenset({"twin", "hard", "advice", "field"})
_WITH_CODE: Final = [
    carrier
    for carrier in CARRIERS
    if carrier.name in {"python", "python-chained", "node-quoted", "report", "event"}
]
"""What shows lines of source."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Passage:
    """A passage to learn from."""

    text: str
    attack: bool
    odds: float
    """The classifier's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A text that is held out: its passages, the classifier's strongest first."""

    passages: Sequence[tuple[float, str]]
    attack: bool


def learned(classifier: Classifier, seed: int) -> Iterator[Passage]:
    """The strongest passage of an attack, and up to three of a harmless text."""
    drawn = random.Random(seed)
    for sample in compose.attacks(seed):
        plain = sample.carrier == "bare" and not sample.transform
        if plain or drawn.random() < _WRAPPED:
            yield from _some(strongest(classifier, sample.text)[:1], attack=True)
    for row in compose.benign_rows():
        if row.source == "own":
            yield from _some(strongest(classifier, row.text)[:3], attack=False)
            if row.family in _TWINS and drawn.random() < _WRAPPED_TWIN:
                wrapped = compose.wrapped(row, drawn, disguised=drawn.random() < _WRAPPED)
                yield from _some(strongest(classifier, wrapped)[:2], attack=False)
        else:
            yield from _of_package(classifier, row, drawn)
    for _ in range(_STACKS):
        yield from _of_stack(classifier, drawn)


def held(classifier: Classifier) -> list[Held]:
    """The author who is held out."""
    rows = [json.loads(line) for line in HELD.read_text("utf-8").splitlines()]
    return [
        Held(passages=strongest(classifier, row["text"])[:3], attack=row["label"] == "attack")
        for row in rows
    ]


def strongest(classifier: Classifier, text: str) -> list[tuple[float, str]]:
    """The passages of a text in all its readings with the classifier's odds, strongest first."""
    found: dict[str, None] = {}
    for piece in pieces_of(text):
        found |= dict.fromkeys(passages(readable(piece.text)))
    parts = list(found)[:_MOST]
    return sorted(zip(classifier.odds(parts), parts, strict=True), reverse=True)


def _of_package(classifier: Classifier, row: Row, drawn: random.Random) -> Iterator[Passage]:
    for odds, passage in strongest(classifier, row.text)[:2]:
        if odds > _DULL or drawn.random() < _DULL_SHARE:
            yield Passage(text=passage, attack=False, odds=odds)


def _of_stack(classifier: Classifier, drawn: random.Random) -> Iterator[Passage]:
    stack = drawn.choice(_WITH_CODE).wrap(complaint(drawn), drawn)
    for odds, passage in strongest(classifier, stack)[:2]:
        if odds > _DULL:
            yield Passage(text=passage, attack=False, odds=odds)


def _some(found: Sequence[tuple[float, str]], *, attack: bool) -> Iterator[Passage]:
    for odds, passage in found:
        yield Passage(text=passage, attack=attack, odds=odds)
