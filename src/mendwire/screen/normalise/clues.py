"""What a single word gives away: one look, remembered, decides which decoders a text is worth.

Reports repeat their words, so that a typical text costs one look-up a word and nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from mendwire.screen.normalise.blobs import MIN_BLOB, candidates, opened
from mendwire.screen.normalise.ciphers import written
from mendwire.screen.normalise.mending import guessed, is_leet, is_name, is_path, mended
from mendwire.screen.normalise.prose import VOCABULARY

_REMEMBERED: Final = 16_384
_LONGEST_KEPT: Final = 200
_EDGES: Final = "\"'`()[]{}<>,.;:!?*#"
_NUMBER: Final = re.compile(
    r"(?:0[xbo]|\\x)?(?:[0-9a-fA-F]{2,4}|[01]{7,8}|[0-7]{3})h?|\d{1,3}|\d{1,2}(?:[-.]\d{1,2})+"
)
_CODES: Final = re.compile(
    r"(?=[\da-fA-F])(?:(?:\d{1,6}\D{1,7}){10}|(?:[0-9a-fA-F]{2}[^0-9a-fA-F]{1,3}){7}|[01]{42})"
)
MANY: Final = 8
"""Codes in one word that make it worth a look by itself."""
_SPACED: Final = re.compile(r"(?:[^\W_](?:[^\w\s]{1,3}|_)){3,}[^\W_]?")
_ID: Final = re.compile(r"[0-9a-f-]{7,}|[0-9A-F-]{7,}")
"""A hash, or a part of one: its digits stand for no letters."""
_MORSE: Final = re.compile(r"[.\-_·•−–—]{1,6}|[/|]")
_CODED: Final = re.compile(r"[A-Za-z0-9+/_-]{4,}={0,2}")
_MIXED: Final = re.compile(r"[a-z].*[A-Z]|[A-Z]{2}.*[a-z]|[0-9].*[A-Za-z]|[A-Za-z].*[0-9]")
_LONGEST_CHUNK: Final = 8
_MIN_LONG: Final = 16
_SPELLING: Final = frozenset(
    "alpha alfa bravo charlie delta echo foxtrot golf hotel india juliet juliett kilo lima mike "  # noqa: SIM905 - a row of words
    "november oscar papa quebec romeo sierra tango uniform victor whiskey xray x-ray yankee "
    "zulu".split()
)


# What kind of code a word may be part of.
LETTER: Final = 1
"""One character alone."""
NUMBER: Final = 2
"""The code of a character, or several."""
MORSE: Final = 4
CODED: Final = 8
"""Letters and digits that make no word."""
SPELT: Final = 16
"""A word of the spelling alphabet."""
LEET: Final = 32
"""Digits for letters."""
BLOB: Final = 128
"""It decodes to language by itself."""
NAMED: Final = 256
"""It was mended by setting the parts of a name apart."""
PATH: Final = 512
"""It was mended by setting the parts of a path apart."""
CHUNK: Final = 64
"""A few letters that are no word we know: part of one, or of another language."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Clue:
    """What one word gives away."""

    word: str
    marks: int = 0
    """Bits of the above."""
    weight: int = 1
    """Codes that it holds."""
    mended: str = ""
    """What it reads as without what was put into it."""
    guess: str = ""
    """What it may read as if other words were mended."""
    image: str = ""
    """As it stands in the table of ciphers."""


_NOTHING: Final = Clue(word="")
_looked_at: dict[str, Clue] = {}


def clues(words: Iterable[str]) -> list[Clue]:
    """What the words give away, in their order; plain words nothing."""
    get = _looked_at.get
    return [clue for word in words if (clue := get(word) or _look(word)) is not _NOTHING]


def _look(word: str) -> Clue:
    clue = _clue(word)
    if len(word) <= _LONGEST_KEPT:
        if len(_looked_at) >= _REMEMBERED:
            _looked_at.clear()
        _looked_at[word] = clue
    return clue


def _clue(word: str) -> Clue:
    core = max(word.split('"'), key=len).strip(_EDGES)
    lower = core.lower()
    marks = _marks(word, core, lower)
    if lower in VOCABULARY:
        return Clue(word=word, marks=marks) if marks else _NOTHING
    known = written()
    image = lower if lower in known else word.lower()
    better = mended(core)
    guess = "" if better else guessed(core)
    if not core.isalpha() and not _ID.fullmatch(core) and is_leet(core):
        marks |= LEET
    if not (marks or better or guess or image in known):
        return _NOTHING
    if better and is_path(core):
        marks |= PATH
    elif better and is_name(core, better):
        marks |= NAMED
    many = (marks & NUMBER and _CODES.search(core)) or (marks & LETTER and len(core) > 1)
    weight = MANY if many else 1
    return Clue(
        word=word,
        marks=marks,
        weight=weight,
        mended=better and word.replace(core, better, 1),
        guess=guess and word.replace(core, guess, 1),
        image=image if image in known else "",
    )


def _marks(word: str, core: str, lower: str) -> int:
    if len(word) == 1:
        return MORSE if word in "/|-._" else LETTER
    if len(core) == 1 or _SPACED.fullmatch(core):
        return LETTER
    if len(core) < _MIN_LONG and core.isalpha() and (core == lower or core[1:].islower()):
        chunk = lower not in VOCABULARY and len(core) <= _LONGEST_CHUNK
        return SPELT if lower in _SPELLING else CHUNK if chunk else 0
    if _MORSE.fullmatch(word):
        return MORSE
    if _NUMBER.fullmatch(core) or (len(core) >= _MIN_LONG and _CODES.search(core)):
        return NUMBER | (CODED | BLOB if len(core) >= _MIN_LONG else 0)
    coded = _CODED.fullmatch(core) and (len(core) >= _MIN_LONG or _MIXED.search(core))
    blob = len(word) >= MIN_BLOB and any(
        opened(word[start:end])[1] for start, end in candidates(word)
    )
    return (CODED if coded else 0) | (BLOB if blob else 0)
