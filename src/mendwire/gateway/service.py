"""How the gateway serves, and the connection to NATS beside it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from mendwire.errors import AccessRefused, MendwireError
from mendwire.gateway.delivery import Delivery
from mendwire.gateway.proposals import DeafHttp
from mendwire.telemetry import emit
from mendwire.web import Manners
from mendwire.wire.bus import Bus
from mendwire.wire.connection import Link
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import JetStreamBus

MANNERS: Final = Manners(name="gateway", backlog=2048, drain_s=10, keep_alive_s=75, http=DeafHttp)
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
