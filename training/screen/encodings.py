"""Texts as bytes in another notation: base64 and its kin, escapes, numbers."""

from __future__ import annotations

import base64
import gzip
import html
import json
import quopri
import random
import re
import urllib.parse
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from training.screen.scenery import chance
from training.screen.ways import Way

_NOTATIONS: Final[Mapping[str, tuple[Callable[[bytes], str], Callable[[str], bytes]]]] = {
    "64": (lambda data: base64.b64encode(data).decode(), base64.b64decode),
    "64url": (lambda data: base64.urlsafe_b64encode(data).decode(), base64.urlsafe_b64decode),
    "32": (lambda data: base64.b32encode(data).decode(), base64.b32decode),
    "85": (lambda data: base64.b85encode(data).decode(), base64.b85decode),
    "16": (bytes.hex, bytes.fromhex),
    "%": (urllib.parse.quote_from_bytes, urllib.parse.unquote_to_bytes),
    "gz": (
        lambda data: base64.b64encode(gzip.compress(data, mtime=0)).decode(),
        lambda shown: gzip.decompress(base64.b64decode(shown)),
    ),
}


def notation(*layers: str) -> Way:
    """One notation, or several around each other, the innermost first."""

    def apply(text: str, _: random.Random) -> str:
        for layer in layers:
            text = _NOTATIONS[layer][0](text.encode())
        return text

    def undo(shown: str) -> str:
        for layer in reversed(layers):
            shown = _NOTATIONS[layer][1](shown).decode()
        return shown

    return apply, undo


def _units(text: str) -> Iterable[int]:
    """UTF-16, as JavaScript counts."""
    data = text.encode("utf-16-be")
    return (int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2))


def _entities(text: str, rng: random.Random) -> str:
    form = rng.choice(("&#{0};", "&#x{0:x};", "&#x{0:X};", "&#{0:04d};"))
    share = rng.choice((0.5, 1.0))
    return "".join(
        form.format(ord(char)) if chance(rng, share) else html.escape(char) for char in text
    )


def _from_json(shown: str) -> str:
    text: str = json.loads(f'"{shown}"')
    return text


def _decimal(text: str, rng: random.Random) -> str:
    return rng.choice((" ", ", ")).join(str(byte) for byte in text.encode())


def _from_numbers(base: int) -> Callable[[str], str]:
    return lambda shown: bytes(int(part, base) for part in re.findall(r"\w+", shown)).decode()


def _from_char_codes(shown: str) -> str:
    units = [int(part) for part in re.findall(r"\d+", shown)]
    return b"".join(unit.to_bytes(2) for unit in units).decode("utf-16-be")


def _quoted_printable(text: str, rng: random.Random) -> str:
    if chance(rng, 0.5):
        return "".join(f"={byte:02X}" for byte in text.encode())
    return quopri.encodestring(text.encode(), quotetabs=True).decode()


URL: Final[Way] = (lambda text, _: urllib.parse.quote(text, safe=""), urllib.parse.unquote)
URL_PLUS: Final[Way] = (lambda text, _: urllib.parse.quote_plus(text), urllib.parse.unquote_plus)
URL_ALL: Final[Way] = (
    lambda text, _: "".join(f"%{byte:02X}" for byte in text.encode()),
    urllib.parse.unquote,
)
ENTITIES: Final[Way] = (_entities, html.unescape)
U_ESCAPES: Final[Way] = (
    lambda text, _: "".join(f"\\u{unit:04x}" for unit in _units(text)),
    _from_json,
)
X_ESCAPES: Final[Way] = (
    lambda text, _: "".join(f"\\x{byte:02x}" for byte in text.encode()),
    lambda shown: bytes.fromhex(shown.replace("\\x", "")).decode(),
)
OCTAL: Final[Way] = (
    lambda text, _: "".join(f"\\{byte:03o}" for byte in text.encode()),
    lambda shown: bytes(int(part, 8) for part in shown[1:].split("\\")).decode(),
)
DECIMAL: Final[Way] = (_decimal, _from_numbers(10))
BINARY: Final[Way] = (
    lambda text, _: " ".join(f"{byte:08b}" for byte in text.encode()),
    _from_numbers(2),
)
CHAR_CODES: Final[Way] = (
    lambda text, _: f"String.fromCharCode({','.join(map(str, _units(text)))})",
    _from_char_codes,
)
QUOTED_PRINTABLE: Final[Way] = (
    _quoted_printable,
    lambda shown: quopri.decodestring(shown).decode(),
)
