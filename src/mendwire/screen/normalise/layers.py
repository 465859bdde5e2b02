"""What could be undone in a text, as its signs and the clues of its words say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Final

from mendwire.screen.normalise.blobs import candidates, opened
from mendwire.screen.normalise.ciphers import suspected
from mendwire.screen.normalise.clues import (
    BLOB,
    CHUNK,
    CODED,
    LEET,
    LETTER,
    MORSE,
    NAMED,
    NUMBER,
    PATH,
    SPELT,
    Clue,
    clues,
)
from mendwire.screen.normalise.escapes import (
    emphasis,
    escapes,
    glued,
    overridden,
    quoted_printable,
    tags,
    uuencoded,
)
from mendwire.screen.normalise.lines import chunks, reordered, turned_han, unbroken
from mendwire.screen.normalise.mending import MOST_OF_NAME, unleet
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
Layers = Iterator[tuple[str, list[Piece]]]
"""What was undone, and what came of it: no pieces where there was more than may be undone."""
_OF_RAW: Final[tuple[tuple[str, Decoder], ...]] = (
    ("selectors", selectors),
    ("bidi", overridden),
    ("turned", turned),
    ("braille", braille),
)
_OF_NUMBERS: Final[tuple[tuple[str, Decoder], ...]] = (
    ("hex", hex_codes),
    ("bits", bits),
    ("octal", octal),
    ("codes", codes),
    ("places", places),
)
NAMES: Final = "names"
"""The layer in which nothing but the words of names were set apart."""
_MIN_NUMBERS: Final = 8
_MIN_LETTERS: Final = 5
_MIN_CHUNKS: Final = 4
_MAX_RUNS: Final = 200
"""Runs of coded words in one text that are tried."""
_MAX_SAID: Final = 32_768
"""Characters that all blobs of one text may say."""
_FEW_WORDS: Final = 12
_opened = lru_cache(4_096)(opened)


def raw_layers(text: str) -> Layers:
    """What is undone before invisible characters are dropped."""
    for name, decode in _OF_RAW:
        if pieces := decode(text):
            yield name, pieces


def plain_layers(text: str, words: Sequence[str]) -> Layers:
    """What is undone in a plain text, of which ``words`` are the words."""
    found = clues(words)
    if found:
        yield from _of_clues(text, words, found)
    yield from _of_signs(text)
    if not text.isascii() and (pieces := turned_han(text)):
        yield "reversed", pieces
    if len(words) > _MIN_CHUNKS and (pieces := reordered(text, words)):
        yield "reordered", pieces


def _of_signs(text: str) -> Layers:
    if ("\\" in text or "%" in text or "&" in text or "U+" in text) and (pieces := escapes(text)):
        yield "escapes", pieces
    if "=" in text and (pieces := quoted_printable(text)):
        yield "quoted-printable", pieces
    if pieces := uuencoded(text):
        yield "uuencoded", pieces
    if pieces := tags(text):
        yield "tags", pieces
    if pieces := emphasis(text):
        yield "emphasis", pieces
    if ('"' in text or "'" in text) and (pieces := glued(text)):
        yield "glued", pieces
    if "\n" in text and (pieces := unbroken(text)):
        yield "unbroken", pieces


def _of_clues(text: str, words: Sequence[str], found: Sequence[Clue]) -> Layers:
    all_marks = weight = better = named = 0
    sentence = False
    for clue in found:
        all_marks |= clue.marks
        weight += clue.weight
        if clue.mended and not clue.marks & PATH:
            better += 1
            named += clue.mended.count(" ") + 1 if clue.marks & NAMED else MOST_OF_NAME + 1
            sentence = sentence or " " in clue.mended
    if all_marks & BLOB or (all_marks & CODED and _count(found, CODED) > 1):
        yield from _blobs(text, found)
    if all_marks & PATH:
        yield "paths", _of_paths(text, found)
    if weight >= _MIN_LETTERS:
        yield from _of_marks(text, found, all_marks)
    if len(found) > 1:
        yield from _of_ciphers(text, found)
    leet = all_marks & LEET and sum(clue.marks & LEET for clue in found) > LEET
    if leet or better > 1 or (better and (sentence or len(words) <= _FEW_WORDS)):
        # Several names in a row may be a sentence with other signs for its blanks.
        name = NAMES if better and named <= MOST_OF_NAME and not leet else "mended"
        yield name, _mended(text, found, unleet if leet else str)


def _count(found: Sequence[Clue], mark: int) -> int:
    return sum([clue.weight for clue in found if clue.marks & mark])


def _of_marks(text: str, found: Sequence[Clue], all_marks: int) -> Layers:
    if all_marks & NUMBER and _count(found, NUMBER) >= _MIN_NUMBERS:
        for name, decode in _OF_NUMBERS:
            if pieces := decode(text):
                yield name, pieces
    if all_marks & MORSE and _count(found, MORSE) >= _MIN_LETTERS and (pieces := morse(text)):
        yield "morse", pieces
    if all_marks & LETTER and _count(found, LETTER) >= _MIN_LETTERS and (pieces := spelt(text)):
        yield "spelt", pieces
    if all_marks & SPELT and _count(found, SPELT) > _MIN_LETTERS and (pieces := named(text)):
        yield "named", pieces
    if all_marks & CHUNK and _of_one_length(found) and (pieces := chunks(text)):
        yield "chunks", pieces


def _of_one_length(found: Sequence[Clue]) -> bool:
    lengths = [len(clue.word) for clue in found if clue.marks & CHUNK]
    return len(lengths) >= _MIN_CHUNKS and max(map(lengths.count, set(lengths))) >= _MIN_CHUNKS


def _of_ciphers(text: str, found: Sequence[Clue]) -> Layers:
    images = {clue.image for clue in found if clue.image}
    for cipher in suspected(images) if len(images) > 1 else ():
        undone = cipher.undo(text)
        yield cipher.name, [(undone, len(text), 0) if cipher.turns else (undone, 0, len(text))]


def _mended(text: str, found: Sequence[Clue], between: Callable[[str], str]) -> list[Piece]:
    pieces: list[Piece] = []
    at = 0
    for clue in found:
        better = clue.mended or clue.guess
        if not better or clue.marks & PATH:
            continue
        start = text.index(clue.word, at)
        end = start + len(clue.word)
        pieces += ((between(text[at:start]), at, start), (better, start, end))
        at = end
    return [*pieces, (between(text[at:]), at, len(text))]


def _of_paths(text: str, found: Sequence[Clue]) -> list[Piece]:
    """Their words by themselves, each path once: the text around them is not disguised."""
    pieces: list[Piece] = []
    end = 0
    for clue in dict.fromkeys(clue for clue in found if clue.marks & PATH):
        start = text.index(clue.word, end)
        end = start + len(clue.word)
        pieces += ((clue.mended, start, end), (" ", end, end))
    return pieces


def _blobs(text: str, found: Sequence[Clue]) -> Layers:
    kinds: dict[str, list[Piece]] = {}
    left = _MAX_SAID
    for number, (start, end, alone) in enumerate(_coded_runs(text, found)):
        for at, stop in candidates(text[start:end]) if alone else ((0, end - start),):
            kind, said = _opened("".join(text[start + at : start + stop].split()))
            if said:
                left -= len(said)
                place = start + at, start + stop
                kinds.setdefault(kind, []).extend(((said, *place), (" ", place[1], place[1])))
                if stop - at == end - start:
                    break
        if number == _MAX_RUNS or left < 0:
            yield "blobs", []
            break
    yield from kinds.items()


def _coded_runs(text: str, found: Sequence[Clue]) -> Iterator[tuple[int, int, bool]]:
    """From where to where coded words follow each other, and those that say something alone."""
    at = begin = 0
    stop = -1
    several = False
    for clue in found:
        if not clue.marks & (CODED | BLOB):
            continue
        start = text.index(clue.word, at)
        at = start + len(clue.word)
        if clue.marks & BLOB:
            yield start, at, True
        if not clue.marks & CODED:
            continue
        if stop >= 0 and text[stop:start].isspace():
            stop, several = at, True
            continue
        if several:
            yield begin, stop, False
        begin, stop, several = start, at, False
    if several:
        yield begin, stop, False
