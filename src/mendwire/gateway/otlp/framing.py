"""Where the parts of a protobuf message lie, without building any object for them.

A request of twenty megabytes can hold ten million empty spans, and a parser that makes an object of
each takes gigabytes. So only the outer levels are walked, with a budget, and the library parses
one span or log record at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mendwire.errors import Undecodable

_MORE: Final = 0x80
_LENGTH_DELIMITED: Final = 2
_FIXED: Final = {1: 8, 5: 4}
_LONGEST_VARINT: Final = 64
_MAX_NUMBER: Final = 2**29 - 1


@dataclass(slots=True)
class Budget:
    """How many fields may still be looked at."""

    left: int

    def spend(self) -> None:
        """Take one; raises Undecodable."""
        self.left -= 1
        if self.left < 0:
            raise Undecodable("The request has too many parts; set a smaller batch size.")


def parts(data: bytes, start: int, end: int, budget: Budget) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each length-delimited field; raises Undecodable.

    Fields of other kinds are stepped over.
    """
    at = start
    while at < end:
        budget.spend()
        tag, at = _varint(data, at, end)
        number, kind = tag >> 3, tag & 7
        if not 0 < number <= _MAX_NUMBER:
            raise _damaged()
        if kind == _LENGTH_DELIMITED:
            size, at = _varint(data, at, end)
            if size > end - at:
                raise _damaged()
            yield number, at, at + size
            at += size
        elif kind == 0:
            _, at = _varint(data, at, end)
        elif kind in _FIXED:
            at += _FIXED[kind]
        else:
            raise _damaged()
    if at != end:
        raise _damaged()


def _varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    if at < end and data[at] < _MORE:
        return data[at], at + 1
    value = shift = 0
    while at < end and shift < _LONGEST_VARINT:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < _MORE:
            return value, at
        shift += 7
    raise _damaged()


def _damaged() -> Undecodable:
    return Undecodable("The body is no protobuf message of OTLP, or it was cut short.")
