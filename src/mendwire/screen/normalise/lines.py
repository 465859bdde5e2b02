"""Text that was broken where it should not be, or put in another order."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from mendwire.screen.normalise.prose import VOCABULARY, respaced
from mendwire.screen.normalise.view import Piece

_LETTERS: Final = re.compile(r"[^\W\d_]{1,24}")
_NEAR: Final = 40
"""Characters about a line's end that are looked at."""
_MIN_WHOLE: Final = 4
_BREAK: Final = re.compile(r"(?<=[^\W_])[ \t]*\r?\n[ \t]*(?=[^\W_])")
_CHUNKS: Final = re.compile(
    "|".join(
        rf"\b[A-Za-z]{{{length}}}(?:\s+[A-Za-z]{{{length}}}){{3,}}(?:\s+[A-Za-z]{{1,{length}}})?\b"
        for length in range(2, 9)
    )
)
_SKIPPED: Final = 3
"""Words before the first group that happen to be as long."""
_BARE: Final = re.compile(r"\r?\n")
_KEPT: Final = re.compile(r"[^\W_] \r?\n[^\W_]")
_NARROW: Final = 16
"""Characters of a line, on average, that is too short to have been written so."""
_MIN_LINES: Final = 4
_MIN_PAIRS: Final = 2
_PAIRS: Final = frozenset(
    (first, second)
    for first, seconds in {
        "all": "previous prior of the instructions your tests",
        "the": "previous prior following user system test tests command instructions environment",
        "previous": "instructions instruction rules messages",
        "ignore": "all the any your previous everything",
        "do": "not",
        "you": "are must should will can have need",
        "your": "instructions system new task rules",
        "of": "the this your",
        "to": "the this your do run main",
        "in": "the this",
        "run": "the this npx curl",
        "and": "then the do run push",
        "must": "be run first now",
        "need": "to",
        "have": "to",
        "push": "to it the",
        "delete": "the all every",
        "environment": "variables variable",
        "system": "prompt",
        "from": "the now",
        "this": "is error issue",
        "with": "the",
        "on": "the",
        "for": "the",
        "is": "the a to not",
    }.items()
    for second in seconds.split()
)
_TURNED_HAN: Final = re.compile(
    "略忽|视无|視無|令指|示指|令命|行执|行実|行運|行运|除删|除刪|除削|送发|送發|信送|统系|統系"
    "|词示提|有所|前之|前以|的前|てべす|いさだく|てしく|시무|시지|령명|행실|두모|제삭"
)
_MIN_TURNED: Final = 2
_BACKWARDS: Final = frozenset((second, first) for first, second in _PAIRS)


def unbroken(text: str) -> list[Piece]:
    """Words that go on in the next line: after a hyphen, or where lines are very narrow."""
    count = text.count("\n")
    if not count:
        return []
    if count >= _MIN_LINES and len(text) < _NARROW * count:
        # Where lines keep the spaces they were cut at, nothing but the breaks was put in.
        pattern = _BARE if _KEPT.search(text) else _BREAK
        gaps = [gap.span() for gap in pattern.finditer(text)]
    else:
        gaps = list(_within_words(text))
    pieces: list[Piece] = []
    at = 0
    for start, end in gaps:
        pieces.append((text[at:start], at, start))
        at = end
    return [*pieces, (text[at:], at, len(text))] if pieces else []


def _within_words(text: str) -> Iterator[tuple[int, int]]:
    """The line ends that a word goes on behind."""
    at = text.find("\n")
    while at >= 0:
        before = text[max(0, at - _NEAR) : at].rstrip()
        after = text[at + 1 : at + 1 + _NEAR]
        second = _LETTERS.match(after.lstrip())
        if second and before and (before[-1] == "-" or before[-1].isalpha()):
            start = max(0, at - _NEAR) + len(before)
            end = at + 1 + len(after) - len(after.lstrip())
            if before[-1] == "-":
                if before[-2:-1].isalpha():
                    yield start - 1, end
            elif _is_one(before.split()[-1], second.group()):
                yield start, end
        at = text.find("\n", at + 1)


def _is_one(before: str, after: str) -> bool:
    """Whether the ends of two lines are one word, and not two."""
    first, second = before.lower(), after.lower()
    if first in VOCABULARY and second in VOCABULARY:
        return False
    whole = first + second
    return len(whole) >= _MIN_WHOLE and whole in VOCABULARY


def chunks(text: str) -> list[Piece]:
    """Letters in groups of one length, as ciphers are written: words are sought in them."""
    pieces: list[Piece] = []
    at = 0
    for run in _CHUNKS.finditer(text):
        groups = list(re.finditer(r"\S+", run.group()))
        for skipped in range(min(_SKIPPED, len(groups))):
            start = run.start() + groups[skipped].start()
            said = respaced("".join(group.group().lower() for group in groups[skipped:]))
            if said:
                pieces += ((text[at:start], at, start), (said, start, run.end()))
                at = run.end()
                break
    return [*pieces, (text[at:], at, len(text))] if pieces else []


def turned_han(text: str) -> list[Piece]:
    """Chinese, Japanese and Korean from the end to the start: it has no words to know it by."""
    if text.isascii() or len(set(_TURNED_HAN.findall(text))) < _MIN_TURNED:
        return []
    return [(text[::-1], len(text), 0)]


def reordered(text: str, words: Sequence[str]) -> list[Piece]:
    """A sentence whose last word comes first; ``words`` are its own."""
    backwards = len(_BACKWARDS.intersection(pairwise(words)))
    if backwards < _MIN_PAIRS or backwards <= len(_PAIRS.intersection(pairwise(words))):
        return []
    pieces: list[Piece] = []
    for word in re.finditer(r"\S+", text):
        pieces += ((" ", word.start(), word.start()), (word.group(), *word.span()))
    return pieces[::-1]
