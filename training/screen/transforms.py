"""Ways to write a text so that a filter may overlook it and its reader may not.

Each one has its way back, as a reader who knows it would go: what cannot be read any more attacks
nobody. What a way loses on purpose (case, spaces, single letters) says its ``loss``.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import html
import json
import quopri
import random
import re
import unicodedata
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from training.screen.scenery import chance
from training.screen.tables import ALPHABETS, LEET, MORSE, SYNONYMS

Apply = Callable[[str, random.Random], str]
Undo = Callable[[str], str]

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_MIN_ASCII: Final = 0.95
_WORD: Final = re.compile(r"\w+|\W+")


class Loss(StrEnum):
    """What does not come back."""

    NOTHING = "nothing"
    CASE = "case"
    SPACES = "spaces"
    """Spaces, punctuation and case."""
    LETTERS = "letters"
    """A few letters or words; the sentence is still the same to a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transform:
    """One way to write a text."""

    name: str
    apply: Apply
    """The text so written; the random source chooses among equals."""
    undo: Undo
    """Back again, as far as ``loss`` says."""
    loss: Loss = Loss.NOTHING
    latin: bool = False
    """It means something for texts in plain Latin letters alone."""
    most: int = 4_000
    """It is not used on texts with more characters: nobody writes a page in Morse."""

    def fits(self, text: str) -> bool:
        """Whether a person would write ``text`` so."""
        if not text.strip() or len(text) > self.most:
            return False
        if not self.latin:
            return True
        return sum(char.isascii() for char in text) >= _MIN_ASCII * len(text)


def _bytes(text: str) -> bytes:
    return text.encode()


def _whole(encode: Callable[[bytes], bytes]) -> Apply:
    return lambda text, _: encode(_bytes(text)).decode()


def _back(decode: Callable[[str], bytes]) -> Undo:
    return lambda shown: decode(shown).decode()


def _gzipped(text: str, _: random.Random) -> str:
    return base64.b64encode(gzip.compress(_bytes(text), mtime=0)).decode()


_LAYERS: Final[Mapping[str, tuple[Callable[[bytes], str], Callable[[str], bytes]]]] = {
    "64": (lambda data: base64.b64encode(data).decode(), base64.b64decode),
    "16": (bytes.hex, bytes.fromhex),
    "32": (lambda data: base64.b32encode(data).decode(), base64.b32decode),
    "%": (urllib.parse.quote_from_bytes, urllib.parse.unquote_to_bytes),
}


def _nested(first: str, second: str) -> tuple[Apply, Undo]:
    def apply(text: str, _: random.Random) -> str:
        return _LAYERS[second][0](_bytes(_LAYERS[first][0](_bytes(text))))

    def undo(shown: str) -> str:
        return _LAYERS[first][1](_LAYERS[second][1](shown).decode()).decode()

    return apply, undo


def _percent_all(text: str, _: random.Random) -> str:
    return "".join(f"%{byte:02X}" for byte in _bytes(text))


def _entities(text: str, rng: random.Random) -> str:
    form = rng.choice(("&#{0};", "&#x{0:x};", "&#x{0:X};", "&#{0:04d};"))
    some = chance(rng, 0.3)
    return "".join(
        html.escape(char) if some and chance(rng, 0.5) else form.format(ord(char)) for char in text
    )


def _escaped(text: str, _: random.Random) -> str:
    return "".join(f"\\u{unit:04x}" for unit in _units(text))


def _units(text: str) -> Iterable[int]:
    data = text.encode("utf-16-be")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


def _unescaped(shown: str) -> str:
    text: str = json.loads(f'"{shown}"')
    return text


def _hex_escaped(text: str, _: random.Random) -> str:
    return "".join(f"\\x{byte:02x}" for byte in _bytes(text))


def _octal(text: str, _: random.Random) -> str:
    return "".join(f"\\{byte:03o}" for byte in _bytes(text))


