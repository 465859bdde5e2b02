"""Middleware for ASGI: Starlette, FastAPI, Quart, Litestar, Django's ``get_asgi_application()``.

app = MendwireASGI(app)              # around any application
app.add_middleware(MendwireASGI)     # FastAPI and Starlette
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from mendwire.capture import trail
from mendwire.capture.requests import of_scope
from mendwire.capture.sdk import report

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class MendwireASGI:
    """Reports what the application raises, with the request, and raises it on.

    Nothing passes through it but the call: messages, streams and state stay as they are.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        describe = partial(of_scope, scope) if scope["type"] in {"http", "websocket"} else None
        with trail.inside(trail.opened(describe)):
            try:
                await self.app(scope, receive, send)
            except BaseException as exc:
                report(exc, "error", {"mechanism": "asgi"})
                raise
