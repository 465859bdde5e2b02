"""Folded texts as hashed character and word n-grams, all pieces of a report in one array.

Everything is a few passes of numpy over the letters: no loop in Python sees a character. What a
piece's features are depends on nothing but the piece, so that a verdict does not change with what
else stands in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mendwire.screen.senses import senses

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS: Final = (3, 4, 5, 6)
"""Lengths of the character n-grams."""
_APART: Final = "\0" * max(ORDERS)
"""Between two pieces: what runs over a piece's end always runs into the same."""
_PRIME: Final = np.uint32(0x01000193)
_MIX: Final = np.uint32(0x85EBCA6B)
_WORD_SEED: Final = np.uint32(0x9E3779B1)
_FIRST_ALONE: Final = np.uint32(0x0E00)
_ODD: Final = 0x9E3779B97F4A7C15
_MAX_POWERS: Final = 1 << 16
_ENDS: Final = np.isin(np.arange(128), np.frombuffer(b".;!?\n", np.uint8))
_FULL_STOP: Final = np.uint32(0x3002)
_WIDE: Final = np.uint32(0xFF01)


@dataclass(frozen=True, kw_only=True, slots=True)
class Grams:
    """The features of several texts, by position."""

    starts: NDArray[np.int64]
    """Where each piece begins, in letters."""
    ends: NDArray[np.int64]
    """Where each piece ends."""
    letters: NDArray[np.uint32]
    """(orders, letters): the table's row for the n-gram that begins at a letter."""
    words: NDArray[np.uint32]
    """(3, words): the row for a word, for it and the one before, for it and the one before that."""
    word_starts: NDArray[np.int64]
    """Where each word begins."""
    senses: NDArray[np.uint32]
    """The row for a word's class, for it and those of the next words that have one."""
    sense_starts: NDArray[np.int64]
    """Where the word begins that each of these belongs to."""
    breaks: NDArray[np.int64]
    """Where a sentence begins behind another one: the blank before its first letter."""


def grams(pieces: Sequence[str], bits: int) -> Grams:
    """The features as rows of a table with ``2 ** bits`` rows."""
    lengths = np.fromiter(map(len, pieces), np.int64, len(pieces)) + 2
    gap = len(_APART)
    starts = np.cumsum(lengths + gap) - lengths
    text = _APART + _APART.join(f" {piece} " for piece in pieces) + _APART
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    codes = np.where(codes - np.uint32(48) < np.uint32(10), np.uint32(48), codes)
    words, word_starts = _words(codes, bits)
    meant, sense_starts = senses(text, bits)
    return Grams(
        starts=starts,
        ends=starts + lengths,
        letters=_letters(codes, bits),
        words=words,
        word_starts=word_starts,
        senses=meant,
        sense_starts=sense_starts,
        breaks=_breaks(codes),
    )


def _breaks(codes: NDArray[np.uint32]) -> NDArray[np.int64]:
    """Signs that end a sentence before a blank, and those that need none."""
    low = np.minimum(codes, np.uint32(len(_ENDS) - 1))
    ended = _ENDS[low[:-1]] & (codes[1:] == np.uint32(32))
    if codes.max() >= _FULL_STOP:
        ended |= (codes[:-1] == _FULL_STOP) | (codes[:-1] - _WIDE < np.uint32(0x20))
    return np.flatnonzero(ended) + 1


def _letters(codes: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    size = len(codes)
    rolling = codes * _PRIME
    hashed = np.empty((len(ORDERS), size), np.uint32)
    row = 0
    for length in range(2, max(ORDERS) + 1):
        rolling[: size - length + 1] ^= codes[length - 1 :]
        rolling *= _PRIME
        if length in ORDERS:
            hashed[row] = rolling
            row += 1
    return _rows(hashed, bits)


def _words(codes: NDArray[np.uint32], bits: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Words are what stands between blanks; a hash of any length in one pass over running sums."""
    inside = codes > np.uint32(32)
    opens, closes = inside[1:] & ~inside[:-1], inside[:-1] & ~inside[1:]
    if codes.max() >= _FIRST_ALONE:
        # Scripts that write no blanks: a letter is a word.
        alone = (codes - _FIRST_ALONE < np.uint32(0x80)) | (
            codes - np.uint32(0x2E80) < np.uint32(0xB180)
        )
        apart = alone[1:] | alone[:-1]
        opens, closes = opens | (inside[1:] & apart), closes | (inside[:-1] & apart)
    begins, stops = np.flatnonzero(opens) + 1, np.flatnonzero(closes) + 1
    sums = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(codes * _powers(len(codes)), out=sums[1:])
    # Divided by the power it begins with, a word's sum is the same wherever it stands.
    hashes = (sums[stops] - sums[begins]) * _inverses(len(codes))[begins]
    hashed = np.empty((3, len(begins)), np.uint32)
    single, both, far = hashed
    single[:] = hashes >> np.uint64(32)
    single ^= _WORD_SEED
    both[:] = single
    both[1:] += single[:-1] * _WORD_SEED
    # The first word of a piece has none before it.
    first = np.ones(len(begins), bool)
    first[1:] = begins[1:] - stops[:-1] > len(_APART)
    both[first] = single[first] * _MIX
    # A word with the second before it: "run" and "npx" with whatever stands between.
    np.multiply(both, _PRIME, out=far)
    far[2:] = (single[2:] * _MIX) ^ (single[:-2] * _PRIME)
    near_start = first.copy()
    near_start[1:] |= first[:-1]
    far[near_start] = both[near_start] * _PRIME
    return _rows(hashed, bits), begins


def _rows(hashed: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    hashed ^= hashed >> np.uint32(15)
    hashed *= _MIX
    hashed ^= hashed >> np.uint32(13)
    hashed *= _WORD_SEED
    hashed >>= np.uint32(32 - bits)
    return hashed


class _Table:
    """Powers of an odd number modulo 2**64, grown when a longer text comes."""

    def __init__(self, base: int) -> None:
        self._base = np.uint64(base)
        self._known = np.ones(1, np.uint64)

    def __call__(self, size: int) -> NDArray[np.uint64]:
        if size > len(self._known):
            steps = np.full(max(size, _MAX_POWERS), self._base, np.uint64)
            steps[0] = 1
            self._known = np.multiply.accumulate(steps)
        return self._known[:size]


_powers: Final = _Table(_ODD)
_inverses: Final = _Table(pow(_ODD, -1, 1 << 64))
