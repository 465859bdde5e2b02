"""Texts in other letters, or with something between or over their letters."""

from __future__ import annotations

import random
import re
import unicodedata
from typing import Final

from training.screen.scenery import chance
from training.screen.tables import ALPHABETS, LEET, MORSE
from training.screen.ways import Undo, Way

_TAG: Final = 0xE0000
_FIRST_SELECTOR: Final = 0xFE00
_MORE_SELECTORS: Final = 0xE0100
_IN_FIRST: Final = 16
"""Variation selectors in their first block; the other 240 are in the second."""
_FLAGS: Final = "\N{WAVING BLACK FLAG}\U000e0001"
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"
_SELECTORS: Final = "".join(map(chr, range(_FIRST_SELECTOR, _FIRST_SELECTOR + 15)))
_PILED: Final = tuple(map(chr, range(0x0300, 0x034F)))
_ACCENTS: Final = "\u0300\u0301\u0302\u0303\u0308"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"


def _without(marks: str) -> Undo:
    gone = dict.fromkeys(map(ord, marks))
    return lambda shown: shown.translate(gone)


def between(marks: str) -> Way:
    """One of the marks after most letters."""

    def apply(text: str, rng: random.Random) -> str:
        share = rng.choice((0.3, 0.6, 1.0))
        return "".join(
            char + rng.choice(marks) if char.isalpha() and chance(rng, share) else char
            for char in text
        )

    return apply, _without(marks)


def letters(name: str, share: float = 1.0) -> Way:
    """The shapes of an alphabet for letters; below a share of 1 the words mix scripts."""
    table = ALPHABETS[name]
    back: dict[int, str] = {ord(shape): char for char, shape in table.items()}

    def apply(text: str, rng: random.Random) -> str:
        return "".join(
            table[char] if char in table and chance(rng, share) else char for char in text
        )

    return apply, lambda shown: shown.translate(back)


def _tags(text: str, rng: random.Random) -> str:
    hidden = "".join(chr(_TAG + ord(char)) if " " <= char <= "~" else char for char in text)
    return (rng.choice(_FLAGS) if chance(rng, 0.6) else "") + hidden


def _untagged(shown: str) -> str:
    return "".join(
        chr(ord(char) - _TAG) if _TAG < ord(char) <= _TAG + 0x7F else char
        for char in shown.lstrip(_FLAGS)
    )


def _selected(text: str, rng: random.Random) -> str:
    """The bytes as variation selectors behind one visible character."""
    hidden = (
        chr(_FIRST_SELECTOR + byte if byte < _IN_FIRST else _MORE_SELECTORS + byte - _IN_FIRST)
        for byte in text.encode()
    )
    return rng.choice("😀✅🔧a") + "".join(hidden)


def _unselected(shown: str) -> str:
    return bytes(
        code - _FIRST_SELECTOR if code < _MORE_SELECTORS else code - _MORE_SELECTORS + _IN_FIRST
        for code in map(ord, shown[1:])
    ).decode()


def _rot13(text: str) -> str:
    turned = _LETTERS[13:] + _LETTERS[:13]
    return text.translate(str.maketrans(_LETTERS + _LETTERS.upper(), turned + turned.upper()))


def _piled(text: str, rng: random.Random) -> str:
    return "".join(
        char + "".join(rng.choices(_PILED, k=rng.randrange(1, 4))) if char.isalpha() else char
        for char in text
    )


def _accented(text: str, rng: random.Random) -> str:
    return "".join(
        unicodedata.normalize("NFC", char + rng.choice(_ACCENTS))
        if char in "aeiouyncsAEIOUYNCS" and chance(rng, 0.7)
        else char
        for char in text
    )


def without_marks(shown: str) -> str:
    apart = unicodedata.normalize("NFD", shown)
    return "".join(char for char in apart if not unicodedata.combining(char))


def _leet(text: str, rng: random.Random) -> str:
    return "".join(
        LEET[char.lower()] if char.lower() in LEET and chance(rng, 0.75) else char for char in text
    )


def _morse(text: str, _: random.Random) -> str:
    words = re.findall(r"[a-z0-9]+", without_marks(text).lower())
    return " / ".join(" ".join(MORSE[char] for char in word) for word in words)


def _from_morse(shown: str) -> str:
    back = {code: char for char, code in MORSE.items()}
    return " ".join("".join(back[code] for code in word.split()) for word in shown.split(" / "))


ZERO_WIDTH: Final = between(_INVISIBLE)
SOFT_HYPHENS: Final = between("\u00ad")
SELECTORS_BETWEEN: Final = between(_SELECTORS)
TAGS: Final[Way] = (_tags, _untagged)
SELECTORS: Final[Way] = (_selected, _unselected)
ROT13: Final[Way] = (lambda text, _: _rot13(text), _rot13)
ZALGO: Final[Way] = (_piled, without_marks)
ACCENTS: Final[Way] = (_accented, without_marks)
LEET_SPEAK: Final[Way] = (
    _leet,
    lambda shown: shown.translate({ord(shape): char for char, shape in LEET.items()}),
)
MORSE_CODE: Final[Way] = (_morse, _from_morse)
