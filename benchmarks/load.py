"""A load generator in a process of its own: ready-made requests over a few kept-open connections.

    python -m benchmarks.load FILE PORT [--connections 16]

FILE holds whole HTTP requests, each behind its length in four bytes. Each connection has one
request under way. What is answered 429 or 503 is sent again; any other answer but 200 is an error.
The last line of the output is one JSON object (``Load``). ``serve`` is a server that answers
everything at once: against it the generator's own ceiling is found.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import struct
import sys
import time
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

AGAIN = frozenset({429, 503})
PAUSE_S = 0.05
STUCK_S = 60.0
"""Seconds without an answer, or with nothing but refusals, after which nothing is waited for."""
_LENGTH = struct.Struct("<I")


@dataclass(kw_only=True)
class Load:
    """What became of the requests; times are of the clock that all processes share."""

    began: float = 0.0
    """Seconds: just before the first byte was sent."""
    answered: float = 0.0
    """Seconds: when the last answer was there."""
    statuses: dict[str, int] = field(default_factory=dict)
    """How often each status was answered."""

    @property
    def accepted(self) -> int:
        return self.statuses.get("200", 0)


def write(path: Path, bodies: Iterable[bytes], head: str) -> int:
    """Write requests that all have the same ``head``; how many there are."""
    count = 0
    with path.open("wb") as file:
        for body in bodies:
            count += 1
            request = f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
            file.write(_LENGTH.pack(len(request)) + request)
    return count


def read(path: Path) -> deque[bytes]:
    data, found, at = path.read_bytes(), deque[bytes](), 0
    while at < len(data):
        (length,) = _LENGTH.unpack_from(data, at)
        found.append(data[at + 4 : at + 4 + length])
        at += 4 + length
    return found


class _Line:
    """One connection and the request that is under way on it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.request = b""
        self.answer = b""
        self.not_before = 0.0
        """When a refused request may be sent again."""
        self.closing = False
        """The server closes the connection after this answer."""
        self.socket = self._connect()

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def again(self) -> None:
        """A new connection: the server closed the old one, as it may."""
        self.socket.close()
        self.socket = self._connect()

    def send(self, request: bytes) -> None:
        self.request, self.answer = request, b""
        try:
            self.socket.sendall(request)
        except OSError:
            self.again()
            self.socket.sendall(request)

    def receive(self) -> int | None:
        """The status once the whole answer is there; 0 when the connection was closed before."""
        try:
            more = self.socket.recv(65_536)
        except OSError:
            more = b""
        if not more:
            return 0
        self.answer += more
        head, end, body = self.answer.partition(b"\r\n\r\n")
        if not end:
            return None
        fields = head.lower().split(b"\r\n")
        length = next((int(x[15:]) for x in fields if x.startswith(b"content-length:")), None)
        if length is None and b"transfer-encoding: chunked" in fields:
            whole = body.endswith(b"0\r\n\r\n")
        else:
            whole = len(body) >= (length or 0)
        self.closing = b"connection: close" in fields
        return int(fields[0][9:12]) if whole else None


class _Run:
    """Sends everything and waits for every answer."""

    def __init__(self, requests: deque[bytes]) -> None:
        self._requests = requests
        self._ready = selectors.DefaultSelector()
        self._waiting: list[_Line] = []
        self._statuses = Counter[int]()
        self._load = Load()
        self._taken_at = time.monotonic()
        """When the latest request was taken."""

    def over(self, lines: list[_Line]) -> Load:
        self._load.began = time.monotonic()
        for line in lines:
            self._next(line)
        while self._ready.get_map() or self._waiting:
            self._turn()
        self._load.statuses = {str(status): n for status, n in sorted(self._statuses.items())}
        return self._load

    def _turn(self) -> None:
        soonest = min((line.not_before for line in self._waiting), default=None)
        pause = STUCK_S if soonest is None else max(0.0, soonest - time.monotonic())
        events = self._ready.select(pause)
        is_refused = time.monotonic() - self._taken_at > STUCK_S
        if is_refused or (not events and soonest is None):
            message = f"nothing was taken for {STUCK_S:.0f} s, answers so far {self._statuses}"
            raise TimeoutError(message)
        for key, _ in events:
            self._read(key.data)
        now = time.monotonic()
        for line in [line for line in self._waiting if line.not_before <= now]:
            self._waiting.remove(line)
            self._next(line)

    def _read(self, line: _Line) -> None:
        status = line.receive()
        if status is None:
            return
        self._load.answered = time.monotonic()
        self._statuses[status] += 1
        self._ready.unregister(line.socket)
        if status == 0 or line.closing:
            line.again()
        if status == 0 or status in AGAIN:
            self._requests.append(line.request)
            line.not_before = time.monotonic() + PAUSE_S
            self._waiting.append(line)
        else:
            self._taken_at = time.monotonic()
            self._next(line)

    def _next(self, line: _Line) -> None:
        if self._requests:
            line.send(self._requests.popleft())
            self._ready.register(line.socket, selectors.EVENT_READ, line)
        else:
            line.socket.close()


def run(requests: deque[bytes], port: int, connections: int) -> Load:
    """Send everything and wait for every answer."""
    lines = [_Line(port) for _ in range(min(connections, len(requests)))]
    return _Run(requests).over(lines)


def serve() -> None:
    """Answer every request with 200 at once; prints its port first."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    ready = selectors.DefaultSelector()
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(listener.getsockname()[1], flush=True)
    ready.register(listener, selectors.EVENT_READ)
    left: dict[socket.socket, int] = {}
    while True:
        for key, _ in ready.select():
            if key.fileobj is listener:
                made, _ = listener.accept()
                left[made] = 0
                ready.register(made, selectors.EVENT_READ)
                continue
            line = key.fileobj
            assert isinstance(line, socket.socket)
            data = line.recv(262_144)
            if not data:
                ready.unregister(line)
                line.close()
                del left[line]
                continue
            if not left[line]:
                head, _, data = data.partition(b"\r\n\r\n")
                left[line] = int(head.rpartition(b"Content-Length: ")[2])
            left[line] -= len(data)
            if not left[line]:
                line.sendall(answer)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, nargs="?")
    parser.add_argument("port", type=int, nargs="?")
    parser.add_argument("--connections", type=int, default=16)
    asked = parser.parse_args()
    if asked.file is None:
        serve()
    print(json.dumps(asdict(run(read(asked.file), asked.port, asked.connections))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
