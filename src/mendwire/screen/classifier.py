"""The text classifier: the weights of hashed n-grams added up per window, with numpy alone.

A window is some hundred letters, so that an instruction does not drown in the text around it; a
piece's score is that of its strongest window. The weights lie beside this file in ``model.npz``,
written by ``python -m training.screen.train``; ``model.json`` says from what.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from mendwire.errors import ScreenUnavailable
from mendwire.model.printable import printable
from mendwire.screen.decide import FLOOR
from mendwire.screen.grams import Grams, grams
from mendwire.screen.repeats import readable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spacy.tokens import Doc

SCALES: Final = ((72, 24), (140, 70), (360, 180))
"""Lengths of windows and how far the next one begins behind, in letters."""
SMOOTH: Final = 100.0
"""Features that every window is taken to have besides its own, for short ones say little."""
SENSE: Final = 4
"""A feature of word classes counts as so many others: there are few of them in a text."""
_SENTENCE: Final = (24, 260)
"""The shortest and the longest sentence that is a window of its own, in letters."""
_SHOWN: Final = 90
_REMEMBERED: Final = 8_192
"""Pieces whose judgement is kept, ..."""
_LONGEST_KEPT: Final = 600
"""... of at most so many letters: some five million altogether."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """A piece that reads like an instruction."""

    piece: int
    """Its index."""
    odds: float
    """Calibrated log-odds; 0 is where a report is restricted."""
    excerpt: str
    """The part that weighs most, at most 100 characters, safe to print."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Model:
    """The weights."""

    table: NDArray[np.int8]
    """A weight for each row that an n-gram can hash to, in steps of ``scale``."""
    scale: float
    bias: float
    slope: float
    """Calibration: what log-odds are multiplied by, after ``zero`` was taken from them."""
    zero: float

    @property
    def bits(self) -> int:
        """The table has ``2 ** bits`` rows."""
        return len(self.table).bit_length() - 1


_Judged = tuple[float, str] | None
"""Log-odds and excerpt of a piece; None for nothing to speak of."""


class Classifier:
    """The spaCy component ``mendwire_classifier``; ``found`` works without a document too."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._known: dict[str, _Judged] = {}

    def __call__(self, doc: Doc) -> Doc:
        """Write what is found in a document's pieces to ``doc.user_data["mendwire_scored"]``."""
        _, pieces = doc.user_data["mendwire_pieces"]
        doc.user_data["mendwire_scored"] = self.found(pieces)
        return doc

    def found(self, pieces: Sequence[str]) -> list[Scored]:
        """The pieces that read like instructions, with the strongest part of each.

        What was judged before is remembered: reports repeat their frames and their sentences, and
        a piece is judged by itself.
        """
        known = self._known
        fresh = [piece for piece in dict.fromkeys(pieces) if piece not in known]
        judged = dict(zip(fresh, self._judged(fresh), strict=True)) if fresh else {}
        found = []
        for at, piece in enumerate(pieces):
            one = judged[piece] if piece in judged else known[piece]
            if one is not None:
                found.append(Scored(piece=at, odds=one[0], excerpt=one[1]))
        self._remember(judged)
        return found

    def odds(self, texts: Sequence[str]) -> list[float]:
        """Of texts as ``readable`` gives them: each one's log-odds, however low."""
        if not texts:
            return []
        given = grams(texts, self.model.bits)
        begins, ends, owners = windows(given)
        best = np.full(len(texts), -np.inf)
        np.maximum.at(best, owners, self._odds(self._running(given), given, begins, ends))
        return best.round(4).tolist()

    def _remember(self, judged: Mapping[str, _Judged]) -> None:
        if len(self._known) + len(judged) > _REMEMBERED:
            self._known = {}
        for piece, one in judged.items():
            if len(piece) <= _LONGEST_KEPT:
                self._known[piece] = one

    def _judged(self, pieces: Sequence[str]) -> list[_Judged]:
        asked = [(at, text) for at, piece in enumerate(pieces) if (text := readable(piece))]
        judged: list[_Judged] = [None] * len(pieces)
        if not asked:
            return judged
        given = grams([text for _, text in asked], self.model.bits)
        sums = self._running(given)
        begins, ends, owners = windows(given)
        odds = self._odds(sums, given, begins, ends)
        if odds.max() <= FLOOR:
            return judged
        order = np.lexsort((-odds, owners))
        first = order[np.flatnonzero(np.diff(owners[order], prepend=-1))]
        for at in first[odds[first] > FLOOR].tolist():
            number, text = asked[owners[at]]
            start = int(given.starts[owners[at]])
            here = sums[begins[at] : ends[at] + 1]
            excerpt = _strongest(text[max(0, begins[at] - start - 1) : ends[at] - start], here)
            judged[number] = (round(float(odds[at]), 4), excerpt)
        return judged

    def _running(self, given: Grams) -> NDArray[np.int32]:
        """Sums of the weights up to each letter; a window's is a difference of two."""
        table = self.model.table
        sums = np.zeros(given.letters.shape[1] + 1, np.int32)
        here = sums[1:]
        np.add.reduce(table.take(given.letters), axis=0, dtype=np.int32, out=here)
        here[given.word_starts] += np.add.reduce(table.take(given.words), axis=0, dtype=np.int32)
        if len(given.senses):
            weights = table.take(given.senses).astype(np.int32) * np.int32(SENSE)
            np.add.at(here, given.sense_starts, weights)
        np.add.accumulate(here, out=here)
        return sums

    def _odds(
        self,
        sums: NDArray[np.int32],
        given: Grams,
        begins: NDArray[np.int64],
        ends: NDArray[np.int64],
    ) -> NDArray[np.float64]:
        """Calibrated log-odds of each window."""
        model, words, meant = self.model, given.word_starts, given.sense_starts
        count = len(given.letters) * (ends - begins) + len(given.words) * (
            words.searchsorted(ends) - words.searchsorted(begins)
        )
        if len(meant):
            count += SENSE * (meant.searchsorted(ends) - meant.searchsorted(begins))
        raw = (sums[ends] - sums[begins]) * model.scale / np.sqrt(count + SMOOTH)
        return (raw + (model.bias - model.zero)) * model.slope


