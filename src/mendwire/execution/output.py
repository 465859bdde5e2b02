"""Output of a child process, bounded: the beginning and the end are kept, lines are handed on."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one line; what is longer is cut there."""


class Kept:
    """At most ``limit`` bytes of a stream: its first half and its last half."""

    def __init__(self, limit: int, on_line: Callable[[str], None] | None = None) -> None:
        self._half = max(limit // 2, 1)
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._tail_size = 0
        self._dropped = 0
        self._lines = Lines(on_line) if on_line else None

    @property
    def truncated(self) -> bool:
        """Something was left out."""
        return self._dropped > 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        if self._lines:
            self._lines.feed(chunk)
        room = self._half - len(self._head)
        self._head += chunk[:room]
        rest = chunk[room:] if room else chunk
        if rest:
            self._tail.append(rest)
            self._tail_size += len(rest)
        while self._tail_size - len(self._tail[0]) >= self._half if self._tail else False:
            oldest = self._tail.popleft()
            self._tail_size -= len(oldest)
            self._dropped += len(oldest)

    def end(self) -> bytes:
        """Hand on a last line without its newline; everything kept, with a note of the gap."""
        if self._lines:
            self._lines.end()
        tail = b"".join(self._tail)
        cut = max(len(tail) - self._half, 0)
        self._dropped += cut
        if not self._dropped:
            return bytes(self._head) + tail
        return bytes(self._head) + b"\n[%d bytes left out]\n" % self._dropped + tail[cut:]


class Lines:
    """Splits a stream into lines of UTF-8 text for a callback."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self._on_line = on_line
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes of the stream."""
        first, *others = chunk.split(b"\n")
        self._add(first)
        for part in others:
            self._hand_on()
            self._add(part)

    def end(self) -> None:
        """The stream is over."""
        if self._size:
            self._hand_on()

    def _add(self, part: bytes) -> None:
        part = part[: LINE_LIMIT - self._size]
        if part:
            self._parts.append(part)
            self._size += len(part)

    def _hand_on(self) -> None:
        line = b"".join(self._parts).decode("utf-8", "replace")
        self._parts, self._size = [], 0
        self._on_line(line.removesuffix("\r"))
