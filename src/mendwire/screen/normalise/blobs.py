"""Encodings that hide a text in a run of letters and digits, compressed or not.

What does not decode to language (hashes, tokens, images) gives nothing.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from mendwire.screen.normalise.prose import is_prose

MAX_DECODED: Final = 16_384
"""Bytes that one blob may decode or unpack to."""
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}){6,}")
_BASE32: Final = re.compile(r"[A-Z2-7]+|[a-z2-7]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]+")
_ASCII85: Final = re.compile(r"[!-u\s]+z?")
_BASE85: Final = re.compile(r"[0-9A-Za-z!#$%&()*+;<=>?@^_`{|}~-]+")
_ID: Final = re.compile(r"[0-9a-f-]+|[0-9A-F-]+")
"""A hash, or a name of the kind that machines give: hexadecimal or nothing."""
_TIME: Final = re.compile(r"(?=[0-9]*[:.+/-])[0-9:.+/-]+(?:[Tt][0-9:.+/-]+)?[Zz]?")
"""Where no letter stands but those of a time no text is encoded."""
_SIGNS: Final = re.compile(r"[^A-Za-z0-9/.]")
_MIN_SIGNS: Final = 3
_BASE58: Final = re.compile(
    r"(?=[A-Za-z]*[0-9])(?=[A-Z0-9]*[a-z])(?=[a-z0-9]*[A-Z])[1-9A-HJ-NP-Za-km-z]{20,600}"
)
_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}={0,2}")
_B58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
MIN_BLOB: Final = 12
_DISGUISED: Final = re.compile(
    r"(?:(?:%|=|\\x|\\u00|0x)[0-9a-fA-F]{2}|\\[0-3][0-7]{2}|&#?\w{1,8};|\\?u\{?\+?[0-9a-fA-F]{2,6}\}?"
    r"|[.-]{1,6}[ /]|\d{1,3}\D{1,7}|[0-9a-fA-F]{2}[ :]|[01]{7,8}[ ,]?|\w[^\w\s]){5}|<!--|</\w"
)
"""Signs that what was decoded is disguised once more."""
MAX_NESTED: Final = 3
_MIN_TURNED: Final = 24
"""Letters of a blob before it is looked at from the other side."""
_MIN_BARE: Final = 32
"""The same for deflate without a header, which begins like anything."""
_GZIP: Final = b"\x1f\x8b"
_PACKED: Final = frozenset([b"\x1f", b"\x78"])
"""First bytes of gzip and zlib."""
_BARE: Final = frozenset(bytes([first]) for first in range(256) if first % 8 in {3, 4, 5})
"""Those of most bare deflate."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f]")
_WIDE: Final = 5
"""Zeros after the first six letters: they take two bytes each."""
_MIN_UNPACKED: Final = 8


def candidates(word: str) -> Iterator[tuple[int, int]]:
    """From where to where there may be a blob: the whole, and runs within it."""
    yield 0, len(word)
    for run in _RUN.finditer(word):
        if run.end() - run.start() < len(word):
            yield run.span()


def opened(blob: str, depth: int = MAX_NESTED) -> tuple[str, str]:
    """The name of an encoding and what the blob says in it; empty strings if nothing."""
    body = blob.removeprefix("<~").removesuffix("~>").rstrip("=")
    if len(body) < MIN_BLOB or not body.isascii() or _TIME.fullmatch(body):
        return "", ""
    encodings: Sequence[_Encoding]
    turns = _TURNS if len(body) >= _MIN_TURNED else _TURNS[:1]
    if _ID.fullmatch(body):
        encodings, turns = (_OF_IDS,), turns[:2]
    elif not body.isalnum() and len(_SIGNS.findall(body)) >= _MIN_SIGNS:
        encodings = _WITH_SIGNS
    else:
        encodings = _ENCODINGS
    for turn, turned in turns:
        name, text = _opened(turned(body), encodings, depth)
        if text:
            return f"{turn}{name}", text
    return "", ""


def _opened(body: str, encodings: Sequence[_Encoding], depth: int) -> tuple[str, str]:
    for name, form, head, undo in encodings:
        if not form.fullmatch(body) or not _begins(body[:head], undo, len(body)):
            continue
        try:
            data = undo(body)
        except (ValueError, binascii.Error):
            continue
        if text := _said(data, depth):
            return name, text
    return "", ""


