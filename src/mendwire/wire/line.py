"""One connection to a NATS server without an event loop: for a publisher's own thread.

asyncio, ssl and nats-py take a dozen megabytes, which a host would pay for its first error. A
publisher needs little of them: one socket, one subscription for the answers, and to be interrupted.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Final

from mendwire.errors import Unreachable, WireError
from mendwire.wire.wake import Wake

Heard = Callable[[str, bytes, str], None]
"""Called with subject, payload and status of each message; must not raise."""
Complained = Callable[[str], None]
"""Called with the server's words; may raise, which ends the connection."""

_CHUNK: Final = 32 * 1024
_LONGEST: Final = 1024 * 1024
"""Bytes of a line or a message; answers are short."""
_LATE_MS: Final = 5
LOST: Final = "The connection to the NATS server is lost."


class Line:
    """A socket that neither sends nor receives but in ``pump``; not for two threads."""

    def __init__(self, file: socket.socket, wake: Wake, again: tuple[type[OSError], ...]) -> None:
        self.pongs = 0
        """How many pings the server has answered."""
        self.info = b""
        """The server's first line, as JSON."""
        self.heard: Heard = _ignored
        self.complained: Complained = _complained
        self._file = file
        self._wake = wake
        self._again = again
        """What a socket raises that would have to wait; TLS has its own."""
        self._out = bytearray()
        self._in = bytearray()
        self._mask = select.POLLIN
        self._poller = select.poll()
        self._poller.register(file, self._mask)
        self._poller.register(wake, select.POLLIN)
        self._pumped = time.monotonic()

    @property
    def backlog(self) -> int:
        """Bytes that wait to be sent."""
        return len(self._out)

    def write(self, *parts: bytes) -> None:
        """Have it sent by the next ``pump``."""
        for part in parts:
            self._out += part

    def pump(self, seconds: float) -> None:
        """Send what waits and take what came; waits at most so long for something to happen.

        Raises Ended when told to, Unreachable when the connection is lost.
        """
        self._send()
        mask = select.POLLIN | (select.POLLOUT if self._out else 0)
        if mask != self._mask:
            self._mask = mask
            self._poller.modify(self._file, mask)
        for number, event in self._poller.poll(1000 * seconds):
            if number == self._wake.fileno():
                self._wake.take()
                continue
            if event & select.POLLOUT:
                self._send()
            if event & ~select.POLLOUT:
                self._receive()
        self._pumped = time.monotonic()

    def breathe(self) -> None:
        """The same without waiting, if the last time was a few milliseconds ago."""
        if time.monotonic() - self._pumped > _LATE_MS / 1000:
            self.pump(0)

    def rest(self, seconds: float) -> None:
        """Answer the server until somebody calls; at most so long."""
        until = time.monotonic() + seconds
        while not self._wake.is_due() and (left := until - time.monotonic()) > 0:
            self.pump(left)

    def close(self) -> None:
        """Close the socket; what was not sent is not sent."""
        self._file.close()

    def _send(self) -> None:
        while self._out:
            try:
                sent = self._file.send(self._out[:_CHUNK])
            except self._again:
                return
            except OSError:
                raise Unreachable(LOST) from None
            del self._out[:sent]

    def _receive(self) -> None:
        while True:
            try:
                data = self._file.recv(_CHUNK)
            except self._again:
                return
            except OSError:
                raise Unreachable(LOST) from None
            if not data:
                raise Unreachable(LOST)
            self._in += data
            self._read()
            if len(data) < _CHUNK and self._again == (BlockingIOError,):
                return  # there is no more; TLS may still hold some

    def _read(self) -> None:
        """Take every message that is there whole."""
        data, at = bytes(self._in), 0
        while (end := data.find(b"\r\n", at)) >= 0:
            behind = self._taken(data, at, end)
            if behind < 0:
                break
            at = behind
        else:
            if len(data) - at > _LONGEST:
                raise Unreachable("What answers there is no NATS server.")
        if at:
            del self._in[:at]

    def _taken(self, data: bytes, at: int, end: int) -> int:
        """Where the next one begins; -1 when this one is not there as a whole."""
        word = data[at : at + 4]
        if word in {b"MSG ", b"HMSG"}:
            try:
                fields = data[at:end].split()
                size = int(fields[-1])
                heading = int(fields[-2]) if word == b"HMSG" else 0
                subject = fields[1].decode()
            except (ValueError, IndexError):
                raise Unreachable("What answers there is no NATS server.") from None
            begin, behind = end + 2, end + 2 + size
            if not 0 <= heading <= size <= _LONGEST:
                raise Unreachable("What answers there is no NATS server.")
            if behind + 2 > len(data):
                return -1
            head = data[begin : begin + heading]
            self.heard(subject, data[begin + heading : behind], _status(head))
            return behind + 2
        self._said(data[at:end])
        return end + 2

    def _said(self, line: bytes) -> None:
        if line[:4] == b"PING":
            self._out += b"PONG\r\n"
        elif line[:4] == b"PONG":
            self.pongs += 1
        elif line[:4] == b"INFO":
            self.info = self.info or line[5:]
        elif line[:4] == b"-ERR":
            self.complained(line[4:].decode("utf-8", "replace").strip(" '"))


def _status(head: bytes) -> str:
    """Of headers: ``503`` of ``NATS/1.0 503``."""
    return head.partition(b"\r\n")[0][9:12].decode("ascii", "replace") if head else ""


def _ignored(subject: str, payload: bytes, status: str) -> None:
    del subject, payload, status


def _complained(said: str) -> None:
    raise WireError(f"nats: {said}")
