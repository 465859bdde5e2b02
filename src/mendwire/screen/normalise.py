"""Views of one text: as a reader who sees through disguises would read it.

Every view is bounded by construction: linear regular expressions, at most ``MAX_DEPTH`` layers and
``MAX_VIEWS`` views, none longer than what it was made of (but for compatibility characters).
"""

from __future__ import annotations

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

MAX_DEPTH: Final = 3
MAX_VIEWS: Final = 12
_MAX_BLOBS: Final = 6

_CSI: Final = re.compile(r"(?:\x1b\[|\x9b)[0-?]{0,32}[ -/]{0,8}[@-~]")
_OSC: Final = re.compile(r"\x1b[\]PX^_]|\x9d|\x07|\x1b\\|\x9c|\x1b[@-Z\\-_]")
_SPACE: Final = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_TAGS: Final = range(0xE0020, 0xE007F)
_TAG_RUN: Final = re.compile("(\U0001f3f4)?([\U000e0020-\U000e007e]{4,})")
_FLAG_LENGTH: Final = 6
_BIDI: Final = re.compile("[\u202d\u202e]")
_HIDDEN: Final = "\u200b\u200c\u200d\u2060-\u2064\ufeff\u180e\u034f\u115f\u1160\u3164\uffa0"
_INSIDE: Final = re.compile(
    f"(?<=[A-Za-z])[{_HIDDEN}\ufe00-\ufe0f\U000e0100-\U000e01ef]+(?=[A-Za-z])"
)
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_SELECTORS: Final = re.compile("[\ufe00-\ufe0f\U000e0100-\U000e01ef]{4,}")

# The letters of other scripts that pass for Latin ones; folded in words that mix scripts alone.
_LOOKS: Final = {
    **dict(zip("авеикмнорстухісԁһјԛѕѡԝүгпьѵӏ", "abeukmhopctyxicdhjqswwyrnbvl", strict=True)),
    **dict(zip("αβγδεηικνορστυχωϲϳ", "abydenikvopotuxwcj", strict=True)),
    **dict(zip("АВЕКМНОРСТУХІЈЅҮԌԚԜ", "ABEKMHOPCTYXIJSYGQW", strict=True)),
    **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹ", "ABEZHIKMNOPTYXC", strict=True)),
    **dict(zip("ɑɡɩıʟոսօցհԁ", "agiilnuoghd", strict=True)),
    **dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijkmnoprstuvwyz", strict=True)),
}
_LOOK_TABLE: Final = str.maketrans(_LOOKS)
_WORD: Final = re.compile(r"[^\W\d_]+")
_LATIN: Final = re.compile(r"[A-Za-z]")
_OTHER: Final = re.compile("[" + "".join(_LOOKS) + "]")

_ESCAPE: Final = re.compile(
    r"\\(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})"
    r"|([nrt\"']))"
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}={0,2}")
_BASE32: Final = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7]{24,}={0,6}")
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])(?:(?:0x|\\x)?[0-9a-fA-F]{2}[ :,]?){10,}(?![0-9A-Za-z])")
_BITS: Final = re.compile(r"(?:[01]{8}[ ,]?){6,}")
_CODES: Final = re.compile(r"(?<!\d)(?:\d{2,3}[ ,]{1,2}){8,}\d{2,3}(?!\d)")
# What each of the five above has in it: one look spares five.
_ENCODED: Final = re.compile(
    r"[A-Za-z0-9+/_-]{16}|[01]{8}|(?:[0-9a-fA-Fx]{2,4}[ :,]){2}|(?:\d{2,3}[ ,]{1,2}){2}"
)
_SPELT: Final = re.compile(r"(?<!\w)(?:\w[ .\-_*|]{1,2}){4,}\w(?!\w)")
_LEET: Final = re.compile(r"[A-Za-z][013457@$][A-Za-z]")
_ROT13: Final = {at: codecs.encode(chr(at), "rot13") for at in range(ord("A"), ord("z") + 1)}
_LEET_TABLE: Final = str.maketrans("013457@$!", "oieastasi")
_MIN_LEET: Final = 2
_STOP_WORDS: Final = frozenset(
    [
        "the",
        "to",
        "and",
        "of",
        "you",
        "your",
        "all",
        "is",
        "a",
        "in",
        "this",
        "that",
        "for",
        "not",
        "with",
        "me",
    ]
)
_MIN_GAIN: Final = 3
_MIN_PROSE: Final = 3


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One reading of a text."""

    text: str
    """Folded: lower case, no accents, no invisible characters, single spaces."""
    layer: str = ""
    """What was undone, e.g. ``base64``; empty for the text as it stands."""


def fold(text: str) -> str:
    """The text as it is compared: the rules' own phrases pass through here too."""
    if "\x1b" in text or "\x9b" in text or "\x9d" in text:
        text = _OSC.sub(" ", _CSI.sub("", text))
    if not text.isascii():
        text = _latin(_visible(text))
    return _SPACE.sub(" ", text).strip().lower()