def _begins(head: str, undo: Callable[[str], bytes], length: int) -> bool:
    """Whether the first few bytes could be a text's: spares most of what is none."""
    if not head:
        return True
    try:
        data = undo(head)
    except (ValueError, binascii.Error):
        return False
    if data[:1] in _PACKED or data[1:2] == b"\0":
        return True
    if length >= _MIN_BARE and data[:1] in _BARE:
        return True
    text = _text(data)
    return bool(text) and not _UNPRINTABLE.search(text)


def _said(data: bytes, depth: int) -> str:
    """What bytes say: language, or one more encoding of it (left as it stands)."""
    text = _text(data)
    if not text and (unpacked := _unpacked(data)):
        text = _text(unpacked)
    if not text or is_prose(text):
        return text
    if _DISGUISED.search(text) and "".join(text.splitlines()).isprintable():
        return text
    inner = "".join(text.split())
    return text if depth > 1 and inner.isascii() and opened(inner, depth - 1)[1] else ""


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


_DIGITS_32: Final = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz234567",
    "0123456789abcdefghijklmnop0123456789abcdefghijklmnopqrstuv",
)


def _from_base64(body: str) -> bytes:
    if "-" in body or "_" in body:
        body = body.replace("-", "+").replace("_", "/")
    over = len(body) % 4
    return binascii.a2b_base64(body[:-1] if over == 1 else f"{body}===" if over else body)


def _from_base32(body: str) -> bytes:
    # Base 32 of Python's own integers is linear and in C; base64.b32decode loops in Python.
    bits = 5 * len(body)
    return (int(body.translate(_DIGITS_32), 32) >> bits % 8).to_bytes(bits // 8, "big")


def _from_base58(body: str) -> bytes:
    number = 0
    for char in body:
        number = number * 58 + _B58.index(char)
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _from_ascii85(body: str) -> bytes:
    # In arrays: base64.a85decode loops in Python. A z is four zeros, at the end alone.
    import numpy as np  # noqa: PLC0415 - 15 MB that the worker, who cuts stacks alone, does without

    body = "".join(body.split())
    zeros = body.endswith("z")
    digits = np.frombuffer(body.removesuffix("z").encode(), np.uint8).astype(np.uint64)
    missing = -len(digits) % 5
    if zeros and missing:
        raise ValueError("z inside a group of five")
    groups = np.pad(digits - np.uint64(33), (0, missing), constant_values=84).reshape(-1, 5)
    values = groups @ np.array(_POWERS_OF_85, np.uint64)
    if (values >> np.uint64(32)).any():
        raise ValueError("more than four bytes in a group of five")
    data = values.astype(">u4").tobytes()
    return (data[: len(data) - missing] if missing else data) + b"\0" * 4 * zeros


_POWERS_OF_85: Final = (85**4, 85**3, 85**2, 85, 1)
_Undo = Callable[[str], bytes]
_Encoding = tuple[str, re.Pattern[str], int, _Undo]
"""Its name, its form, how many letters make a head that decodes by itself, and what undoes it."""
_OF_IDS: Final[_Encoding] = ("hex", _HEX, 24, bytes.fromhex)
_ENCODINGS: Final[tuple[_Encoding, ...]] = (
    _OF_IDS,
    ("base32", _BASE32, 16, _from_base32),
    ("base64", _BASE64, 16, _from_base64),
    ("base58", _BASE58, 0, _from_base58),
)
_WITH_SIGNS: Final[tuple[_Encoding, ...]] = (
    *_ENCODINGS,
    ("ascii85", _ASCII85, 10, _from_ascii85),
    ("base85", _BASE85, 10, base64.b85decode),
)
_ROT13: Final = {at: codecs.encode(chr(at), "rot13") for at in range(ord("A"), ord("z") + 1)}
_TURNS: Final[tuple[tuple[str, Callable[[str], str]], ...]] = (
    ("", str),
    ("reversed+", lambda body: body[::-1]),
    ("rot13+", lambda body: body.translate(_ROT13)),
)
"""What is done to a blob so that it does not look like one."""
