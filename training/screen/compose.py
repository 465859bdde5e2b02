"""Samples to train the screen on: payloads and harmless texts, disguised and wrapped the same way.

Everything follows from the seed and the rows: no clock, no network, no order of a set.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from training.screen.carriers import BARE, CARRIERS, REPORT, Carrier
from training.screen.scenery import chance
from training.screen.transforms import TRANSFORMS
from training.screen.variations import vary

ROOT: Final = Path(__file__).parent


@dataclass(frozen=True, kw_only=True, slots=True)
class _Way:
    """What is done to a payload."""

    disguised: bool = False
    wrapped: bool = False


_PLAIN: Final = _Way()
_WAYS: Final = (
    _Way(),
    _Way(wrapped=True),
    _Way(wrapped=True),
    _Way(disguised=True),
    _Way(disguised=True, wrapped=True),
    _Way(disguised=True, wrapped=True),
)
_FEW: Final = (_WAYS[0], _WAYS[1], _WAYS[-1])
_IN_PLACE: Final = frozenset({"field"})
"""Families and kinds whose rows stand in something that carries them already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A text as it was written, before anything was done to it."""

    text: str
    family: str
    """The family of an attack, the kind of a harmless text."""
    language: str
    """ISO 639-1, or ``und``."""
    source: str
    """``own``, or the package a harmless text comes from."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sample:
    """One text to learn from."""

    text: str
    """What the screen is given: disguised and in its carrier, in clear or as a JSON body."""
    label: int
    """1 for an attack, 0 for a harmless text."""
    family: str
    """The family of an attack, the kind of a harmless text."""
    transform: str
    """The name of the way it is disguised; empty for none."""
    source: str
    """Where the payload comes from, for leaving one out."""
    language: str
    """Of the payload."""
    carrier: str
    """The name of what stands around it; ``bare`` for nothing."""
    payload: str
    """The text that decides the label, before it was disguised and wrapped."""
    shown: str
    """The same after it was disguised, before it was wrapped."""


@cache
def attack_rows() -> tuple[Row, ...]:
    """The payloads, in the order of the files."""
    return tuple(_rows("attacks", "family"))


@cache
def benign_rows() -> tuple[Row, ...]:
    """The harmless texts, in the order of the files."""
    return tuple(_rows("benign", "kind"))


def attacks(seed: int) -> Iterator[Sample]:
    """About seven samples a payload: bare, reworded, wrapped, disguised, and both."""
    return _composed(attack_rows(), seed, 1)


def benign(seed: int) -> Iterator[Sample]:
    """The same around harmless texts, so that neither carrier nor disguise tells by itself."""
    return _composed(benign_rows(), seed, 0)


def wrapped(row: Row, drawn: random.Random, *, disguised: bool = False) -> str:
    """A harmless row in a carrier."""
    way = _Way(wrapped=True, disguised=disguised)
    return _sample(row, 0, drawn, way, payload=row.text).text


def _rows(folder: str, family: str) -> Iterator[Row]:
    for file in sorted((ROOT / folder).glob("*.jsonl")):
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                row = json.loads(line)
                yield Row(
                    text=row["text"],
                    family=row[family],
                    language=row["language"],
                    source=row["source"],
                )


def _composed(rows: Sequence[Row], seed: int, label: int) -> Iterator[Sample]:
    order = list(range(len(rows)))
    random.Random(f"{seed} {label}").shuffle(order)
    for at in order:
        yield from _of(rows[at], seed, label)


def _of(row: Row, seed: int, label: int) -> Iterator[Sample]:
    # A source of its own for each row: adding a row changes nothing about the others.
    rng = random.Random(f"{seed} {label} {row.text}")
    yield _sample(row, label, rng, _PLAIN, payload=row.text)
    for way in _FEW if row.family in _IN_PLACE else _WAYS:
        yield _sample(row, label, rng, way, payload=vary(row.text, row.language, rng))


def _sample(row: Row, label: int, rng: random.Random, way: _Way, *, payload: str) -> Sample:
    shown, transform = _disguised(payload, rng) if way.disguised else (payload, "")
    carrier = _carrier(shown, rng) if way.wrapped else BARE
    return Sample(
        text=carrier.wrap(shown, rng),
        label=label,
        family=row.family,
        transform=transform,
        source=row.source,
        language=row.language,
        carrier=carrier.name,
        payload=payload,
        shown=shown,
    )


def _disguised(text: str, rng: random.Random) -> tuple[str, str]:
    fitting = [transform for transform in TRANSFORMS if transform.fits(text)]
    if not fitting:
        return text, ""
    transform = rng.choice(fitting)
    return transform.apply(text, rng), transform.name


def _carrier(text: str, rng: random.Random) -> Carrier:
    # Bodies of reports are what the screen meets most.
    if chance(rng, 0.3):
        return REPORT
    return rng.choice([carrier for carrier in CARRIERS[1:] if carrier.fits(text)] or [REPORT])
