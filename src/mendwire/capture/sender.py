"""The one thread behind capture: it sees to it that what waits reaches the server.

It has its own event loop and connection. While the server is away, or refuses, everything goes to
the spool. It is a daemon and starts when there is something to send.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from contextlib import suppress
from typing import Any, Final

from mendwire.capture.outbox import Outbox
from mendwire.capture.wishes import Wishes
from mendwire.errors import MendwireError

_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 15.0
_CLOSE_S: Final = 1.0


class Sender:
    """A thread that starts by itself, may be woken, flushed and closed, each of them twice."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self.problem = ""
        """Why the latest attempt failed, one sentence; empty when all is well."""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._wishes = Wishes()
        self._closing = False

    def start(self) -> None:
        """Make sure that the thread runs, and wake it."""
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            if not is_running and not self._closing:
                self._thread = threading.Thread(target=self._main, name="mendwire", daemon=True)
                self._thread.start()
        self._nudge()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything so far is on the server; False if it is not, or not in time."""
        if self._thread is None and self.outbox.is_empty():
            return True
        wish = self._wishes.add()
        self.start()
        return wish.wait(timeout_s)

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Stop the thread; what could not be sent goes to the spool."""
        self._closing = True
        thread = self._thread
        if thread is None:
            self.outbox.guard.run(lambda: self.outbox.store(counts=True), None)
            return
        self._nudge()
        thread.join(timeout_s)

    def _nudge(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._wake.set()
        if self._closing:
            self._closed.set()

    def _main(self) -> None:
        guard = self.outbox.guard
        guard.run(self._run_loop, None)
        guard.run(lambda: self.outbox.store(counts=True), None)
        self._wishes.answer(self._wishes.open(), is_delivered=False)

    def _run_loop(self) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            # An executor takes no work once the interpreter shuts down; this thread may wait.
            loop.getaddrinfo = _resolve  # type: ignore[method-assign,assignment]  # ours alone
            self._wake, self._closed = asyncio.Event(), asyncio.Event()
            self._loop = loop
            self._woken()
            try:
                runner.run(self._run())
            finally:
                self._loop = None

    async def _run(self) -> None:
        from mendwire.capture.courier import deliver  # noqa: PLC0415 - loads the NATS client

        wait = _FIRST_WAIT_S
        while not self._closing:
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
        guard.run(self.outbox.store, None)
        self._wishes.answer(wished, is_delivered=False)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; reports that come meanwhile go to the spool at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._closing:
            if self._wishes.open():
                return
            self._wake.clear()
            self.outbox.guard.run(self.outbox.store, None)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)


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
