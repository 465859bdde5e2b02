"""Texts in another order, case, spacing or markup, or in other words."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from typing import Final

from training.screen.scenery import chance
from training.screen.tables import SYNONYMS
from training.screen.ways import Apply, Way

_WORD: Final = re.compile(r"\w+|\W+")
_STRING: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_LONG: Final = 4
"""Words of fewer letters are left alone."""


def itself(shown: str) -> str:
    return shown


def _pieces(text: str, rng: random.Random, least: int, most: int) -> list[str]:
    parts = []
    while text:
        size = rng.randrange(least, most)
        parts.append(text[:size])
        text = text[size:]
    return parts


def _overridden(text: str, _: random.Random) -> str:
    return "\n".join(f"\u202e{line[::-1]}\u202c" for line in text.split("\n"))


def _words_reversed(text: str) -> str:
    return "\n".join(" ".join(reversed(line.split(" "))) for line in text.split("\n"))


def spaced(mark: str) -> Way:
    """Letters set apart; words by three spaces, or by the mark and spaces."""
    gap = "   " if mark == " " else f"{mark} {mark}"

    def apply(text: str, _: random.Random) -> str:
        return gap.join(mark.join(word) for word in text.split())

    def undo(shown: str) -> str:
        return " ".join(word[:: len(mark) + 1] for word in shown.split(gap))

    return apply, undo


def _mixed_case(text: str, rng: random.Random) -> str:
    if chance(rng, 0.5):
        return "".join(char.upper() if at % 2 else char.lower() for at, char in enumerate(text))
    return "".join(char.upper() if chance(rng, 0.5) else char.lower() for char in text)


def _identifier(join: str) -> Apply:
    def apply(text: str, _: random.Random) -> str:
        first, *others = re.findall(r"\w+", text.replace("_", " ")) or [text]
        if not join:
            first, others = first.lower(), [word.capitalize() for word in others]
        return join.join((first, *others))

    return apply


def _apart(shown: str) -> str:
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", shown))


def _typos(text: str, rng: random.Random) -> str:
    """One slip in about every other longer word."""
    return "".join(
        _slip(word, rng) if len(word) > _LONG and word.isalpha() and chance(rng, 0.45) else word
        for word in _WORD.findall(text)
    )


def _slip(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 2)
    before, two, after = word[:at], word[at : at + 2], word[at + 2 :]
    return before + rng.choice((two[::-1], two[0], two + two[1], two[0] * 2 + two[1])) + after


def _over_fields(text: str, rng: random.Random) -> str:
    words = text.split()
    parts: list[str] = []
    while words:
        size = rng.randrange(2, 6)
        parts.append(" ".join(words[:size]))
        words = words[size:]
    key = rng.choice(("part", "line", "p", "field_", "note", "k"))
    return json.dumps({f"{key}{at}": part for at, part in enumerate(parts)}, ensure_ascii=False)


def _concatenated(text: str, rng: random.Random) -> str:
    return " + ".join(json.dumps(part, ensure_ascii=False) for part in _pieces(text, rng, 3, 9))


def _from_concatenated(shown: str) -> str:
    return "".join(json.loads(part) for part in _STRING.findall(shown))


def within(forms: Sequence[tuple[str, str]]) -> Way:
    """Between an opening and a closing that a renderer does not show."""

    def apply(text: str, rng: random.Random) -> str:
        opening, closing = rng.choice(forms)
        return f"{opening}{text}{closing}"

    def undo(shown: str) -> str:
        for opening, closing in forms:
            if shown.startswith(opening) and shown.endswith(closing):
                return shown[len(opening) : len(shown) - len(closing)]
        raise ValueError(shown)

    return apply, undo


def inside_words(marks: Sequence[tuple[str, str]]) -> Way:
    """Markup in the middle of longer words: ``ig**no**re``."""

    def mark(word: str, rng: random.Random) -> str:
        if len(word) < _LONG or not word.isalpha():
            return word
        opening, closing = rng.choice(marks)
        start = rng.randrange(1, len(word) - 1)
        end = rng.randrange(start + 1, len(word))
        return f"{word[:start]}{opening}{word[start:end]}{closing}{word[end:]}"

    def undo(shown: str) -> str:
        for pair in marks:
            for part in filter(None, pair):
                shown = shown.replace(part, "")
        return shown

    return lambda text, rng: "".join(mark(word, rng) for word in _WORD.findall(text)), undo


def _coloured(text: str, rng: random.Random) -> str:
    return "".join(
        f"\x1b[{rng.choice((0, 1, 31, 32, 90))}m{word}" if word.strip() else word
        for word in _WORD.findall(text)
    )


def _synonyms(text: str, rng: random.Random) -> str:
    def other(found: re.Match[str]) -> str:
        choice = rng.choice(SYNONYMS[found[0].lower()])
        return choice.capitalize() if found[0][0].isupper() else choice

    words = "|".join(sorted(SYNONYMS, key=len, reverse=True))
    return re.sub(rf"(?i)(?<![\w-])(?:{words})(?![\w-])", other, text)


BIDI: Final[Way] = (
    _overridden,
    lambda shown: "\n".join(line[1:-1][::-1] for line in shown.split("\n")),
)
REVERSED: Final[Way] = (lambda text, _: text[::-1], lambda shown: shown[::-1])
WORDS_REVERSED: Final[Way] = (lambda text, _: _words_reversed(text), _words_reversed)
UPPER: Final[Way] = (lambda text, _: text.upper(), itself)
MIXED_CASE: Final[Way] = (_mixed_case, itself)
CAMEL: Final[Way] = (_identifier(""), _apart)
SNAKE: Final[Way] = (_identifier("_"), _apart)
KEBAB: Final[Way] = (_identifier("-"), _apart)
TYPOS: Final[Way] = (_typos, itself)
BROKEN_LINES: Final[Way] = (
    lambda text, rng: "\n".join(_pieces(text, rng, 5, 14)),
    lambda shown: shown.replace("\n", ""),
)
WORD_LINES: Final[Way] = (
    lambda text, _: "\n".join(text.split()),
    lambda shown: shown.replace("\n", " "),
)
FIELDS: Final[Way] = (_over_fields, lambda shown: " ".join(json.loads(shown).values()))
CONCATENATED: Final[Way] = (_concatenated, _from_concatenated)
HIDDEN: Final = within(
    (
        ("<!-- ", " -->"),
        ("/* ", " */"),
        ("[//]: # (", ")"),
        ('<span style="display:none">', "</span>"),
        ("![", "](https://img.example/p.png)"),
        ("<details><summary>log</summary>", "</details>"),
        ("{# ", " #}"),
    )
)
MARKUP: Final = inside_words(
    (
        ("**", "**"),
        ("<b>", "</b>"),
        ("<!---->", ""),
        ("/**/", ""),
        ("`", "`"),
        ("<i></i>", ""),
    )
)
ANSI: Final[Way] = (_coloured, lambda shown: re.sub(r"\x1b\[\d+m", "", shown))
OTHER_WORDS: Final[Way] = (_synonyms, itself)
