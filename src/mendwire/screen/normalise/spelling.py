"""Letters written one by one: set apart, by number, in dots and dashes, in other alphabets."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Final

from mendwire.screen.normalise.prose import is_prose, respaced
from mendwire.screen.normalise.view import Piece

_AZ: Final = "abcdefghijklmnopqrstuvwxyz"
_SPELT: Final = re.compile(r"(?<![^\W_])[^\W_](?:[\W_]{1,8}[^\W_](?![^\W_])){4,}")
_GAP: Final = re.compile(r"[\W_]+")
_MAX_RUNS: Final = 12
_HEX: Final = re.compile(r"(?:(?:0x|\\x)?+[0-9a-fA-F]{2}h?[ :;,|\\/._+\[\]\n-]{0,2}){8,}")
_BITS: Final = re.compile(r"(?:[01]{7,8}[ ,;|\n]{0,2}){6,}")
_OCTAL: Final = re.compile(r"(?:\\?+0?o?[01][0-7]{2}[ ,;|\n]{1,2}+){6,}[01][0-7]{2}")
_CODES: Final = re.compile(r"(?<![\d.])(?:\d{2,6}+[^\d]{1,7}+){6,}\d{2,6}(?![\d.])")
_PLACES: Final = re.compile(r"(?<![\d.])\d{1,2}+(?:[ ,./|_-]{1,3}+\d{1,2}+){6,}(?![\d.])")
_MORSE_RUN: Final = re.compile(r"(?:[.\-_·•−–—]{1,6}[ /|]{1,3}){4,}[.\-_·•−–—]{1,6}")
_MORSE: Final = dict(
    zip(
        ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- "  # noqa: SIM905 - a row of codes
        ".-- -..- -.-- --.. ----- .---- ..--- ...-- ....- ..... -.... --... ---.. ----.".split(),
        f"{_AZ}0123456789",
        strict=True,
    )
)
_MORSE_SIGNS: Final = str.maketrans("_·•−–—|", "-..---/")
_MORSE_WORDS: Final = re.compile(r" ?/ ?| {2,}")
_NAMES: Final = re.compile(
    r"(?i)\b(?:alpha|alfa|bravo|charlie|delta|echo|foxtrot|golf|hotel|india|juliett?|kilo|lima|mike"
    r"|november|oscar|papa|quebec|romeo|sierra|tango|uniform|victor|whiskey|x-?ray|yankee|zulu)\b"
)
_MIN_NAMES: Final = 8
_BRAILLE: Final = dict(zip("⠁⠃⠉⠙⠑⠋⠛⠓⠊⠚⠅⠇⠍⠝⠕⠏⠟⠗⠎⠞⠥⠧⠺⠭⠽⠵", _AZ, strict=True))
_BRAILLE_RUN: Final = re.compile(r"[\u2800-\u283f\s]{10,}")
_TURNED: Final = str.maketrans(
    "ɐqɔpǝɟƃɓɥıᴉɾʞlꞁɯuodbɹsʇnʌʍxʎz∀ƎℲ⅁⅂ԀɹՈ˙'¡¿", "abcdefgghiijkllmnopqrstuvwxyzaefglpru.,!?"
)
_TURNED_SIGNS: Final = re.compile("[ɐɔǝɟƃɥᴉɾʞɯɹʇʌʍʎ]")
_MIN_TURNED: Final = 3
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")


def spelt(text: str) -> list[Piece]:
    """``i g n o r e``: gaps wider than the usual one part words; else words are sought."""
    pieces: list[Piece] = []
    at = 0
    for run in _SPELT.finditer(text):
        letters = _GAP.sub("", run.group())
        if sum(map(str.isalpha, letters)) * 3 < len(letters) * 2:
            continue  # arithmetic
        pieces.append((text[at : run.start()], at, run.start()))
        pieces += _unspelt(run)
        at = run.end()
    return [*pieces, (text[at:], at, len(text))] if pieces else []


def _unspelt(run: re.Match[str]) -> list[Piece]:
    letters = run.group()
    gaps = _GAP.findall(letters)
    narrow = min(map(len, gaps))
    usual = Counter(gaps).most_common(1)[0][0]
    parting = {gap for gap in set(gaps) if _parts_words(gap, usual, narrow)}
    if not parting:
        bare = _GAP.sub("", letters)
        apart = respaced(bare.lower())
        return [(apart or bare, run.start(), run.end())]
    pieces: list[Piece] = []
    at = run.start()
    for gap in _GAP.finditer(letters):
        start, end = run.start() + gap.start(), run.start() + gap.end()
        pieces.append((run.string[at:start], at, start))
        if gap[0] in parting:
            pieces.append((" ", start, end))
        at = end
    return [*pieces, (run.string[at : run.end()], at, run.end())]


def _parts_words(gap: str, usual: str, narrow: int) -> bool:
    return gap != usual and (len(gap) > narrow or (gap.isspace() and not usual.isspace()))


def _runs(pattern: re.Pattern[str], read: Callable[[str], str]) -> Callable[[str], list[Piece]]:
    def decode(text: str) -> list[Piece]:
        pieces: list[Piece] = []
        for number, run in enumerate(pattern.finditer(text)):
            if number == _MAX_RUNS:
                break
            said = read(run.group())
            if is_prose(said):
                pieces += ((said, run.start(), run.end()), (" ", run.end(), run.end()))
        return pieces

    return decode


def _of_bytes(data: bytes) -> str:
    return data.decode("utf-8", "replace") if data.isascii() else data.decode("utf-8", "ignore")


def _from_hex(run: str) -> str:
    digits = re.sub(r"(?m)^[0-9a-fA-F]{6,8}:?[ \t]+|0x|\\x|[^0-9a-fA-F]", "", run)
    return _of_bytes(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _from_bits(run: str) -> str:
    words = re.findall(r"[01]+", run)
    width = 7 if all(len(word) == 7 for word in words) else 8  # noqa: PLR2004 - bits of ASCII
    bits = "".join(words)
    return _of_bytes(
        bytes(int(bits[at : at + width], 2) for at in range(0, len(bits) - width + 1, width))
    )


def _from_octal(run: str) -> str:
    return _of_bytes(bytes([int(code[-3:], 8) for code in re.findall(r"[0-7]{3,4}", run)]))


def _from_codes(run: str) -> str:
    codes = list(map(int, re.findall(r"\d+", run)))
    if max(codes) < 256:  # noqa: PLR2004 - bytes
        return _of_bytes(bytes(codes))
    return "".join(chr(code) for code in codes if code < 0xD800 or 0xDFFF < code < 0x110000)  # noqa: PLR2004 - no surrogate


def _from_places(run: str) -> str:
    """1 is a, 26 is z; what parts words is what parts letters seldom."""
    gaps = re.findall(r"\D+", run)
    usual = Counter(gaps).most_common(1)[0][0]
    letters: list[str] = []
    for number, gap in zip(re.findall(r"\d+", run), [*gaps, usual], strict=True):
        place = int(number)
        if not 1 <= place <= len(_AZ):
            return ""
        letters += (_AZ[place - 1], "" if gap == usual else " ")
    text = "".join(letters)
    return text if " " in text else respaced(text)


def _from_morse(run: str) -> str:
    words = _MORSE_WORDS.split(run.translate(_MORSE_SIGNS).strip())
    read = [[_MORSE.get(code, "?") for code in word.split()] for word in words]
    text = " ".join("".join(letters) for letters in read)
    return text if " " in text else respaced(text)


def _from_braille(run: str) -> str:
    text = run.replace("\u2800", " ")
    return "".join(_BRAILLE.get(char, " ") for char in text)


def named(text: str) -> list[Piece]:
    """``india golf november``: the spelling alphabet."""
    names = list(_NAMES.finditer(text))
    if len(names) < _MIN_NAMES:
        return []
    spelt_out = "".join(name.group()[0].lower() for name in names)
    said = respaced(spelt_out) or spelt_out
    return [(said, names[0].start(), names[-1].end())]


def turned(text: str) -> list[Piece]:
    """Letters upside down, which are read from the end."""
    if text.isascii() or len(_TURNED_SIGNS.findall(text)) < _MIN_TURNED:
        return []
    return [(text.translate(_TURNED)[::-1], len(text), 0)]


def selectors(text: str) -> list[Piece]:
    """Bytes written as variation selectors behind some harmless character."""
    if text.isascii():
        return []
    return [
        (said, *run.span())
        for run in _SELECTORS.finditer(text)
        if (said := bytes(map(_selected, run.group())).decode("utf-8", "ignore"))
    ]


def _selected(char: str) -> int:
    return ord(char) - 0xFE00 if char <= "\ufe0f" else ord(char) - 0xE0100 + 16


hex_codes: Final = _runs(_HEX, _from_hex)
bits: Final = _runs(_BITS, _from_bits)
octal: Final = _runs(_OCTAL, _from_octal)
codes: Final = _runs(_CODES, _from_codes)
places: Final = _runs(_PLACES, _from_places)
morse: Final = _runs(_MORSE_RUN, _from_morse)
braille: Final = _runs(_BRAILLE_RUN, _from_braille)
