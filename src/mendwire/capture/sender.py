"""The one thread behind capture: it sees to it that what waits reaches the server.

A daemon that starts when there is something to send. What it does is in ``delivery``, which it
loads then: a host that has no errors loads nothing that sends.
"""

from __future__ import annotations

import math
import threading
import time
from typing import TYPE_CHECKING, Final

from mendwire.capture import loading
from mendwire.capture.outbox import Outbox
from mendwire.capture.wishes import Wishes

if TYPE_CHECKING:
    from mendwire.capture.delivery import Delivery

_CLOSE_S: Final = 1.0


class Sender:
    """A thread that starts by itself, may be woken, flushed and closed, each of them twice."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._delivery: Delivery | None = None
        self._wishes = Wishes()
        self._closing = False
        self._until = math.inf

    @property
    def problem(self) -> str:
        """Why the latest attempt failed, one sentence; empty when all is well."""
        return self._delivery.problem if self._delivery else ""

    def start(self) -> None:
        """Make sure that the thread runs, and wake it."""
        thread = self._thread
        if thread is None or not thread.is_alive():
            self._begin()
        self._nudge()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything so far is on the server; False if it is not, or not in time."""
        if self._thread is None and self.outbox.is_empty() and not self.outbox.waiting:
            return True
        wish = self._wishes.add()
        self.start()
        return wish.wait(timeout_s)

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Stop the thread; what could not be sent goes to the spool, within ``timeout_s``."""
        # A part of the time is for what is being written when the time for scrubbing is over.
        self._until = time.monotonic() + 0.8 * timeout_s
        with self._lock:
            self._closing = True
        thread = self._thread
        if thread is None:
            self._put_away()
            return
        self._nudge()
        thread.join(timeout_s)

    def _begin(self) -> None:
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            if not is_running and not self._closing:
                self._thread = threading.Thread(target=self._main, name="mendwire", daemon=True)
                self._thread.start()

    def _nudge(self) -> None:
        if self._delivery is not None:
            self._delivery.nudge(is_last=self._closing)

    def _main(self) -> None:
        self.outbox.guard.stay_inside()
        self.outbox.guard.run(self._deliver, None)
        self._put_away()
        self._wishes.answer(self._wishes.open(), is_delivered=False)

    def _deliver(self) -> None:
        loading.load()
        from mendwire.capture.delivery import Delivery  # noqa: PLC0415 - see above

        self._delivery = Delivery(self.outbox, self._wishes)
        self._nudge()
        self._delivery.run()

    def _put_away(self) -> None:
        """What is left in memory goes to disk; where that is the end, files are let go of."""
        outbox, is_last = self.outbox, self._closing
        outbox.guard.run(
            lambda: outbox.store(counts=True, until=self._until, is_last=is_last), None
        )
        if is_last:
            outbox.guard.run(outbox.target.spool.let_go, None)