def _numbers(width: str) -> Apply:
    def apply(text: str, rng: random.Random) -> str:
        between = rng.choice((" ", ", ", " ")) if width != "08b" else " "
        return between.join(format(byte, width) for byte in _bytes(text))

    return apply


def _from_numbers(base: int) -> Undo:
    return lambda shown: bytes(int(part, base) for part in re.findall(r"\w+", shown)).decode()


def _char_codes(text: str, _: random.Random) -> str:
    return f"String.fromCharCode({','.join(map(str, _units(text)))})"


def _from_char_codes(shown: str) -> str:
    units = [int(part) for part in re.findall(r"\d+", shown)]
    return b"".join(unit.to_bytes(2) for unit in units).decode("utf-16-be")


def _between(marks: str, share: float) -> Apply:
    """A mark after a share of the letters."""

    def apply(text: str, rng: random.Random) -> str:
        return "".join(
            char + rng.choice(marks) if char.isalpha() and chance(rng, share) else char
            for char in text
        )

    return apply


def _without(marks: str) -> Undo:
    gone = dict.fromkeys(map(ord, marks))
    return lambda shown: shown.translate(gone)


_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"
_SELECTORS: Final = "".join(map(chr, range(0xFE00, 0xFE0F)))
_TAG: Final = 0xE0000


def _tags(text: str, rng: random.Random) -> str:
    hidden = "".join(chr(_TAG + ord(char)) if " " <= char <= "~" else char for char in text)
    return rng.choice(("", "\N{WAVING BLACK FLAG}", "\U000e0001")) + hidden


def _untagged(shown: str) -> str:
    kept = shown.lstrip("\N{WAVING BLACK FLAG}\U000e0001")
    return "".join(
        chr(ord(char) - _TAG) if _TAG < ord(char) <= _TAG + 0x7F else char for char in kept
    )


def _selected(text: str, rng: random.Random) -> str:
    """The bytes as variation selectors behind one visible character."""
    hidden = (chr(0xFE00 + byte if byte < 16 else 0xE0100 + byte - 16) for byte in _bytes(text))
    return rng.choice("😀✅🔧a") + "".join(hidden)


def _unselected(shown: str) -> str:
    codes = map(ord, shown[1:])
    return bytes(
        code - 0xFE00 if code < 0xE0100 else code - 0xE0100 + 16 for code in codes
    ).decode()


def _letters(name: str) -> tuple[Apply, Undo]:
    table = ALPHABETS[name]
    return (
        lambda text, _: text.translate(str.maketrans(table)),
        lambda shown: shown.translate(
            str.maketrans({shape: char for char, shape in table.items()})
        ),
    )


def _some_letters(name: str) -> tuple[Apply, Undo]:
    """Look-alikes for most letters that have one, so that words mix scripts."""
    table = ALPHABETS[name]
    _, undo = _letters(name)
    return (
        lambda text, rng: "".join(
            table[char] if char in table and chance(rng, 0.8) else char for char in text
        ),
        undo,
    )


def _overridden(text: str, _: random.Random) -> str:
    return "\n".join(f"\u202e{line[::-1]}\u202c" for line in text.split("\n"))


def _not_overridden(shown: str) -> str:
    return "\n".join(line[1:-1][::-1] for line in shown.split("\n"))


def _rot13(text: str) -> str:
    turned = _LETTERS[13:] + _LETTERS[:13]
    return text.translate(str.maketrans(_LETTERS + _LETTERS.upper(), turned + turned.upper()))


def _words_reversed(text: str) -> str:
    return "\n".join(" ".join(reversed(line.split(" "))) for line in text.split("\n"))


def _spaced(mark: str) -> tuple[Apply, Undo]:
    """Letters set apart; words by three spaces, or by the mark and spaces."""
    gap = "   " if mark == " " else f"{mark} {mark}"

    def apply(text: str, _: random.Random) -> str:
        return gap.join(mark.join(word) for word in text.split())

    def undo(shown: str) -> str:
        return " ".join(word[:: len(mark) + 1] for word in shown.split(gap))

    return apply, undo


