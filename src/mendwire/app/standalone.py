"""The embedded server alone, in the foreground, for other programs of this machine."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable

from mendwire.wire.server import EmbeddedServer


async def run_server(server: EmbeddedServer, ready: Callable[[EmbeddedServer], None]) -> None:
    """Run ``server`` until SIGINT or SIGTERM, calling ``ready`` once it serves.

    Raises ServerError when it dies too often to go on, and what its start raises.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, stop.set)
    try:
        async with server:
            ready(server)
            await _until(stop, server)
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _until(stop: asyncio.Event, server: EmbeddedServer) -> None:
    stopped, over = asyncio.create_task(stop.wait()), asyncio.create_task(server.watch())
    await asyncio.wait({stopped, over}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not over.done():
        over.cancel()
    await asyncio.wait({stopped, over})
    if not over.cancelled():
        over.result()
