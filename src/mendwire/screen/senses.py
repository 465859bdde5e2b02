"""What words mean, whatever the language: a class for each, and which classes follow each other.

Letters and words tell the classifier what it has met before. "Ignore the above rules" and its like
in a language with few rows have hardly an n-gram in common; they have the classes ``ignore``,
``prior`` and ``orders``. The words lie beside this file in ``senses.jsonl``; a star ends a stem.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np

from mendwire.errors import ScreenUnavailable
from mendwire.screen.normalise import fold

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Scripts without blanks are looked up letter by letter.
_WORD: Final = re.compile(
    r"[^\W\d_\u2e80-\ufaff]+(?:['’-][^\W\d_\u2e80-\ufaff]+)*|[\u2e80-\ud7ff\uf900-\ufaff]+"
)
_APOSTROPHE: Final = re.compile("['’]")
_WIDE: Final = "\u2e80"
_SHORTEST_STEM: Final = 3
_CLASSES: Final = 64
_NEAR: Final = 40
"""Letters from a word to the next one with a class, at most, if they are to count together."""
_FAR: Final = 60
"""The same to the second next one."""
_MIX: Final = 0x85EBCA6B
_STIR: Final = 0x9E3779B1
_ALL: Final = (1 << 32) - 1
_ALONE, _PAIR, _APART, _THREE = 1, 2, 3, 4
_REMEMBERED: Final = 65_536
_FEW: Final = 200
"""Words with a class up to which each is looked at by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lexicon:
    """Words, stems and characters by their class; 0 is none."""

    words: Mapping[str, int]
    stems: Mapping[str, int]
    wide: Mapping[str, int]
    """One or two characters of a script that writes no blanks."""
    longest: int
    """Letters of the longest stem."""
    heads: frozenset[str]
    """What stems begin with: few other words do."""

    def of(self, word: str) -> int:
        """The class of a folded word."""
        found = self.words.get(word)
        if found is not None:
            return found
        if word[:_SHORTEST_STEM] in self.heads:
            for length in range(min(len(word), self.longest), _SHORTEST_STEM - 1, -1):
                found = self.stems.get(word[:length])
                if found is not None:
                    return found
        if word.isalpha():
            return 0
        head = _APOSTROPHE.split(word, maxsplit=1)[0]
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
    heads = frozenset(stem[:_SHORTEST_STEM] for stem in stems)
    return Lexicon(words=words, stems=stems, wide=wide, longest=max(map(len, stems)), heads=heads)


def classes_in(word: str) -> tuple[tuple[int, int], ...]:
    """Where a class stands in what is written without a blank, and its number."""
    known = lexicon()
    found: list[tuple[int, int]] = []
    for part in _WORD.finditer(word):
        said, start = part.group(), part.start()
        if said[0] < _WIDE:
            found.append((start, known.of(said)))
        else:
            wide = known.wide.get
            found += [
                (start + at, wide(said[at : at + 2]) or wide(said[at]) or 0)
                for at in range(len(said))
            ]
    return tuple(one for one in found if one[1])


def sense_rows(
    meant: Sequence[tuple[int, int]], bits: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The table's rows for classes at their places, and the place of each row, in order.

    Each counts alone, with the next one and with the second next one, where those are near.
    """
    if len(meant) > _FEW:
        return _many_rows(meant, bits)
    rows: list[int] = []
    places: list[int] = []
    ahead = [*meant, (-1, 0), (-1, 0)]
    for (at, one), (second, two), (third, three) in zip(meant, ahead[1:], ahead[2:], strict=False):
        if one:
            near = bool(two) and second - at <= _NEAR
            far = bool(two and three) and third - at <= _FAR
            key = (one, two if near or far else 0, three if far else 0, near)
            some = _known.get(key) or _hashed(key)
            rows += some
            places += [at] * len(some)
    return np.array(rows, np.uint32) >> np.uint32(32 - bits), np.array(places, np.int64)


def _many_rows(
    meant: Sequence[tuple[int, int]], bits: int
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The same in arrays, for texts made of nothing but such words."""
    ahead = np.array([*meant, (-1, 0), (-1, 0)], np.int64)
    size, at = len(meant), ahead[:, 0]
    one, two, three = ahead[:size, 1], ahead[1 : size + 1, 1], ahead[2:, 1]
    here = one > 0
    near = here & (two > 0) & (at[1 : size + 1] - at[:size] <= _NEAR)
    far = here & (two > 0) & (three > 0) & (at[2:] - at[:size] <= _FAR)
    pair = one * _CLASSES + two
    numbers = np.stack([one, pair, one * _CLASSES + three, pair * _CLASSES + three], axis=1)
    rows = _stirred(numbers, np.array([_ALONE, _PAIR, _APART, _THREE]))
    chosen = np.stack([here, near, far, far], axis=1)
    found = rows[chosen].astype(np.uint32) >> np.uint32(32 - bits)
    return found, np.repeat(at[:size], chosen.sum(axis=1))


_known: dict[tuple[int, int, int, bool], tuple[int, ...]] = {}


def _hashed(key: tuple[int, int, int, bool]) -> tuple[int, ...]:
    one, two, three, near = key
    pair = one * _CLASSES + two
    hashes = [_stirred(one, _ALONE)]
    if near:
        hashes.append(_stirred(pair, _PAIR))
    if three:
        hashes.append(_stirred(one * _CLASSES + three, _APART))
        hashes.append(_stirred(pair * _CLASSES + three, _THREE))
    if len(_known) >= _REMEMBERED:
        _known.clear()
    return _known.setdefault(key, tuple(hashes))


_Number = TypeVar("_Number", int, "NDArray[np.int64]")


def _stirred(number: _Number, seed: _Number) -> _Number:
    """Mixed to 32 bits; the masks come before products that 63 bits would not hold."""
    value = ((number * _MIX) & _ALL) ^ seed
    value = value ^ (value >> 15)
    value = _product(value, _STIR)
    value = value ^ (value >> 13)
    return _product(value, _MIX)


def _product(value: _Number, by: int) -> _Number:
    return (((value >> 16) * by & 0xFFFF) * 0x10000 + (value & 0xFFFF) * by) & _ALL