def _leet(text: str, rng: random.Random) -> str:
    return "".join(
        LEET[char.lower()] if char.lower() in LEET and chance(rng, 0.75) else char for char in text
    )


def _unleet(shown: str) -> str:
    return shown.translate(str.maketrans({shape: char for char, shape in LEET.items()}))


def _mixed_case(text: str, rng: random.Random) -> str:
    if chance(rng, 0.5):
        return "".join(char.upper() if at % 2 else char.lower() for at, char in enumerate(text))
    return "".join(char.upper() if chance(rng, 0.5) else char.lower() for char in text)


def _joined(join: str, *, camel: bool = False) -> Apply:
    def apply(text: str, _: random.Random) -> str:
        words = re.findall(r"\w+", text.replace("_", " "))
        if camel:
            words = [words[0].lower(), *(word[:1].upper() + word[1:].lower() for word in words[1:])]
        return join.join(words)

    return apply


def _apart(shown: str) -> str:
    return re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", shown))


def _typos(text: str, rng: random.Random) -> str:
    """One slip in about every other longer word."""
    return "".join(
        _slip(word, rng) if len(word) > 4 and word.isalpha() and chance(rng, 0.45) else word
        for word in _WORD.findall(text)
    )


def _slip(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word) - 2)
    before, two, after = word[:at], word[at : at + 2], word[at + 2 :]
    return before + rng.choice((two[::-1], two[0], two + two[1], two[0] * 2 + two[1])) + after


def _broken(text: str, rng: random.Random) -> str:
    """Lines that end inside words."""
    parts = []
    while text:
        size = rng.randrange(5, 14)
        parts.append(text[:size])
        text = text[size:]
    return "\n".join(parts)


def _one_word_a_line(text: str, _: random.Random) -> str:
    return "\n".join(text.split())


def _over_fields(text: str, rng: random.Random) -> str:
    words = text.split()
    parts: list[str] = []
    while words:
        size = rng.randrange(2, 6)
        parts.append(" ".join(words[:size]))
        words = words[size:]
    key = rng.choice(("part", "line", "p", "field_", "note", "k"))
    return json.dumps({f"{key}{at}": part for at, part in enumerate(parts)}, ensure_ascii=False)


def _from_fields(shown: str) -> str:
    return " ".join(json.loads(shown).values())


def _concatenated(text: str, rng: random.Random) -> str:
    parts = []
    while text:
        size = rng.randrange(3, 9)
        parts.append(json.dumps(text[:size], ensure_ascii=False))
        text = text[size:]
    return " + ".join(parts)


def _from_concatenated(shown: str) -> str:
    return "".join(json.loads(part) for part in shown.split(" + "))


def _within(forms: tuple[tuple[str, str], ...]) -> tuple[Apply, Undo]:
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


def _inside_words(marks: tuple[tuple[str, str], ...]) -> tuple[Apply, Undo]:
    """Markup in the middle of longer words: ``ig**no**re``."""

    def mark(word: str, rng: random.Random) -> str:
        if len(word) < 4 or not word.isalpha():
            return word
        opening, closing = rng.choice(marks)
        start = rng.randrange(1, len(word) - 1)
        end = rng.randrange(start + 1, len(word))
        return f"{word[:start]}{opening}{word[start:end]}{closing}{word[end:]}"

    def undo(shown: str) -> str:
        for pair in marks:
            for part in pair:
                shown = shown.replace(part, "") if part else shown
        return shown

    return lambda text, rng: "".join(mark(word, rng) for word in _WORD.findall(text)), undo


def _coloured(text: str, rng: random.Random) -> str:
    return "".join(
        f"\x1b[{rng.choice((0, 1, 31, 32, 90))}m{word}" if word.strip() else word
        for word in _WORD.findall(text)
    )


