"""What could be undone in a text, as its signs and the clues of its words say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from mendwire.screen.normalise.blobs import opened
from mendwire.screen.normalise.ciphers import suspected
from mendwire.screen.normalise.clues import (
    CHUNK,
    CODED,
    LEET,
    LETTER,
    MORSE,
    NUMBER,
    SPELT,
    Clue,
    clues,
)
from mendwire.screen.normalise.escapes import (
    escapes,
    glued,
    overridden,
    quoted_printable,
    tags,
)
from mendwire.screen.normalise.lines import chunks, reordered, turned_han, unbroken
from mendwire.screen.normalise.mending import unleet
from mendwire.screen.normalise.spelling import (
    bits,
    braille,
    codes,
    hex_codes,
    morse,
    named,
    octal,
    places,
    selectors,
    spelt,
    turned,
)
from mendwire.screen.normalise.view import Piece

Decoder = Callable[[str], list[Piece]]
_OF_RAW: Final[tuple[tuple[str, Decoder], ...]] = (
    ("selectors", selectors),
    ("bidi", overridden),
    ("turned", turned),
    ("braille", braille),
)
_OF_SIGNS: Final[tuple[tuple[str, Decoder], ...]] = (
    ("escapes", escapes),
    ("quoted-printable", quoted_printable),
    ("tags", tags),
    ("glued", glued),
    ("unbroken", unbroken),
    ("reversed", turned_han),
)
_OF_MARKS: Final[tuple[tuple[int, tuple[tuple[str, Decoder], ...]], ...]] = (
    (
        NUMBER,
        (
            ("hex", hex_codes),
            ("bits", bits),
            ("octal", octal),
            ("codes", codes),
            ("places", places),
        ),
    ),
    (MORSE, (("morse", morse),)),
    (LETTER, (("spelt", spelt),)),
    (SPELT, (("named", named),)),
)
_MIN_MARKS: Final = 5
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
MAX_BLOBS: Final = 200
"""Runs of letters and digits in one text that are tried."""
_FEW_WORDS: Final = 12
_MIN_CHUNKS: Final = 4
_opened = lru_cache(4_096)(opened)


def raw_layers(text: str) -> Iterator[tuple[str, list[Piece]]]:
    """What is undone before invisible characters are dropped."""
    for name, decode in _OF_RAW:
        if pieces := decode(text):
            yield name, pieces


def plain_layers(text: str, words: Sequence[str]) -> Iterator[tuple[str, list[Piece]]]:
    """What is undone in a plain text, of which ``words`` are the words."""
    found = clues(words)
    if found:
        yield from _of_clues(text, words, found)
    for name, decode in _OF_SIGNS:
        if pieces := decode(text):
            yield name, pieces
    if pieces := reordered(text, words):
        yield "reordered", pieces


def _of_clues(
    text: str, words: Sequence[str], found: Sequence[Clue]
) -> Iterator[tuple[str, list[Piece]]]:
    marks = [(clue.marks, clue.weight) for clue in found if clue.marks]
    if any(mark & CODED for mark, _ in marks):
        yield from _blobs(text, found)
    for kind, decoders in _OF_MARKS if sum(weight for _, weight in marks) >= _MIN_MARKS else ():
        if sum(weight for mark, weight in marks if mark & kind) >= _MIN_MARKS:
            for name, decode in decoders:
                if pieces := decode(text):
                    yield name, pieces
    images = {clue.image for clue in found if clue.image}
    for cipher in suspected(images) if len(images) > 1 else ():
        undone = cipher.undo(text)
        backwards = cipher.name.startswith("reversed") and cipher.name != "reversed-words"
        yield cipher.name, [(undone, len(text), 0) if backwards else (undone, 0, len(text))]
    better = [clue for clue in found if clue.mended]
    leet = sum(mark & LEET for mark, _ in marks) >= 2 * LEET
    few = len(words) <= _FEW_WORDS
    if leet or len(better) > 1 or (better and (few or " " in better[0].mended)):
        yield "mended", _mended(text, found, unleet if leet else str)
    if sum(mark & CHUNK for mark, _ in marks) >= _MIN_CHUNKS * CHUNK and (pieces := chunks(text)):
        yield "chunks", pieces


def _mended(text: str, found: Sequence[Clue], between: Callable[[str], str]) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for clue in found:
        better = clue.mended or clue.guess
        if not better:
            continue
        start = text.index(clue.word, at)
        end = start + len(clue.word)
        pieces += ((between(text[at:start]), at, start), (better, start, end))
        at = end
    return [*pieces, (between(text[at:]), at, len(text))]


def _blobs(text: str, found: Sequence[Clue]) -> Iterator[tuple[str, list[Piece]]]:
    kinds: dict[str, list[Piece]] = {}
    tried = 0
    for start, end in _coded_runs(text, found):
        for at, stop in _candidates(text, start, end):
            tried += 1
            kind, said = _opened("".join(text[at:stop].split()))
            if said:
                kinds.setdefault(kind, []).extend(((said, at, stop), (" ", stop, stop)))
                if (at, stop) == (start, end):
                    break
        if tried > MAX_BLOBS:
            break
    yield from kinds.items()


def _candidates(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    run = text[start:end]
    yield start, end
    for part in _RUN.finditer(run):
        if part.span() != (0, len(run)):
            yield start + part.start(), start + part.end()


def _coded_runs(text: str, found: Sequence[Clue]) -> Iterator[tuple[int, int]]:
    """From where to where coded words follow each other."""
    at = begin = 0
    stop = -1
    for clue in found:
        if not clue.marks & CODED:
            continue
        start = text.index(clue.word, at)
        at = start + len(clue.word)
        if stop >= 0 and text[stop:start].isspace():
            stop = at
            continue
        if stop >= 0:
            yield begin, stop
        begin, stop = start, at
    if stop >= 0:
        yield begin, stop
