"""The words of pieces: each is looked at once and remembered, since reports repeat their words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Final

from mendwire.screen.senses import classes_in

_REMEMBERED: Final = 32_768
_LONGEST_KEPT: Final = 40
_MOST_PARTS: Final = 12
"""A longer run of a script without blanks weighs much and seldom comes again."""
_ODD: Final = 0x9E3779B97F4A7C15
_SEED: Final = 0x9E3779B1
_ALL: Final = (1 << 64) - 1
# Words are what stands between blanks. In scripts that write none, a letter is a word.
_PART: Final = re.compile(
    r"([\u0e00-\u0e7f\u2e80-\udfff]+)|[^\x00-\x20\u0e00-\u0e7f\u2e80-\udfff]+"
)
_DIGITS: Final = re.compile(r"\d", re.ASCII)

_Numbers = tuple[tuple[int, int], ...]
_Look = tuple[int, dict[int, int] | None, _Numbers, int]
"""A word's hash; if it has other than one part, where each begins and its hash; where each class
stands and its number; its length and a blank's."""
_known: dict[str, _Look] = {}


class Words:
    """The words of several pieces, in order."""

    __slots__ = ("firsts", "hashes", "meant", "places")

    def __init__(self) -> None:
        self.hashes: list[int] = []
        """Of 32 bits."""
        self.places: list[int] = []
        """Where each begins."""
        self.firsts: list[int] = []
        """The number of each piece's first word."""
        self.meant: list[tuple[int, int]] = []
        """Where a class stands, and its number; zeros behind each piece."""


def words_of(pieces: Sequence[str], starts: Sequence[int]) -> Words:
    """The words of pieces that begin at ``starts``, a blank before each."""
    found = Words()
    hashes, places, meant = found.hashes, found.places, found.meant
    get = _known.get
    for piece, start in zip(pieces, starts, strict=True):
        at, before = start + 1, len(hashes)
        for word in piece.split(" "):
            value, parts, classes, step = get(word) or _look(word)
            if parts is None:
                places.append(at)
                hashes.append(value)
            else:
                places += [at + offset for offset in parts]
                hashes += parts.values()
            if classes:
                meant += [(at + offset, number) for offset, number in classes]
            at += step
        meant.append((-1, 0))
        if len(hashes) > before:
            found.firsts.append(before)
    return found


def _look(word: str) -> _Look:
    parts = dict(_parts(word))
    one = len(parts) == 1 and 0 in parts
    look = parts.get(0, 0), None if one else parts, classes_in(word), len(word) + 1
    if len(word) <= _LONGEST_KEPT and len(parts) <= _MOST_PARTS:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[word] = look
    return look


def _parts(word: str) -> Iterator[tuple[int, int]]:
    for part in _PART.finditer(word):
        start, end = part.span()
        if part.lastindex:
            yield from zip(range(start, end), repeat(_SEED))
        else:
            yield start, _hash(part[0])


def _hash(part: str) -> int:
    value, power = 0, 1
    for letter in map(ord, _DIGITS.sub("0", part)):
        value += letter * power
        power = power * _ODD & _ALL
    return (value & _ALL) >> 32 ^ _SEED
