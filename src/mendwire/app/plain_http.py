"""A small HTTP server for one page of text: GET and HEAD, one answer a connection, all bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

from mendwire.wire.ending import ended

HEAD: Final = 16 * 1024
"""Bytes of a request at most; it has no body."""
_PATIENCE_S: Final = 10.0
"""For the request to arrive, and for the answer to be read."""
_MOST: Final = 16
"""Connections at once; the next ones wait to be accepted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Answer = Callable[[str, Mapping[str, str]], Awaitable[Page | None]]
"""Called with path and headers (names in small letters); None where there is no such page."""


@asynccontextmanager
async def answering(host: str, port: int, answer: Answer) -> AsyncIterator[str]:
    """Serve while the block runs; gives the address. Raises OSError where it cannot be had."""
    places = asyncio.Semaphore(_MOST)
    open_ones: set[asyncio.Task[None]] = set()

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None, "each connection has a task of its own"
        open_ones.add(task)
        try:
            async with places:
                await _served(reader, writer, answer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who asked went away, or never said what they want
        finally:
            open_ones.discard(task)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(met, host, port, limit=HEAD)
    try:
        bound = server.sockets[0].getsockname()
        yield f"http://[{bound[0]}]:{bound[1]}" if ":" in bound[0] else f"http://{host}:{bound[1]}"
    finally:
        server.close()
        await ended(*open_ones)
        await server.wait_closed()


async def _served(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: Answer
) -> None:
    async with asyncio.timeout(_PATIENCE_S):
        head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    method, path, headers = _read(lines)
    page = await _page(method, path, headers, answer)
    writer.write(_written(page, with_body=method != "HEAD"))
    async with asyncio.timeout(_PATIENCE_S):
        await writer.drain()


async def _page(method: str, path: str, headers: Mapping[str, str], answer: Answer) -> Page:
    if not path.startswith("/"):
        return _refusal(HTTPStatus.BAD_REQUEST)
    if method not in {"GET", "HEAD"}:
        return _refusal(HTTPStatus.METHOD_NOT_ALLOWED)
    return await answer(path.partition("?")[0], headers) or _refusal(HTTPStatus.NOT_FOUND)


def _read(lines: list[str]) -> tuple[str, str, dict[str, str]]:
    method, _, rest = lines[0].partition(" ")
    path = rest.partition(" ")[0]
    pairs = (line.partition(":") for line in lines[1:] if line)
    return method, path, {name.strip().lower(): value.strip() for name, _, value in pairs}


def _refusal(status: HTTPStatus) -> Page:
    return Page(body=f"{status.phrase}\n".encode(), status=status)


def _written(page: Page, *, with_body: bool) -> bytes:
    head = (
        f"HTTP/1.1 {page.status} {page.status.phrase}\r\n"
        f"Date: {formatdate(usegmt=True)}\r\n"
        f"Content-Type: {page.content_type}\r\n"
        f"Content-Length: {len(page.body)}\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n"
    )
    return head.encode("latin-1") + (page.body if with_body else b"")
