"""Folded texts as hashed character and word n-grams, all pieces of a report in one array.

Letters are a few passes of numpy; words are looked up one by one, since reports repeat them. What a
piece's features are depends on nothing but the piece, so that a verdict does not change with what
else stands in the report.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from mendwire.screen.senses import sense_rows
from mendwire.screen.words import Words, meant_in, words_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

ORDERS: Final = (3, 4, 5, 6)
"""Lengths of the character n-grams."""
_APART: Final = "\0" * max(ORDERS)
"""Between two pieces: what runs over a piece's end always runs into the same."""
_PRIME: Final = np.uint32(0x01000193)
_MIX: Final = np.uint32(0x85EBCA6B)
_STIR: Final = np.uint32(0x9E3779B1)
_BREAK: Final = re.compile(r"[.;!?\n](?= )|[\u3002\uff01-\uff20]")
"""Signs that end a sentence before a blank, and those that need none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grams:
    """The features of several texts, by position."""

    starts: list[int]
    """Where each piece begins, in letters."""
    ends: list[int]
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
    breaks: list[list[int]]
    """Of each piece, where a sentence begins behind another one: the blank before its letters."""


def grams(pieces: Sequence[str], bits: int) -> Grams:
    """The features as rows of a table with ``2 ** bits`` rows."""
    starts: list[int] = []
    ends: list[int] = []
    breaks: list[list[int]] = []
    padded: list[str] = []
    at = len(_APART)
    for piece in pieces:
        shown = f" {piece} "
        padded.append(shown)
        starts.append(at)
        breaks.append([at + found.start() + 1 for found in _BREAK.finditer(shown)])
        at += len(shown)
        ends.append(at)
        at += len(_APART)
    text = f"{_APART}{_APART.join(padded)}{_APART}"
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4"))
    codes = np.where(codes - np.uint32(48) < np.uint32(10), np.uint32(48), codes)
    words = words_of(codes, starts)
    rows, sense_starts = sense_rows(meant_in(pieces, starts), bits)
    return Grams(
        starts=starts,
        ends=ends,
        letters=_letters(codes, bits),
        words=_words(words, bits),
        word_starts=words.places,
        senses=rows,
        sense_starts=sense_starts,
        breaks=breaks,
    )


def _letters(codes: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    size = len(codes)
    hashed = np.empty((len(ORDERS), size), np.uint32)
    before = codes * _PRIME
    before[:-1] ^= codes[1:]
    before *= _PRIME
    for row, length in enumerate(ORDERS):
        rolling = hashed[row]
        cut = size - length + 1
        np.bitwise_xor(before[:cut], codes[length - 1 :], out=rolling[:cut])
        rolling[cut:] = before[cut:]
        rolling *= _PRIME
        before = rolling
    return _rows(hashed, bits)


def _words(words: Words, bits: int) -> NDArray[np.uint32]:
    size = len(words.hashes)
    hashed = np.empty((3, size), np.uint32)
    single, both, far = hashed
    single[:] = words.hashes
    mixed, spread = single * _MIX, single * _PRIME
    # The first word of a piece has none before it, and its second one has no second before it.
    np.multiply(single, _STIR, out=far)
    both[1:] = single[1:] + far[:-1]
    first = words.firsts
    both[first] = mixed[first]
    far[2:] = mixed[2:] ^ spread[:-2]
    second = first + 1
    alone = np.concatenate([first, second[second < size]])
    far[alone] = both[alone] * _PRIME
    return _rows(hashed, bits)


def _rows(hashed: NDArray[np.uint32], bits: int) -> NDArray[np.uint32]:
    hashed ^= hashed >> np.uint32(15)
    hashed *= _MIX
    hashed ^= hashed >> np.uint32(13)
    hashed *= _STIR
    hashed >>= np.uint32(32 - bits)
    return hashed
