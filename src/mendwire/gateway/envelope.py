"""Sentry's envelopes, read as they arrive: what is not wanted is passed over and not kept.

An envelope is a line of JSON, then items: a line of JSON each, and a payload that has the length
its line gives, or ends with its line where none is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mendwire.errors import Refused

LONGEST_HEADER: Final = 64 * 1024
MOST_ITEMS: Final = 1_000
_decoder = msgspec.json.Decoder(dict[str, Any])


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One item of an envelope."""

    type: str
    payload: bytes | None
    """None where it was not wanted, or larger than allowed."""
    size: int
    """Bytes of the payload."""
    quantity: int = 1
    """How many things it holds (``item_count``)."""


class EnvelopeReader:
    """Feed it pieces, then ``finish``; ``items`` holds what was found."""

    def __init__(self, wanted: frozenset[str], largest: int) -> None:
        self._wanted = wanted
        self._largest = largest
        self._buffer = bytearray()
        self._step = self._header
        self.event_id = ""
        self.items: list[Item] = []
        self._kept = 0
        self._type = ""
        self._quantity = 1
        self._left: int | None = None
        self._size = 0
        self._keep = False
        self._ended = False

    @property
    def held(self) -> int:
        """Bytes that are kept in memory."""
        return self._kept + len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take the next piece; raises Refused for what is no envelope."""
        self._buffer += data
        while self._step():
            pass

    def finish(self) -> list[Item]:
        """The items; raises Refused when the envelope ends too early."""
        self._ended = True
        while self._step():
            pass
        if self._step == self._header:
            raise malformed("The body is empty: send an envelope.")
        if self._step == self._payload:
            raise malformed(f"The item {self._type[:40]!r} is shorter than its length says.")
        return self.items

    def _line(self) -> bytes | None:
        """The next line without its end; None until it is whole."""
        end = self._buffer.find(b"\n", 0, LONGEST_HEADER)
        if end < 0:
            if len(self._buffer) >= LONGEST_HEADER:
                raise malformed("A header line of the envelope is too long.")
            if not self._ended or not self._buffer:
                return None
            end = len(self._buffer)
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line

    def _header(self) -> bool:
        line = self._line()
        if line is None:
            return False
        given = _object(line, "The envelope's first line").get("event_id")
        self.event_id = given if isinstance(given, str) else ""
        self._step = self._item_header
        return True

    def _item_header(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line.strip():
            return True
        if len(self.items) >= MOST_ITEMS:
            raise malformed(f"The envelope has more than {MOST_ITEMS} items.")
        header = _object(line, "An item's header")
        kind, length, count = header.get("type"), header.get("length"), header.get("item_count")
        if not isinstance(kind, str):
            raise malformed("An item's header names no type.")
        if length is not None and (type(length) is not int or length < 0):
            raise malformed("An item's length is no whole number.")
        self._type, self._left, self._size = kind, length, 0
        self._quantity = count if type(count) is int and 0 < count < 1 << 31 else 1
        self._keep = kind in self._wanted and (length is None or length <= self._largest)
        self._step = self._payload if length is not None else self._rest_of_line
        return True

    def _payload(self) -> bool:
        """Exactly as many bytes as the header says, then the end of the line."""
        left = self._left or 0
        if self._keep:
            if len(self._buffer) < left:
                return False
            payload = bytes(self._buffer[:left])
            del self._buffer[:left]
            self._found(payload, left)
            return True
        taken = min(left, len(self._buffer))
        del self._buffer[:taken]
        self._left, self._size = left - taken, self._size + taken
        if self._left:
            return False
        self._found(None, self._size)
        return True

    def _rest_of_line(self) -> bool:
        """Up to the end of the line or of the envelope."""
        end = self._buffer.find(b"\n", self._size if self._keep else 0)
        is_whole = end >= 0 or self._ended
        stop = end if end >= 0 else len(self._buffer)
        if self._keep and stop > self._largest:
            self._keep, self._size = False, 0
        if self._keep:
            self._size = stop  # searched up to here
            if not is_whole:
                return False
            payload = bytes(self._buffer[:stop])
            del self._buffer[: stop + 1]
            self._next(payload, stop)
            return True
        self._size += stop
        del self._buffer[: stop + 1]
        if not is_whole:
            return False
        self._next(None, self._size)
        return True

    def _found(self, payload: bytes | None, size: int) -> None:
        self._next(payload, size)
        self._step = self._end_of_line

    def _end_of_line(self) -> bool:
        if not self._buffer:
            return False
        if self._buffer[:1] == b"\n":
            del self._buffer[:1]
        elif self._buffer[:2] == b"\r\n":
            del self._buffer[:2]
        else:
            raise malformed(f"The item {self._type[:40]!r} is longer than its length says.")
        self._step = self._item_header
        return True

    def _next(self, payload: bytes | None, size: int) -> None:
        item = Item(type=self._type, payload=payload, size=size, quantity=self._quantity)
        self.items.append(item)
        self._kept += len(payload or b"")
        self._size = 0
        self._step = self._item_header


def malformed(message: str) -> Refused:
    """A body that cannot be read."""
    return Refused(message, status=400, reason="malformed")


def _object(line: bytes, what: str) -> dict[str, Any]:
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise malformed(f"{what} is no JSON object.") from None
