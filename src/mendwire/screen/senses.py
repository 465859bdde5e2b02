"""What words mean, whatever the language: a class for each, and which classes follow each other.

Letters and words tell the classifier what it has met before. "Ignore the above rules" and its like
in a language with few rows have hardly an n-gram in common; they have the classes ``ignore``,
``prior`` and ``orders``. The words lie beside this file in ``senses.jsonl``; a star ends a stem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final

import numpy as np

from mendwire.errors import ScreenUnavailable
from mendwire.screen.normalise import fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

# A row of zeros stands between two pieces. Scripts without blanks are looked up letter by letter.
_WORD: Final = re.compile(
    r"\0+|[^\W\d_\u2e80-\ufaff]+(?:['’-][^\W\d_\u2e80-\ufaff]+)*|[\u2e80-\ud7ff\uf900-\ufaff]+"
)
_WIDE: Final = "\u2e80"
_SHORTEST_STEM: Final = 3
_REMEMBERED: Final = 16_384
_LONGEST_KEPT: Final = 40
_CLASSES: Final = np.uint32(64)
_NEAR: Final = 40
"""Letters from a word to the next one with a class, at most, if they are to count together."""
_FAR: Final = 60
"""The same to the second next one."""
_MIX: Final = np.uint32(0x85EBCA6B)
_STIR: Final = np.uint32(0x9E3779B1)
_ALONE, _PAIR, _APART, _THREE = (np.uint32(seed) for seed in (1, 2, 3, 4))


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """Words, stems and characters by their class; 0 is none."""

    words: Mapping[str, int]
    stems: Mapping[str, int]
    wide: Mapping[str, int]
    """One or two characters of a script that writes no blanks."""
    known: dict[str, int]
    """What was looked up before."""

    def of(self, word: str) -> int:
        """The class of a folded word."""
        found = self.known.get(word)
        if found is None:
            found = self._looked_up(word)
            if len(word) <= _LONGEST_KEPT:
                if len(self.known) >= _REMEMBERED:
                    self.known.clear()
                self.known[word] = found
        return found

    def _looked_up(self, word: str) -> int:
        found = self.words.get(word)
        if found is not None:
            return found
        for length in range(min(len(word), _LONGEST_KEPT), _SHORTEST_STEM - 1, -1):
            found = self.stems.get(word[:length])
            if found is not None:
                return found
        head = re.split("['’]", word, maxsplit=1)[0]
        return self.words.get(head, 0) if head != word else 0


@cache
def lexicon() -> Lexicon:
    """What is shipped; raises ScreenUnavailable."""
    words: dict[str, int] = {}
    stems: dict[str, int] = {}
    wide: dict[str, int] = {}
    try:
        text = resources.files(__package__).joinpath("senses.jsonl").read_text("utf-8")
        rows = [json.loads(line) for line in text.splitlines()]
        for number, row in enumerate(rows, start=1):
            for given in row["words"]:
                word = fold(given.rstrip("*"))
                into = wide if word >= _WIDE else stems if given.endswith("*") else words
                into.setdefault(word[:2] if into is wide else word, number)
    except (OSError, ValueError, KeyError) as problem:
        raise ScreenUnavailable(
            f"The screen's word classes are missing from the installation or damaged ({problem}); "
            "reinstall mendwire."
        ) from None
    return Lexicon(words=words, stems=stems, wide=wide, known={})


def senses(text: str, bits: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The table's rows for the classes in a text of pieces, and where each stands, in order."""
    places, classes = _classed(text, lexicon())
    if not any(classes):
        return np.zeros(0, np.uint32), np.zeros(0, np.int64)
    size = len(classes)
    at = np.array([*places, -1, -1], np.int64)
    one, two, three = _shifted(np.array([*classes, 0, 0], np.uint32), size)
    near = (two > 0) & (at[1 : size + 1] - at[:size] <= _NEAR)
    far = (two > 0) & (three > 0) & (at[2:] - at[:size] <= _FAR)
    here = one > 0
    pair, apart = one * _CLASSES + two, one * _CLASSES + three
    hashed = np.stack(
        [
            one * _MIX ^ _ALONE,
            pair * _MIX ^ _PAIR,
            apart * _MIX ^ _APART,
            (pair * _CLASSES + three) * _MIX ^ _THREE,
        ]
    )
    hashed ^= hashed >> np.uint32(15)
    hashed *= _STIR
    hashed ^= hashed >> np.uint32(13)
    hashed *= _MIX
    hashed >>= np.uint32(32 - bits)
    chosen = np.stack([here, here & near, here & far, here & far]).T
    return hashed.T[chosen], np.repeat(at[:size], chosen.sum(axis=1))


def _shifted(
    row: NDArray[np.uint32], size: int
) -> tuple[NDArray[np.uint32], NDArray[np.uint32], NDArray[np.uint32]]:
    return row[:size], row[1 : size + 1], row[2:]


def _classed(text: str, known: Lexicon) -> tuple[list[int], list[int]]:
    """Where words with a class stand, and the classes; 0 where a piece ends."""
    places: list[int] = []
    classes: list[int] = []
    get = known.known.get
    for found in _WORD.finditer(text):
        word = found.group()
        if word[0] == "\0":
            places.append(found.start())
            classes.append(0)
        elif word[0] >= _WIDE:
            start = found.start()
            for at in range(len(word)):
                number = known.wide.get(word[at : at + 2]) or known.wide.get(word[at])
                if number:
                    places.append(start + at)
                    classes.append(number)
        else:
            number = get(word)
            if number is None:
                number = known.of(word)
            if number:
                places.append(found.start())
                classes.append(number)
    return places, classes