def _strongest(window: str, sums: NDArray[np.int32]) -> str:
    """The stretch of a window whose letters pull the score up most."""
    if len(window) > _SHOWN:
        pull = sums[_SHOWN:] - sums[:-_SHOWN]
        window = window[int(np.argmax(pull)) :][:_SHOWN]
    return printable(window)


def windows(given: Grams) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Begin, end and piece of every window: short ones, and long ones where a piece is longer.

    Sentences are windows too, since an instruction drowns in a sentence beside it otherwise.
    """
    found: list[tuple[int, int, int]] = []
    for owner, (start, end) in enumerate(zip(given.starts, given.ends, strict=True)):
        for width, step in SCALES:
            if end - start <= width:
                break
            found += [
                (at, min(at + width, end), owner)
                for at in range(start, max(start + 1, end - width + step), step)
            ]
        if end - start <= SCALES[-1][0]:
            found.append((start, end, owner))
    found += _sentences(given)
    begins, ends, owners = np.array(found, np.int64).T
    return begins, ends, owners


def _sentences(given: Grams) -> Iterator[tuple[int, int, int]]:
    """The sentences of pieces that have several."""
    least, most = _SENTENCE
    for owner, breaks in enumerate(given.breaks):
        if breaks:
            edges = [given.starts[owner], *breaks, given.ends[owner]]
            for begin, end in pairwise(edges):
                if least <= end - begin <= most:
                    yield begin, end, owner


def load_model() -> Model:
    """The shipped weights; raises ScreenUnavailable."""
    try:
        place = resources.files(__package__)
        card = json.loads(place.joinpath("model.json").read_text("utf-8"))
        with place.joinpath("model.npz").open("rb") as file, np.load(file) as kept:
            return read_model(kept, card["calibration"])
    except (OSError, ValueError, KeyError) as problem:
        raise ScreenUnavailable(
            f"The screen's classifier is missing from the installation or damaged ({problem}); "
            "reinstall mendwire."
        ) from None


def read_model(kept: Any, calibration: Any) -> Model:  # noqa: ANN401 - an open .npz, or a mapping like it
    """Weights from the arrays of a file; raises KeyError or ValueError for another file's."""
    return Model(
        table=kept["table"],
        scale=float(kept["scale"][0]),
        bias=float(kept["bias"][0]),
        slope=float(calibration["slope"]),
        zero=float(calibration["zero"]),
    )
