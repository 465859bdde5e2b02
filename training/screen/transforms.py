"""Ways to write a text so that a filter may overlook it and its reader may not.

Each one has its way back, as a reader who knows it would go: what cannot be read any more attacks
nobody. What a way loses on purpose (case, spaces, single letters) says its ``loss``.
"""

from __future__ import annotations

from typing import Final

from training.screen import encodings, glyphs, layout
from training.screen.encodings import notation
from training.screen.glyphs import letters
from training.screen.layout import spaced
from training.screen.ways import Loss, Transform, Way

_SHORT: Final = 200
_MEDIUM: Final = 800


def _made(
    name: str,
    way: Way,
    loss: Loss = Loss.NOTHING,
    *,
    latin: bool = False,
    most: int = 4_000,
) -> Transform:
    return Transform(name=name, apply=way[0], undo=way[1], loss=loss, latin=latin, most=most)


TRANSFORMS: Final[tuple[Transform, ...]] = (
    _made("base64", notation("64")),
    _made("base64url", notation("64url")),
    _made("base32", notation("32")),
    _made("base85", notation("85")),
    _made("hex", notation("16")),
    _made("gzip", notation("gz")),
    _made("base64-twice", notation("64", "64"), most=_MEDIUM),
    _made("base64-in-hex", notation("64", "16"), most=_MEDIUM),
    _made("url-in-base64", notation("%", "64"), most=_MEDIUM),
    _made("base32-in-base64", notation("32", "64"), most=_MEDIUM),
    _made("url", encodings.URL),
    _made("url-plus", encodings.URL_PLUS),
    _made("url-all", encodings.URL_ALL),
    _made("entities", encodings.ENTITIES),
    _made("u-escapes", encodings.U_ESCAPES),
    _made("x-escapes", encodings.X_ESCAPES),
    _made("octal", encodings.OCTAL),
    _made("decimal", encodings.DECIMAL, most=_MEDIUM),
    _made("binary", encodings.BINARY, most=_SHORT),
    _made("char-codes", encodings.CHAR_CODES, most=_MEDIUM),
    _made("quoted-printable", encodings.QUOTED_PRINTABLE),
    _made("zero-width", glyphs.ZERO_WIDTH, Loss.MARKS),
    _made("soft-hyphens", glyphs.SOFT_HYPHENS),
    _made("selectors-between", glyphs.SELECTORS_BETWEEN),
    _made("tags", glyphs.TAGS),
    _made("selectors", glyphs.SELECTORS),
    _made("cyrillic", letters("cyrillic", 0.8), latin=True),
    _made("greek", letters("greek", 0.8), latin=True),
    _made("fullwidth", letters("fullwidth"), latin=True),
    _made("math-bold", letters("math-bold"), latin=True),
    _made("math-script", letters("math-script"), latin=True),
    _made("math-mono", letters("math-mono"), latin=True),
    _made("double-struck", letters("double-struck"), latin=True),
    _made("circled", letters("circled"), latin=True),
    _made("small-caps", letters("small-caps"), Loss.CASE, latin=True),
    _made("bidi", layout.BIDI),
    _made("reversed", layout.REVERSED),
    _made("words-reversed", layout.WORDS_REVERSED),
    _made("rot13", glyphs.ROT13, latin=True),
    _made("spaced", spaced(" "), Loss.SPACES, most=_MEDIUM),
    _made("dotted", spaced("."), Loss.SPACES, most=_MEDIUM),
    _made("dashed", spaced("-"), Loss.SPACES, most=_MEDIUM),
    _made("underscored", spaced("_"), Loss.SPACES, most=_MEDIUM),
    _made("leet", glyphs.LEET_SPEAK, Loss.LETTERS, latin=True),
    _made("upper", layout.UPPER, Loss.CASE),
    _made("mixed-case", layout.MIXED_CASE, Loss.CASE, latin=True),
    _made("camel", layout.CAMEL, Loss.SPACES, latin=True, most=_SHORT),
    _made("snake", layout.SNAKE, Loss.SPACES, most=_SHORT),
    _made("kebab", layout.KEBAB, Loss.SPACES, most=_SHORT),
    _made("typos", layout.TYPOS, Loss.LETTERS, latin=True),
    _made("broken-lines", layout.BROKEN_LINES, Loss.SPACES),
    _made("word-lines", layout.WORD_LINES, Loss.SPACES),
    _made("fields", layout.FIELDS, Loss.SPACES),
    _made("concatenated", layout.CONCATENATED),
    _made("hidden", layout.HIDDEN),
    _made("markup", layout.MARKUP, Loss.SPACES),
    _made("ansi", layout.ANSI),
    _made("zalgo", glyphs.ZALGO, Loss.MARKS, latin=True),
    _made("accents", glyphs.ACCENTS, Loss.MARKS, latin=True),
    _made("morse", glyphs.MORSE_CODE, Loss.LETTERS, latin=True, most=_SHORT),
    _made("synonyms", layout.OTHER_WORDS, Loss.LETTERS, latin=True),
)
"""Every one of them, in a fixed order."""
