"""The HTTP server: it starts, drains and ends cleanly, and leaves signals to the process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from mendwire.errors import ConfigError

DRAIN_S: Final = 5
_BACKLOG: Final = 128
_AT_ONCE: Final = 200
"""Connections; beyond it the answer is 503."""


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises ConfigError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as problem:
        listener.close()
        raise ConfigError(
            f"The dashboard cannot listen on {host} port {port} ({problem.strerror}): choose "
            "others by dashboard.host and dashboard.port in mendwire.toml."
        ) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket's own way to say it
    return listener


def address_of(listener: socket.socket) -> str:
    """``http://host:port``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    app: ASGIApp, listener: socket.socket, closing: Callable[[], None]
) -> AsyncIterator[asyncio.Task[None]]:
    """Requests are served while the block runs; ``closing`` then ends those that never end."""
    config = uvicorn.Config(
        app,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # the door decides whose word counts, and by the real address
        limit_concurrency=_AT_ONCE,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=30,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="dashboard")
    try:
        yield task
    finally:
        closing()
        server.should_exit = True
        await task
        listener.close()


class _Server(uvicorn.Server):
    """Signals belong to the process's own composition, not to the HTTP server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
