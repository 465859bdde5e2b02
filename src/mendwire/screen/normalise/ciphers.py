"""Substitutions that keep words apart, undone without trying them.

For every common word it is known what each cipher makes of it. So one look at a word says under
which of some fifty ciphers it would be a common one, and a cipher is undone where several words
agree; plain text among it does no harm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Final

from mendwire.screen.normalise.words import COMMON

_AZ: Final = "abcdefghijklmnopqrstuvwxyz"
_ROWS: Final = ("qwertyuiop[", "asdfghjkl;", "zxcvbnm,")
_MIN_LENGTH: Final = 3
_MIN_SCORE: Final = 6
_MIN_WORDS: Final = 2
_VOWELS: Final = frozenset("aeiou")
MAX_CIPHERS: Final = 2
"""Ciphers undone in one text: those with the most words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cipher:
    """One way to write words so that they cannot be read at once."""

    name: str
    made: Callable[[str], str]
    """A lower-case word as the cipher writes it."""
    undo: Callable[[str], str]
    """A whole text read."""
    turns: bool = False
    """It puts the last letter first."""


def _substitution(name: str, target: str, source: str = _AZ) -> Cipher:
    make = str.maketrans(source + source.upper(), target + target.upper())
    back = {**str.maketrans(target.upper(), source.upper()), **str.maketrans(target, source)}
    return Cipher(
        name=name,
        made=lambda word: word.translate(make),
        undo=lambda text: text.translate(back),
    )


def _by_words(undo: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: " ".join(map(undo, text.split(" ")))


def _rot47(text: str) -> str:
    return text.translate(_ROT47)


def _pig(word: str) -> str:
    start = next((at for at, char in enumerate(word) if char in _VOWELS), 0)
    return f"{word[start:]}{word[:start]}{'ay' if start else 'way'}"


def _unpig(word: str) -> str:
    bare = word.rstrip(".,;:!?'\"")
    if bare.endswith("way"):
        return bare[:-3]
    stem = bare.removesuffix("ay")
    for at in range(1, 4):
        if _in_common(turned := stem[-at:] + stem[:-at]):
            return turned
    return stem[-1:] + stem[:-1]


def _in_common(word: str) -> bool:
    return word.lower() in COMMON


def _backwards(text: str) -> str:
    return text[::-1]


def _then(first: Cipher, second: Cipher) -> Cipher:
    return Cipher(
        name=f"{first.name}+{second.name}",
        made=lambda word: first.made(second.made(word)),
        undo=lambda text: second.undo(first.undo(text)),
        turns=first.turns,
    )


_ROT47: Final = {at: 33 + (at - 33 + 47) % 94 for at in range(33, 127)}
_SHIFTS: Final = tuple(
    _substitution("rot13" if by == 13 else f"caesar{by}", _AZ[by:] + _AZ[:by])  # noqa: PLR2004 - the one with a name
    for by in range(1, 26)
)
_REVERSED: Final = Cipher(name="reversed", made=_backwards, undo=_backwards, turns=True)
_ATBASH: Final = _substitution("atbash", _AZ[::-1])
_RIGHT: Final = "".join(row[1:] + row[:1] for row in _ROWS)
_LEFT: Final = "".join(row[-1:] + row[:-1] for row in _ROWS)
CIPHERS: Final[tuple[Cipher, ...]] = (
    *_SHIFTS,
    _ATBASH,
    _REVERSED,
    _then(_REVERSED, _ATBASH),
    *(_then(_REVERSED, shift) for shift in _SHIFTS),
    _substitution("keyboard", _RIGHT, "".join(_ROWS)),
    _substitution("keyboard", _LEFT, "".join(_ROWS)),
    Cipher(name="rot47", made=lambda word: _rot47(word).lower(), undo=_rot47),
    Cipher(name="pig-latin", made=_pig, undo=_by_words(_unpig)),
)
REVERSED_WORDS: Final = Cipher(name="reversed-words", made=_backwards, undo=_by_words(_backwards))


@cache
def written() -> dict[str, bytes]:
    """What common words look like in cipher, and the numbers of the ciphers; half a second once.

    As bytes, of which Python has each single one already: tuples would take twice the memory.
    """
    table: dict[str, bytes] = {}
    for word in COMMON:
        if len(word) < _MIN_LENGTH:
            continue
        shown = CIPHERS if word.isascii() else (_REVERSED,)
        for cipher in shown:
            image = cipher.made(word)
            if image not in COMMON:
                table[image] = table.get(image, b"") + bytes((CIPHERS.index(cipher),))
    return table


def suspected(words: Iterable[str]) -> list[Cipher]:
    """The ciphers that several of the words agree on, the likeliest first."""
    table = written()
    scores: dict[int, tuple[int, int]] = {}
    for word in words:
        for number in table[word]:
            count, score = scores.get(number, (0, 0))
            scores[number] = count + 1, score + len(word) - 2
    likely = sorted(
        (-score, number)
        for number, (count, score) in scores.items()
        if score >= _MIN_SCORE and count >= _MIN_WORDS
    )
    chosen = [CIPHERS[number] for _, number in likely[:MAX_CIPHERS]]
    return [*chosen, *((REVERSED_WORDS,) if _REVERSED in chosen else ())]
