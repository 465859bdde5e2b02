"""The words of pieces: hashed all at once, and looked up for what they mean one by one.

A word's hash is a polynomial over its letters, so that it is the difference of two sums over the
whole text. Its meaning is remembered, since reports repeat their words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from mendwire.screen.senses import classes_in

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEMBERED: Final = 32_768
_LONGEST_KEPT: Final = 40
_ODD: Final = 0x9E3779B97F4A7C15
_BACK: Final = pow(_ODD, -1, 1 << 64)
"""Times ``_ODD`` it is 1, modulo 2 to the 64."""
_SEED: Final = np.uint32(0x9E3779B1)
_BLANK: Final = np.uint32(0x20)
_THAI: Final = np.uint32(0x0E00), np.uint32(0x80)
_WIDE: Final = np.uint32(0x2E80), np.uint32(0xE000 - 0x2E80)
"""The first letter of scripts that write no blanks, and how many there are."""

_Classes = tuple[tuple[int, int], ...]
"""Where each class stands in a word, and its number."""
_known: dict[str, _Classes] = {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Words:
    """The words of several pieces, in order."""

    hashes: NDArray[np.uint32]
    places: NDArray[np.int64]
    """Where each begins."""
    firsts: NDArray[np.int64]
    """The number of each piece's first word."""


def words_of(codes: NDArray[np.uint32], starts: Sequence[int]) -> Words:
    """The words in a text of pieces that begin at ``starts``; digits are one digit already.

    Words are what stands between blanks. In scripts that write none, a letter is a word.
    """
    here = codes > _BLANK
    wide = None
    if int(codes.max(initial=0)) >= int(_THAI[0]):
        wide = (codes - _THAI[0] < _THAI[1]) | (codes - _WIDE[0] < _WIDE[1])
        here &= ~wide
    edges = np.flatnonzero(here[1:] != here[:-1])
    edges += 1
    begins, ends = edges.reshape(-1, 2).T
    powers, inverse = _powers(1 << len(codes).bit_length())
    sums = codes.astype(np.uint64)
    sums *= powers[: len(codes)]
    np.add.accumulate(sums, out=sums)
    values = sums[ends - 1] - sums[begins - 1]
    values *= inverse[begins]
    values >>= np.uint64(32)
    hashes = values.astype(np.uint32)
    hashes ^= _SEED
    if wide is not None:
        alone = np.flatnonzero(wide)
        begins = np.concatenate([begins, alone])
        order = begins.argsort(kind="stable")
        begins = begins[order]
        hashes = np.concatenate([hashes, np.full(len(alone), _SEED)])[order]
    firsts = begins.searchsorted(starts)
    some = firsts < np.append(firsts[1:], len(begins))
    return Words(hashes=hashes, places=begins, firsts=firsts[some])


def meant_in(pieces: Sequence[str], starts: Sequence[int]) -> list[tuple[int, int]]:
    """Where a class stands in pieces that begin at ``starts``, a blank before each, and its number.

    Zeros stand behind each piece.
    """
    meant: list[tuple[int, int]] = []
    get = _known.get
    for piece, start in zip(pieces, starts, strict=True):
        at = start + 1
        for word in piece.split(" "):
            classes = get(word)
            if classes is None:
                classes = _look(word)
            if classes:
                meant += [(at + offset, number) for offset, number in classes]
            at += len(word) + 1
        meant.append((-1, 0))
    return meant


def _look(word: str) -> _Classes:
    classes = classes_in(word)
    if len(word) <= _LONGEST_KEPT:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[word] = classes
    return classes


@lru_cache(4)
def _powers(size: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """The first powers of ``_ODD`` and of ``_BACK``."""
    ones = np.ones(size, np.uint64)
    powers, inverse = ones * np.uint64(_ODD), ones * np.uint64(_BACK)
    powers[0] = inverse[0] = 1
    return np.multiply.accumulate(powers), np.multiply.accumulate(inverse)
