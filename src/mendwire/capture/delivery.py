"""What the sender's thread does: connect, deliver, and wait on disk while that cannot be.

It has its own event loop and connection. While the server is away, or refuses, everything goes to
the spool.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

from mendwire.capture.courier import deliver
from mendwire.capture.outbox import Outbox
from mendwire.capture.wishes import Wishes
from mendwire.errors import MendwireError

COUNTS_TO_DISK_S: Final = 30.0
"""While the server is away, how often counts of repeats are written to disk."""
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 15.0


class Delivery:
    """One run of the sender's thread."""

    def __init__(self, outbox: Outbox, wishes: Wishes) -> None:
        self.outbox = outbox
        self.problem = ""
        """Why the latest attempt failed, one sentence; empty when all is well."""
        self._wishes = wishes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._lock = threading.Lock()
        self._is_nudged = False
        self._is_last = False
        self._counts_at = time.monotonic()

    def nudge(self, *, is_last: bool = False) -> None:
        """From any thread: there is something to do, or, ``is_last``, nothing any more."""
        self._is_last = self._is_last or is_last
        with self._lock:
            if self._is_nudged or self._loop is None:
                return
            self._is_nudged = True
            with suppress(RuntimeError):  # the loop ended meanwhile
                self._loop.call_soon_threadsafe(self._woken)

    def run(self) -> None:
        """Until closed; blocks."""
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            # An executor takes no work once the interpreter shuts down; this thread may wait.
            loop.getaddrinfo = _resolve  # type: ignore[method-assign,assignment]  # ours alone
            self._loop = loop
            loop.call_soon(self._woken)
            try:
                runner.run(self._run())
            finally:
                with self._lock:
                    self._loop = None

    def _woken(self) -> None:
        self._is_nudged = False
        self._wake.set()
        if self._is_last:
            self._closed.set()

    async def _run(self) -> None:
        wait = _FIRST_WAIT_S
        while not self._is_last:
            started = time.monotonic()
            delivering = asyncio.ensure_future(deliver(self.outbox, self._wishes, self._wake))
            closed = asyncio.ensure_future(self._closed.wait())
            await asyncio.wait({delivering, closed}, return_when=asyncio.FIRST_COMPLETED)
            for task in (delivering, closed):
                task.cancel()
            ended = await asyncio.gather(delivering, closed, return_exceptions=True)
            if not closed.cancelled():
                return
            self._failed(ended[0])
            lasted = time.monotonic() - started > _LONGEST_WAIT_S
            wait = _FIRST_WAIT_S if lasted else min(wait * 2, _LONGEST_WAIT_S)
            await self._pause(wait)

    def _failed(self, problem: BaseException | None) -> None:
        """Put what waits on disk and tell those who wait for it."""
        guard = self.outbox.guard
        is_ours = isinstance(problem, MendwireError)
        self.problem = str(problem) if is_ours else type(problem).__name__
        if not is_ours and not isinstance(problem, OSError):
            guard.swallowed += 1
        wished = self._wishes.open()
        self._store()
        self._wishes.answer(wished, is_delivered=False)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; reports that come meanwhile go to the spool at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._is_last:
            if self._wishes.open():
                return
            self._wake.clear()
            self._store()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)

    def _store(self) -> None:
        is_due = time.monotonic() - self._counts_at > COUNTS_TO_DISK_S
        if is_due:
            self._counts_at = time.monotonic()
        self.outbox.guard.run(lambda: self.outbox.store(counts=is_due), None)


async def _resolve(
    host: str | None,
    port: str | int | None,
    *,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the signature of the loop's method
    proto: int = 0,
    flags: int = 0,
) -> list[Any]:
    return socket.getaddrinfo(host, port, family, type, proto, flags)
