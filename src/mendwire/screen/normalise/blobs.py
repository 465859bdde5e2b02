"""Encodings that hide a text in a run of letters and digits, compressed or not.

What does not decode to language (hashes, tokens, images) gives nothing.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable
from typing import Final

from mendwire.screen.normalise.prose import is_prose

MAX_DECODED: Final = 65_536
"""Bytes that one blob may decode or unpack to."""
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+")
_BASE32: Final = re.compile(r"[A-Za-z2-7]+")
_BASE85: Final = re.compile(r"[!-u\s]+z?")
_BASE58: Final = re.compile(r"[1-9A-HJ-NP-Za-km-z]+")
_B58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_MAX_BASE58: Final = 600
_MIN_BLOB: Final = 12
_NESTED: Final = re.compile(r"[A-Za-z0-9+/_-]+")
MAX_NESTED: Final = 3
_GZIP: Final = b"\x1f\x8b"
_WIDE: Final = 5
"""Zeros after the first six letters: they take two bytes each."""
_MIN_UNPACKED: Final = 8


def opened(blob: str) -> tuple[str, str]:
    """The name of an encoding and what the blob says in it; empty strings if nothing."""
    body = blob.removeprefix("<~").removesuffix("~>").rstrip("=")
    if not _MIN_BLOB <= len(body) <= MAX_DECODED:
        return "", ""
    for turn, turned in _TURNS:
        name, text = _opened(turned(body), MAX_NESTED)
        if text:
            return f"{turn}{name}", text
    return "", ""


def _opened(body: str, depth: int) -> tuple[str, str]:
    for name, form, undo in _ENCODINGS:
        if not form.fullmatch(body):
            continue
        try:
            data = undo(body)
        except (ValueError, binascii.Error):
            continue
        if text := _said(data, depth):
            return name, text
    return "", ""


def _said(data: bytes, depth: int) -> str:
    """What bytes say: language, or one more encoding of it (left as it stands)."""
    text = _text(data)
    if not text and (unpacked := _unpacked(data)):
        text = _text(unpacked)
    if not text or is_prose(text):
        return text
    inner = "".join(text.split()).rstrip("=")
    nested = depth > 1 and len(inner) >= _MIN_BLOB and _NESTED.fullmatch(inner)
    return text if nested and _opened(inner, depth - 1)[1] else ""


def _text(data: bytes) -> str:
    """As UTF-8, also where it was cut off inside a character, or UTF-16 as Windows encodes."""
    if data[1:12:2].count(0) >= _WIDE:
        return data.decode("utf-16-le", "ignore")
    try:
        return data.decode()
    except UnicodeDecodeError as problem:
        return data[: problem.start].decode() if problem.start >= len(data) - 3 else ""


def _unpacked(data: bytes) -> bytes:
    """What gzip, zlib or bare deflate holds, as far as it goes."""
    kinds = (31,) if data[:2] == _GZIP else (15, -15)
    for kind in kinds:
        try:
            found = zlib.decompressobj(kind).decompress(data, MAX_DECODED)
        except zlib.error:
            continue
        if len(found) >= _MIN_UNPACKED:
            return found
    return b""


def _from_base64(body: str) -> bytes:
    body = body.replace("-", "+").replace("_", "/")
    body = body[:-1] if len(body) % 4 == 1 else body
    return base64.b64decode(body + "=" * (-len(body) % 4))


def _from_base32(body: str) -> bytes:
    body = body[:-1] if len(body) % 8 in {1, 3, 6} else body
    return base64.b32decode(body + "=" * (-len(body) % 8), casefold=True)


def _from_base85(body: str) -> bytes:
    return base64.a85decode(body)


def _from_base58(body: str) -> bytes:
    if len(body) > _MAX_BASE58:
        raise ValueError
    number = 0
    for char in body:
        number = number * 58 + _B58.index(char)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


_ENCODINGS: Final[tuple[tuple[str, re.Pattern[str], Callable[[str], bytes]], ...]] = (
    ("hex", _HEX, bytes.fromhex),
    ("base32", _BASE32, _from_base32),
    ("base64", re.compile(r"[A-Za-z0-9+/_-]+"), _from_base64),
    ("ascii85", _BASE85, _from_base85),
    ("base85", re.compile(r"[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+"), base64.b85decode),
    ("base58", _BASE58, _from_base58),
)
_TURNS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("", str),
    ("reversed+", lambda body: body[::-1]),
    ("rot13+", lambda body: codecs.encode(body, "rot13")),
)
"""What is done to a blob so that it does not look like one."""
