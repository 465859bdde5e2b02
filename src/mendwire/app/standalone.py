"""The embedded server alone, in the foreground, for other programs of this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from mendwire.app.stopping import first_of
from mendwire.execution.stopping import stopping
from mendwire.wire.server import EmbeddedServer


async def run_server(server: EmbeddedServer, ready: Callable[[EmbeddedServer], None]) -> None:
    """Run ``server`` until a signal ends it, calling ``ready`` once it serves.

    Raises ServerError when it dies too often to go on, and what its start raises.
    """
    with stopping() as stop:
        async with server:
            ready(server)
            await first_of(
                asyncio.ensure_future(stop.wait()), asyncio.ensure_future(server.watch())
            )
