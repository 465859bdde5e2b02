"""Whether a text reads like language, and squeezed letters set apart into words again."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from typing import Final

from mendwire.screen.normalise.fold import plain
from mendwire.screen.normalise.words import COMMON, KNOWN

_WORD: Final = re.compile(r"[^\W\d_]+")
_MIN_WORDS: Final = 3
_MIN_FOREIGN: Final = 6
_PRINTABLE: Final = 0.95
_LETTERS: Final = 0.5
_WELL_SPACED: Final = 0.7

VOCABULARY: Final = COMMON | KNOWN
_LONGEST: Final = max(map(len, KNOWN))
_SHORT: Final = frozenset(
    "a an as at be by do go he if in is it me my no of on or so to up us we ai id".split()  # noqa: SIM905 - a row of words
)
_FITS: Final = frozenset(word for word in KNOWN if len(word) > 2) | _SHORT  # noqa: PLR2004 - the short ones are listed
_PRONOUNCED: Final = 0.8
_MIN_PAIR: Final = 3
_PAIRS: Final = frozenset(
    pair
    for pair, count in Counter(
        first + second for word in COMMON for first, second in itertools.pairwise(word)
    ).items()
    if count >= _MIN_PAIR
)
_MAX_SQUEEZED: Final = 400
_MIN_MEAN: Final = 3.0
"""Letters of a word, on average: less is a coincidence."""


def is_prose(text: str) -> bool:
    """Whether decoded text says something, in any script; keys, hashes and claims do not."""
    text = plain(text)
    if not text:
        return False
    if not text.isprintable():
        counts = Counter(text)
        printable = [char for char in counts if char.isprintable() or char in "\r\n\t"]
        if sum(map(counts.__getitem__, printable)) < _PRINTABLE * len(text):
            return False
    words = _WORD.findall(text)
    letters = sum(map(len, words))
    if letters < _LETTERS * len(text):
        return False
    if not text.isascii():
        return letters >= _MIN_FOREIGN
    if len(words) < _MIN_WORDS:
        return text.lower() in VOCABULARY
    return letters + text.count(" ") >= _WELL_SPACED * len(text)


def is_pronounced(word: str) -> bool:
    """Whether the letters follow each other as in words of some Latin language."""
    pairs = ["".join(pair) for pair in itertools.pairwise(word)]
    return len(_PAIRS.intersection(pairs)) >= _PRONOUNCED * len(set(pairs))


def respaced(letters: str) -> str:
    """``ignoreallrules`` -> ``ignore all rules``: the fewest known words, or empty."""
    if len(letters) > _MAX_SQUEEZED:
        return ""
    best: list[tuple[int, int] | None] = [(0, 0), *[None] * len(letters)]
    """For every place the fewest words that reach it, and where the last of them starts."""
    reached = 0
    for start in range(len(letters)):
        before = best[start]
        if before is None:
            continue
        for end in range(start + 1, min(start + _LONGEST, len(letters)) + 1):
            if letters[start:end] in _FITS:
                now = best[end]
                if now is None or before[0] + 1 < now[0]:
                    best[end] = before[0] + 1, start
                reached = max(reached, end)
        if reached <= start:
            return ""
    found = best[-1]
    if found is None or len(letters) < found[0] * _MIN_MEAN:
        return ""
    words: list[str] = []
    end = len(letters)
    while end:
        way = best[end]
        assert way is not None
        words.append(letters[way[1] : end])
        end = way[1]
    return " ".join(reversed(words))
