"""What stands again and again counts once: a log that repeats a line says no more than the line."""

from __future__ import annotations

import re
from typing import Final

import numpy as np

_LONGEST: Final = 40
"""Words of the longest stretch whose repetition is seen."""
_SHORTEST: Final = 3
"""Words in a row that must come again before they count as a repetition."""
_OFTEN: Final = 8
"""Times that the same three words come before every distance is looked at."""
_FRESH: Final = 0.75
"""Share of different words from which on nothing is looked for."""
_REACH: Final = 128
"""Words that no rule reaches over."""
_MANY: Final = 400
"""Words from which on long repetitions are looked for."""
_MIN_LETTERS: Final = 8
_RULERS: Final = re.compile(r"([^\w\s]|_)(?:\1{3,}|(?: \1){3,})")
_JOINTS: Final = re.compile(r"[^a-z0-9]+")


def without_long_repeats(words: list[str]) -> list[str]:
    """Words of which the middle of a stretch that repeats on and on was taken out.

    Whole copies go, and ``_REACH`` words stay on either side: what stands within reach of each
    other still does, and nothing does that did not before.
    """
    if len(words) < _MANY or len(set(words)) > len(words) // 2:
        return words
    number = {word: at for at, word in enumerate(words)}
    said = np.fromiter(map(number.__getitem__, words), np.int32, len(words))
    kept = np.ones(len(said), bool)
    for period in range(1, _LONGEST + 1):
        same = np.zeros(len(said) - period + 2, bool)
        np.equal(said[period:], said[:-period], out=same[1:-1])
        edges = np.flatnonzero(same[1:] != same[:-1]).reshape(-1, 2)
        for begin, end in edges[edges[:, 1] - edges[:, 0] > 2 * _REACH].tolist():
            spare = (end - begin - 2 * _REACH) // period * period
            if kept[begin : end + period].all():
                kept[begin + _REACH : begin + _REACH + spare] = False
    return [words[at] for at in np.flatnonzero(kept).tolist()]


def without_repeats(text: str) -> str:
    """The text without the stretches of words that follow their own copy; else the very text.

    Takes ``_LONGEST`` passes over the words at most. A word that is taken out stands before, too.
    """
    words = text.split(" ")
    number = {word: at for at, word in enumerate(words)}
    if len(number) > _FRESH * len(words):
        return text
    periods = _periods(words)
    if not periods:
        return text
    said = np.fromiter(map(number.__getitem__, words), np.int32, len(words))
    depth = np.zeros(len(said) + 1, np.int32)
    for period in periods:
        same = np.zeros(len(said) - period + 2, bool)
        np.equal(said[period:], said[:-period], out=same[1:-1])
        begins, ends = (np.flatnonzero(same[1:] != same[:-1]) + period).reshape(-1, 2).T
        long = ends - begins >= max(period, _SHORTEST)
        depth[begins[long]] += 1
        depth[ends[long]] -= 1
    fresh = np.cumsum(depth)[:-1] == 0
    if fresh.all():
        return text
    return " ".join([words[at] for at in np.flatnonzero(fresh).tolist()])


def _periods(words: list[str]) -> list[int]:
    """How far apart three words in a row come again, at most ``_LONGEST``."""
    longest = min(_LONGEST, len(words) // 2)
    places: dict[tuple[str, str, str], list[int]] = {}
    found: set[int] = set()
    for at, three in enumerate(zip(words, words[1:], words[2:], strict=False)):
        before = places.get(three)
        if before is None:
            places[three] = [at]
            continue
        if len(before) == _OFTEN:
            return list(range(1, longest + 1))
        found.update(at - place for place in before)
        before.append(at)
    return sorted(period for period in found if period <= longest)


def readable(piece: str) -> str:
    """The words of a piece as they are scored; empty where it is too little to tell anybody.

    What holds no blank is a name or a path, and reads as the words it is made of. A ruler of signs
    is as good as three of them, and what is repeated as good as once.
    """
    piece = _RULERS.sub(r"\1\1\1", piece)
    if " " not in piece and piece.isascii():
        piece = _JOINTS.sub(" ", piece).strip()
        if " " not in piece:
            return ""
    piece = without_repeats(piece)
    return piece if len(piece) >= _MIN_LETTERS else ""