def _plain(shown: str) -> str:
    return re.sub(r"\x1b\[\d+m", "", shown)


def _piled(text: str, rng: random.Random) -> str:
    marks = [chr(code) for code in range(0x0300, 0x034F)]
    return "".join(
        char + "".join(rng.choices(marks, k=rng.randrange(1, 4))) if char.isalpha() else char
        for char in text
    )


_ACCENTS: Final = "\u0300\u0301\u0302\u0303\u0308"


def _accented(text: str, rng: random.Random) -> str:
    return "".join(
        unicodedata.normalize("NFC", char + rng.choice(_ACCENTS))
        if char in "aeiouyncsAEIOUYNCS" and chance(rng, 0.7)
        else char
        for char in text
    )


def _without_marks(shown: str) -> str:
    apart = unicodedata.normalize("NFD", shown)
    return "".join(char for char in apart if not unicodedata.combining(char))


def _quoted_printable(text: str, rng: random.Random) -> str:
    if chance(rng, 0.5):
        return "".join(f"={byte:02X}" for byte in _bytes(text))
    return quopri.encodestring(_bytes(text), quotetabs=True).decode()


def _morse(text: str, _: random.Random) -> str:
    words = re.findall(r"[a-z0-9]+", text.lower())
    return " / ".join(" ".join(MORSE[char] for char in word) for word in words)


def _from_morse(shown: str) -> str:
    back = {code: char for char, code in MORSE.items()}
    return " ".join("".join(back[code] for code in word.split()) for word in shown.split(" / "))


def _synonyms(text: str, rng: random.Random) -> str:
    def other(found: re.Match[str]) -> str:
        choice = rng.choice(SYNONYMS[found[0].lower()])
        return choice.capitalize() if found[0][0].isupper() else choice

    words = "|".join(sorted(SYNONYMS, key=len, reverse=True))
    return re.sub(rf"(?i)\b(?:{words})\b", other, text)


def _itself(shown: str) -> str:
    return shown


_CYRILLIC = _some_letters("cyrillic")
_GREEK = _some_letters("greek")
_HIDING = (
    ("<!-- ", " -->"),
    ("/* ", " */"),
    ("[//]: # (", ")"),
    ('<span style="display:none">', "</span>"),
    ("![", "](https://img.example/p.png)"),
    ("<details><summary>log</summary>", "</details>"),
    ("{# ", " #}"),
)
_MARKUP = (
    ("**", "**"),
    ("<b>", "</b>"),
    ("<!---->", ""),
    ("/**/", ""),
    ("`", "`"),
    ("<i></i>", ""),
)


def _made(
    name: str,
    ways: tuple[Apply, Undo],
    loss: Loss = Loss.NOTHING,
    *,
    latin: bool = False,
    most: int = 4_000,
) -> Transform:
    return Transform(name=name, apply=ways[0], undo=ways[1], loss=loss, latin=latin, most=most)


