"""The HTTP server: it starts, drains and ends cleanly, and leaves signals to the process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp

from mendwire.errors import ConfigError


@dataclass(frozen=True, kw_only=True, slots=True)
class Manners:
    """How one of our servers treats those who come."""

    name: str
    """Of its section in mendwire.toml."""
    backlog: int
    """Connections that may wait to be accepted."""
    drain_s: int
    """Seconds in which requests that began may end."""
    keep_alive_s: int
    at_once: int | None = None
    """Connections; beyond it the answer is 503. None: no bound here."""
    http: type[asyncio.Protocol] | None = None
    """The protocol, where it is not uvicorn's own."""


def listen(host: str, port: int, manners: Manners, *, shared: bool = False) -> socket.socket:
    """A listening socket; ``shared`` lets several processes take turns on one port.

    Raises ConfigError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(manners.backlog)
    except OSError as problem:
        listener.close()
        name = manners.name
        raise ConfigError(
            f"The {name} cannot listen on {host} port {port} ({problem.strerror}): choose "
            f"others by {name}.host and {name}.port in mendwire.toml."
        ) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket's own way to say it
    return listener


def address_of(listener: socket.socket) -> str:
    """``http://host:port``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(
    app: ASGIApp,
    listener: socket.socket,
    manners: Manners,
    *,
    closing: Callable[[], None] = lambda: None,
) -> AsyncIterator[asyncio.Task[None]]:
    """Requests are served while the block runs; then no new ones, and what began may end.

    ``closing`` is called before that: it ends those that would never end.
    """
    config = uvicorn.Config(
        app,
        http=manners.http or "auto",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose word counts is decided by the address that really asks
        limit_concurrency=manners.at_once,
        timeout_graceful_shutdown=manners.drain_s,
        timeout_keep_alive=manners.keep_alive_s,
        backlog=manners.backlog,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name=manners.name)
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
