"""A worker process from its start to its clean end."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mendwire.app.engine import engine
from mendwire.app.logs import Style, logged
from mendwire.app.serve import served
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a worker process is asked to do."""

    until_empty: bool
    """End once nothing waits and nothing is held."""
    own_server: bool
    """Start the embedded server where none is named and none runs."""


async def run_worker(config: Config, environment: Environment, wish: Wish, log: Style) -> int:
    """Run until SIGINT, SIGTERM or the queue's end; the exit code.

    Raises what keeps a worker from starting: one sentence each.
    """
    with logged(log), _stopping() as stop:
        async with (
            served(config, environment, own=wish.own_server),
            engine(config, environment) as machine,
        ):
            sys.stderr.write("\n".join((*machine.greeting, "")))
            if wish.until_empty:
                await machine.until_empty(stop)
            else:
                await machine.forever(stop)
    return 0


@contextmanager
def _stopping() -> Iterator[asyncio.Event]:
    """An event that SIGINT and SIGTERM set; a second signal ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def once(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, once, number)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