def views(text: str) -> list[View]:
    """The text as it stands first, then what its layers decode to, without repeats."""
    found = {fold(text): ""}
    level = [(text, "")]
    for _ in range(MAX_DEPTH):
        level = [
            (inner, f"{layer}+{name}".lstrip("+"))
            for outer, layer in level
            for name, inner in _layers(outer)
        ][:MAX_VIEWS]
        for inner, layer in level:
            found.setdefault(fold(inner), layer)
    shown = [View(text=folded, layer=layer) for folded, layer in found.items() if folded]
    return shown[:MAX_VIEWS]


def hidden(text: str) -> str:
    """What hides in a text by its characters alone: a rule's id, or empty.

    Narrow on purpose: emoji sequences, flags, Persian joiners and soft hyphens are no evidence.
    """
    if text.isascii():
        return ""
    for run in _TAG_RUN.finditer(text):
        if run.group(1) is None or len(run.group(2)) > _FLAG_LENGTH:
            return "hidden-tag-characters"
    if _BIDI.search(text):
        return "hidden-direction-override"
    return "hidden-inside-words" if len(_INSIDE.findall(text)) >= 3 else ""  # noqa: PLR2004 - one or two are typesetting


def _visible(text: str) -> str:
    kept: list[str] = []
    for char in text:
        point = ord(char)
        if point in _TAGS:
            kept.append(chr(point - 0xE0000))
        elif not (unicodedata.category(char) == "Cf" or char in _FILLERS or _selects(point)):
            kept.append(char)
    return "".join(kept)


def _selects(point: int) -> bool:
    return 0xFE00 <= point <= 0xFE0F or 0xE0100 <= point <= 0xE01EF  # noqa: PLR2004 - Unicode's own ranges


def _latin(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text)
    bare = "".join(char for char in apart if unicodedata.category(char) != "Mn")
    whole = unicodedata.normalize("NFC", bare)
    return _WORD.sub(_unmixed, whole) if _OTHER.search(whole) else whole


def _unmixed(word: re.Match[str]) -> str:
    text = word.group()
    mixed = _OTHER.search(text) and _LATIN.search(text)
    return text.translate(_LOOK_TABLE) if mixed else text


def _layers(text: str) -> Iterator[tuple[str, str]]:
    encoded = _ENCODED.search(text) is not None
    for name, decode in (*(_BLOBS if encoded else ()), *_DISGUISES):
        inner = decode(text)
        if inner and inner != text:
            yield name, inner


def _escapes(text: str) -> str:
    if "\\" in text:
        text = _ESCAPE.sub(_escaped, text)
    if "&" in text and ";" in text:
        text = html.unescape(text)
    if "%" in text:
        text = unquote(text.replace("+", " ") if " " not in text else text)
    return text


def _escaped(match: re.Match[str]) -> str:
    braced, short, long, byte, letter = match.groups()
    if letter:
        return letter if letter in "\"'" else " "
    point = int(braced or short or long or byte, 16)
    return chr(point) if point < 0x110000 and not 0xD800 <= point < 0xE000 else " "  # noqa: PLR2004 - the end of Unicode, and its surrogates


