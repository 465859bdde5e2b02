"""A place for another SDK's events: a real HTTP server that reads all, answers, and counts."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import brotli

_UNPACK = {"": bytes, "gzip": gzip.decompress, "br": brotli.decompress}
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


class Sink:
    """Counts what arrives in envelopes."""

    def __init__(self) -> None:
        self.port = 0
        self.events = 0
        self.discarded = 0
        """Events that the SDK itself reports as not sent."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, any number of requests."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                names = dict(
                    line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:] if line
                )
                body = await reader.readexactly(int(names.get("content-length", "0")))
                self._count(_UNPACK[names.get("content-encoding", "")](body))
                writer.write(_ANSWER)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _count(self, envelope: bytes) -> None:
        _, _, rest = envelope.partition(b"\n")
        while rest:
            head, _, rest = rest.partition(b"\n")
            item = json.loads(head)
            length = item.get("length", rest.find(b"\n"))
            body, rest = rest[:length], rest[length + 1 :]
            if item["type"] == "event":
                self.events += 1
            if item["type"] == "client_report":
                told = json.loads(body)["discarded_events"]
                self.discarded += sum(one["quantity"] for one in told if one["category"] == "error")


@asynccontextmanager
async def sink() -> AsyncIterator[Sink]:
    """A sink on a port of its own."""
    made = Sink()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    async with server:
        yield made
