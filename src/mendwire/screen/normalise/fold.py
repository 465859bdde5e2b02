"""The text as it is compared: lower case, without accents, disguised letters or invisibles.

Plain ASCII, which nearly every report is, costs three passes in C. Anything else is folded one
character at a time through a table that fills itself; so a span maps back to where it stood.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from mendwire.screen.normalise.letters import DRAWN, LOOKS
from mendwire.screen.normalise.words import COMMON

_CSI: Final = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,8}[@-~]")
_OSC: Final = re.compile(r"\x1b[\]PX^_]|\x9d|\x1b\\|\x9c|\x1b[@-Z\\-_]")
_OVERSTRUCK: Final = re.compile(r"[^\x08\n]\x08")
_TERMINAL: Final = re.compile(f"({_CSI.pattern})|({_OSC.pattern})|({_OVERSTRUCK.pattern})")
_CONTROLS: Final = dict.fromkeys((*range(0x20), 0x7F), " ")
_BEYOND: Final = re.compile(r"[^\x00-\x7e]+")
_TAGS: Final = range(0xE0020, 0xE007F)
_INVISIBLE: Final = frozenset({"Cf", "Cn", "Co", "Cs", "Me", "Mn"})
_BLANK: Final = frozenset({"Cc", "Zl", "Zp", "Zs"})
# Letters and marks by category that draw nothing.
_FILLERS: Final = frozenset("\u115f\u1160\u2800\u3164\ufffc\uffa0")
_WORD: Final = re.compile(r"[^\W\d_]+")
_LATIN: Final = re.compile(r"[A-Za-z]")
_OTHER: Final = re.compile(f"[{''.join(LOOKS)}]")
_LOOK_TABLE: Final = str.maketrans(LOOKS)
_LONGEST: Final = 4
"""Letters that one character may become: a few ligatures spell a whole sentence."""
_REMEMBERED: Final = 20_000
_MIN_WHOLE: Final = 3


def fold(text: str) -> str:
    """The text as it is compared: the rules' own phrases pass through here too."""
    return spaced(plain(text).split())


def spaced(words: Iterable[str]) -> str:
    """The words of a plain text, folded."""
    folded = " ".join(words).lower()
    if folded.isprintable():
        return folded
    return " ".join(folded.translate(_CONTROLS).split())


def plain(text: str) -> str:
    """The same with its letters as large as they are, and its own spaces and lines."""
    if "\x1b" in text or "\x08" in text or "\x9b" in text or "\x9d" in text:
        text = _TERMINAL.sub(_untyped, text)
    if text.isascii():
        return text
    runs = _Runs()
    text = _BEYOND.sub(lambda run: runs[run[0]], text)
    return _unmixed(text) if _OTHER.search(text) else text


Origins = tuple[list[int], list[int]]
"""For every character where what it was made of starts, and where it ends."""


def plain_origins(text: str) -> Origins:
    """The origins of ``plain(text)``."""
    starts: list[int] = []
    ends: list[int] = []
    at = 0
    for mark in (*_TERMINAL.finditer(text), None):
        for place in range(at, mark.start() if mark else len(text)):
            length = 1 if text[place] <= "~" else len(_FOLDING[ord(text[place])])
            starts += [place] * length
            ends += [place + 1] * length
        if mark:
            at = mark.end()
            starts += [mark.start()] * len(_untyped(mark))
            ends += [at] * len(_untyped(mark))
    return starts, ends


def fold_origins(text: str) -> Origins:
    """The origins of ``fold(text)``."""
    shown = plain(text).translate(_CONTROLS)
    starts, ends = plain_origins(text)
    kept = [place for place, char in enumerate(shown) if not char.isspace()]
    chosen = kept[:1]
    for before, place in itertools.pairwise(kept):
        chosen += (place,) if place == before + 1 else (before + 1, place)
    return [starts[place] for place in chosen], [ends[place] for place in chosen]


def _untyped(mark: re.Match[str]) -> str:
    return " " if mark.lastindex == 2 else ""  # noqa: PLR2004 - the second group: it sets apart


class _Folding(dict[int, str]):
    """What each character folds to; worked out once."""

    def __missing__(self, point: int) -> str:
        folded = _folded(chr(point))
        if len(self) < _REMEMBERED:
            self[point] = folded
        return folded


_FOLDING: Final = _Folding()


class _Runs(dict[str, str]):
    """What runs of other letters fold to, within one text: hostile ones repeat theirs."""

    def __missing__(self, run: str) -> str:
        folded = self[run] = run.translate(_FOLDING)
        return folded


def _folded(char: str) -> str:
    if ord(char) in _TAGS:
        return chr(ord(char) - 0xE0000).lower()
    if char.lower() in DRAWN:
        return DRAWN[char.lower()]
    if char in LOOKS:
        return char  # as large as it is: a Greek Eta passes for H, its small letter for n
    category = unicodedata.category(char)
    if char in _FILLERS or category in _INVISIBLE:
        return ""
    if char.isspace() or category in _BLANK:
        return " "
    apart = unicodedata.normalize("NFKD", char)
    bare = "".join(
        DRAWN.get(part.lower(), part)
        for part in apart
        if unicodedata.category(part) not in _INVISIBLE and part not in _FILLERS
    )
    return unicodedata.normalize("NFC", bare)[:_LONGEST]


def _unmixed(text: str) -> str:
    """Letters that pass for Latin ones become Latin where a word mixes scripts.

    A word made of nothing else stays itself, unless it reads as English and stands among Latin.
    """
    among_latin = _LATIN.search(text) is not None

    def unmixed(word: str) -> str:
        if not _OTHER.search(word):
            return word
        latin = word.translate(_LOOK_TABLE)
        if _LATIN.search(word):
            return latin
        whole = among_latin and len(word) >= _MIN_WHOLE and latin.lower() in COMMON
        return latin if whole else word

    known: dict[str, str] = {}

    def unmix(match: re.Match[str]) -> str:
        word = match[0]
        if word not in known:
            known[word] = unmixed(word)
        return known[word]

    return _WORD.sub(unmix, text)
