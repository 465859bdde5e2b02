"""The wish to stop, as an event that signals set."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

NUMBERS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopping() -> Iterator[asyncio.Event]:
    """An event that SIGINT, SIGTERM and SIGHUP set; the same signal again ends us at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def once(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in NUMBERS:
        loop.add_signal_handler(number, once, number)
    try:
        yield stop
    finally:
        for number in NUMBERS:
            loop.remove_signal_handler(number)