TRANSFORMS: Final[tuple[Transform, ...]] = (
    _made("base64", (_whole(base64.b64encode), _back(base64.b64decode))),
    _made("base64url", (_whole(base64.urlsafe_b64encode), _back(base64.urlsafe_b64decode))),
    _made("base32", (_whole(base64.b32encode), _back(base64.b32decode))),
    _made("base85", (_whole(base64.b85encode), _back(base64.b85decode))),
    _made("hex", (_whole(binascii.hexlify), _back(bytes.fromhex))),
    _made("gzip", (_gzipped, lambda shown: gzip.decompress(base64.b64decode(shown)).decode())),
    _made("base64-twice", _nested("64", "64"), most=800),
    _made("base64-in-hex", _nested("64", "16"), most=800),
    _made("url-in-base64", _nested("%", "64"), most=800),
    _made("base32-in-base64", _nested("32", "64"), most=800),
    _made("url", (lambda text, _: urllib.parse.quote(text, safe=""), urllib.parse.unquote)),
    _made("url-plus", (lambda text, _: urllib.parse.quote_plus(text), urllib.parse.unquote_plus)),
    _made("url-all", (_percent_all, urllib.parse.unquote)),
    _made("entities", (_entities, html.unescape)),
    _made("u-escapes", (_escaped, _unescaped)),
    _made(
        "x-escapes", (_hex_escaped, lambda shown: bytes.fromhex(shown.replace("\\x", "")).decode())
    ),
    _made(
        "octal",
        (_octal, lambda shown: bytes(int(part, 8) for part in shown[1:].split("\\")).decode()),
    ),
    _made("decimal", (_numbers("d"), _from_numbers(10)), most=800),
    _made("binary", (_numbers("08b"), _from_numbers(2)), most=400),
    _made("char-codes", (_char_codes, _from_char_codes), most=800),
    _made(
        "quoted-printable", (_quoted_printable, lambda shown: quopri.decodestring(shown).decode())
    ),
    _made("zero-width", (_between(_INVISIBLE, 0.6), _without(_INVISIBLE))),
    _made("soft-hyphens", (_between("\u00ad", 0.6), _without("\u00ad"))),
    _made("selectors-between", (_between(_SELECTORS, 0.6), _without(_SELECTORS))),
    _made("tags", (_tags, _untagged)),
    _made("selectors", (_selected, _unselected)),
    _made("cyrillic", _CYRILLIC, latin=True),
    _made("greek", _GREEK, latin=True),
    _made("fullwidth", _letters("fullwidth"), latin=True),
    _made("math-bold", _letters("math-bold"), latin=True),
    _made("math-script", _letters("math-script"), latin=True),
    _made("math-mono", _letters("math-mono"), latin=True),
    _made("double-struck", _letters("double-struck"), latin=True),
    _made("circled", _letters("circled"), latin=True),
    _made("small-caps", _letters("small-caps"), Loss.CASE, latin=True),
    _made("bidi", (_overridden, _not_overridden)),
    _made("reversed", (lambda text, _: text[::-1], lambda shown: shown[::-1])),
    _made("words-reversed", (lambda text, _: _words_reversed(text), _words_reversed)),
    _made("rot13", (lambda text, _: _rot13(text), _rot13), latin=True),
    _made("spaced", _spaced(" "), Loss.SPACES, most=400),
    _made("dotted", _spaced("."), Loss.SPACES, most=400),
    _made("dashed", _spaced("-"), Loss.SPACES, most=400),
    _made("leet", (_leet, _unleet), Loss.LETTERS, latin=True),
    _made("upper", (lambda text, _: text.upper(), _itself), Loss.CASE),
    _made("mixed-case", (_mixed_case, _itself), Loss.CASE, latin=True),
    _made("camel", (_joined("", camel=True), _apart), Loss.SPACES, latin=True, most=200),
    _made("snake", (_joined("_"), _apart), Loss.SPACES, most=200),
    _made("kebab", (_joined("-"), _apart), Loss.SPACES, most=200),
    _made("typos", (_typos, _itself), Loss.LETTERS, latin=True),
    _made("broken-lines", (_broken, lambda shown: shown.replace("\n", "")), Loss.SPACES),
    _made("word-lines", (_one_word_a_line, lambda shown: shown.replace("\n", " ")), Loss.SPACES),
    _made("fields", (_over_fields, _from_fields), Loss.SPACES),
    _made("concatenated", (_concatenated, _from_concatenated)),
    _made("hidden", _within(_HIDING)),
    _made("markup", _inside_words(_MARKUP), Loss.SPACES),
    _made("ansi", (_coloured, _plain)),
    _made("zalgo", (_piled, _without_marks), latin=True),
    _made("accents", (_accented, _without_marks), latin=True),
    _made("morse", (_morse, _from_morse), Loss.SPACES, latin=True, most=200),
    _made("synonyms", (_synonyms, _itself), Loss.LETTERS, latin=True),
)
"""Every one of them, in a fixed order."""
