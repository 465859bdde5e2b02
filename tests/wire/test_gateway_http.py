"""The gateway's HTTP as clients speak it, over a real socket."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from mendwire.gateway.service import MANNERS
from mendwire.web import listen, serving


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    length = str(len(body)).encode()
    headers = [(b"content-length", length)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def test_a_proposal_of_another_protocol_does_not_cost_the_body() -> None:
    """Java's HttpClient proposes HTTP/2 so; the body may come with the head or after it."""
    head = (
        b"POST /v1/errors HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nHost: x\r\n"
        b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABk\r\nUpgrade: h2c\r\n"
    )
    body = b'{"error": "a"}\r\nUpgrade: h2c\r\n\r\n'
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    listener = listen("127.0.0.1", 0, MANNERS)
    async with serving(echo, listener, MANNERS):
        for pieces in (
            [whole],
            [whole[:-20], whole[-20:]],
            [chunked],
            [head, chunked[len(head) :]],
        ):
            reader, writer = await asyncio.open_connection(*listener.getsockname())
            for _ in range(2):
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)  # the server reads in between
                answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
                assert answer.startswith(b"HTTP/1.1 200 ")
                assert await asyncio.wait_for(reader.readexactly(len(body)), 20) == body
            writer.close()
            await writer.wait_closed()
