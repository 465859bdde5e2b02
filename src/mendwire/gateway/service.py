"""The HTTP server, and the connection to NATS beside it: both start, drain and end cleanly."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from mendwire.errors import AccessRefused, ConfigError, MendwireError
from mendwire.gateway.delivery import Delivery
from mendwire.gateway.proposals import DeafHttp
from mendwire.telemetry import emit
from mendwire.wire.bus import Bus
from mendwire.wire.connection import Link
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import JetStreamBus

DRAIN_S: Final = 10
"""Seconds in which requests that began may end."""
BACKLOG: Final = 2048
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 15.0
_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class OpenLine:
    """A connection as the delivery sees it."""

    link: Link
    bus: Bus

    @property
    def is_open(self) -> bool:
        return self.link.client.is_connected

    @property
    def max_payload(self) -> int:
        return self.link.client.max_payload


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket; ``shared`` lets several gateways take turns on one port.

    Raises ConfigError.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if shared:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as problem:
        listener.close()
        raise ConfigError(
            f"The gateway cannot listen on {host} port {port} ({problem.strerror}): choose "
            "others by gateway.host and gateway.port in mendwire.toml."
        ) from None
    listener.setblocking(False)  # noqa: FBT003 - the socket's own way to say it
    return listener


def address_of(listener: socket.socket) -> str:
    """``http://host:port``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@asynccontextmanager
async def serving(app: ASGIApp, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Requests are served while the block runs; then no new ones, and what began may end."""
    config = uvicorn.Config(
        app,
        http=DeafHttp,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing is decided by the address of who asks
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield task
    finally:
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def connecting(
    connect: Callable[[], AbstractAsyncContextManager[Link]],
    delivery: Delivery,
    prepare: Callable[[JetStreamBus], Awaitable[object]],
) -> AsyncIterator[None]:
    """Keeps ``delivery`` on a connection while the block runs, and tries on where there is none."""
    task = asyncio.create_task(_connect_forever(connect, delivery, prepare))
    try:
        yield
    finally:
        await ended(task)


async def _connect_forever(
    connect: Callable[[], AbstractAsyncContextManager[Link]],
    delivery: Delivery,
    prepare: Callable[[JetStreamBus], Awaitable[object]],
) -> None:
    wait = _FIRST_WAIT_S
    while True:
        try:
            async with connect() as link:
                bus = JetStreamBus(link.client, link.names, link.denials)
                with contextlib.suppress(AccessRefused):  # a login may be for publishing alone
                    await prepare(bus)
                delivery.attach(OpenLine(link=link, bus=bus))
                emit("gateway.connected", url=link.url)
                wait = _FIRST_WAIT_S
                while not link.client.is_closed:  # noqa: ASYNC110 - the client tells nobody
                    await asyncio.sleep(_LOOK_S)
        except (MendwireError, OSError) as problem:
            emit("gateway.away", reason=str(problem))
        finally:
            delivery.attach(None)
        await asyncio.sleep(wait)
        wait = min(wait * 2, _LONGEST_WAIT_S)


class _Server(uvicorn.Server):
    """Signals belong to the process's own composition, not to the HTTP server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