def _blobs(pattern: re.Pattern[str], undo: Callable[[str], bytes]) -> Callable[[str], str]:
    def decode(text: str) -> str:
        found: list[str] = []
        for number, blob in enumerate(pattern.finditer(text)):
            if number == _MAX_BLOBS * 10:
                break
            try:
                inner = undo(blob.group()).decode("utf-8")
            except (ValueError, binascii.Error):
                continue
            if _is_prose(inner):
                found.append(inner)
            if len(found) == _MAX_BLOBS:
                break
        return " ".join(found)

    return decode


def _is_prose(text: str) -> bool:
    printable = sum(char.isprintable() or char in "\r\n\t" for char in text)
    words = _WORD.findall(text)
    return (
        printable >= 0.95 * len(text)
        and (len(words) >= _MIN_PROSE or not text.isascii())
        and sum(map(len, words)) >= 0.5 * len(text)
    )


def _from_base64(blob: str) -> bytes:
    body = blob.rstrip("=").replace("-", "+").replace("_", "/")
    body = body[:-1] if len(body) % 4 == 1 else body
    data = base64.b64decode(body + "=" * (-len(body) % 4))
    # A blob cut off inside a character still reads.
    return data.decode("utf-8", "ignore").encode() if data[:8].isascii() else data


def _from_base32(blob: str) -> bytes:
    body = blob.rstrip("=")
    body = body[:-1] if len(body) % 8 in {1, 3, 6} else body
    return base64.b32decode(body + "=" * (-len(body) % 8))


def _from_hex(blob: str) -> bytes:
    return bytes.fromhex(re.sub(r"0x|\\x|[ :,]", "", blob))


def _from_bits(blob: str) -> bytes:
    bits = re.sub(r"[ ,]", "", blob)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def _from_codes(blob: str) -> bytes:
    return bytes(int(code) for code in re.findall(r"\d+", blob))


def _selectors(text: str) -> str:
    """Bytes written as variation selectors behind some harmless character."""
    if text.isascii():
        return ""
    return " ".join(
        bytes(map(_selected, run)).decode("utf-8", "ignore") for run in _SELECTORS.findall(text)
    )


def _selected(char: str) -> int:
    return ord(char) - 0xFE00 if char <= "\ufe0f" else ord(char) - 0xE0100 + 16


def _spelt(text: str) -> str:
    return _SPELT.sub(lambda run: re.sub(r"[^\w]", "", run.group()), text)


def _leet(text: str) -> str:
    if len(_LEET.findall(text)) < _MIN_LEET:
        return ""
    return text.translate(_LEET_TABLE)


def _rot13(text: str) -> str:
    return _gaining(text, text.translate(_ROT13))


def _reversed(text: str) -> str:
    return _gaining(text, text[::-1])


def _gaining(text: str, other: str) -> str:
    """``other`` where it reads as English and ``text`` does not."""
    if text.count(" ") < _MIN_GAIN:
        return ""
    now = _STOP_WORDS.intersection(text.lower().split())
    if len(now) >= _MIN_GAIN:
        return ""
    then = _STOP_WORDS.intersection(other.lower().split())
    return other if len(then) - len(now) >= _MIN_GAIN else ""


_Decoders = tuple[tuple[str, Callable[[str], str]], ...]
_BLOBS: Final[_Decoders] = (
    ("base64", _blobs(_BASE64, _from_base64)),
    ("hex", _blobs(_HEX, _from_hex)),
    ("base32", _blobs(_BASE32, _from_base32)),
    ("bits", _blobs(_BITS, _from_bits)),
    ("codes", _blobs(_CODES, _from_codes)),
)
_DISGUISES: Final[_Decoders] = (
    ("escapes", _escapes),
    ("selectors", _selectors),
    ("spelt", _spelt),
    ("leet", _leet),
    ("rot13", _rot13),
    ("reversed", _reversed),
)
