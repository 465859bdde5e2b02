"""What compiled files say: the string constants of Java classes and of .NET assemblies."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Final

from training.screen.harvesting.fill import filled
from training.screen.harvesting.python_source import Saying

_MAGIC: Final = b"\xca\xfe\xba\xbe"
_UTF8: Final = 1
_STRING: Final = 8
_SIZES: Final = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2}
_SIZES_NEW: Final = {17: 4, 18: 4, 19: 2, 20: 2}
_OPENING: Final = re.compile(r"[A-Z'\"{%]")
_ENDING: Final = re.compile(r"[.:!?\w'\"})\]]$")
_FEWEST_SPACES: Final = 2
_WIDE: Final = re.compile(rb"(?:[\x20-\x7e]\x00){18,400}")


def sayings(data: bytes, suffix: str) -> Iterator[Saying]:
    """Every constant that reads like a sentence."""
    try:
        constants = list(_of_class(data) if suffix == ".class" else _of_assembly(data))
    except (struct.error, IndexError, KeyError):
        return
    yield from (("message", filled(text)) for text in constants if _is_sentence(text.rstrip()))


def _is_sentence(text: str) -> bool:
    # By hand: one pattern for all of it took minutes on the long constants of some classes.
    spaces = sum(char.isspace() for char in text)
    return (
        spaces >= _FEWEST_SPACES
        and "\n" not in text
        and bool(_OPENING.match(text) and _ENDING.search(text))
    )


def _of_class(data: bytes) -> Iterator[str]:
    if data[:4] != _MAGIC:
        return
    (count,) = struct.unpack_from(">H", data, 8)
    texts: dict[int, str] = {}
    strings: list[int] = []
    place, number = 10, 1
    while number < count:
        tag = data[place]
        if tag == _UTF8:
            (length,) = struct.unpack_from(">H", data, place + 1)
            texts[number] = data[place + 3 : place + 3 + length].decode("utf-8", "replace")
            place += 3 + length
        elif tag == _STRING:
            strings.append(struct.unpack_from(">H", data, place + 1)[0])
            place += 3
        else:
            place += 1 + (_SIZES.get(tag) or _SIZES_NEW[tag])
            number += tag in {5, 6}  # a long takes two places
        number += 1
    # "\x01" is where a value is joined in, in classes made for Java 9 and later.
    yield from (texts[number].replace("\x01", "{}") for number in strings if number in texts)


def _of_assembly(data: bytes) -> Iterator[str]:
    yield from (match.group().decode("utf-16-le") for match in _WIDE.finditer(data))
