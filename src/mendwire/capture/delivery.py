"""What the sender's thread does: connect, deliver, and wait on disk while that cannot be.

It has its own connection. While the server is away, or refuses, everything goes to the spool.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from mendwire.capture.courier import deliver
from mendwire.capture.outbox import Outbox
from mendwire.capture.wishes import Wishes
from mendwire.errors import MendwireError
from mendwire.wire.wake import Ended, Wake

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
        self._wake = Wake()
        self._counts_at = time.monotonic()

    def nudge(self, *, is_last: bool = False) -> None:
        """From any thread: there is something to do, or, ``is_last``, nothing any more."""
        if is_last:
            self._wake.end()
        else:
            self._wake.call()

    def run(self) -> None:
        """Until closed; blocks."""
        try:
            with suppress(Ended):
                self._run()
        finally:
            self._wake.close()

    def _run(self) -> None:
        wait = _FIRST_WAIT_S
        while True:
            started = time.monotonic()
            try:
                deliver(self.outbox, self._wishes, self._wake, self._brought)
            except Ended:
                raise
            except Exception as problem:  # noqa: BLE001 - a bug must not end what sends the rest
                self._failed(problem)
            lasted = time.monotonic() - started > _LONGEST_WAIT_S
            wait = _FIRST_WAIT_S if lasted else min(wait * 2, _LONGEST_WAIT_S)
            self._pause(wait)

    def _brought(self) -> None:
        """The server has all that waited: what was wrong is over."""
        self.problem = ""

    def _failed(self, problem: Exception) -> None:
        """Put what waits on disk and tell those who wait for it."""
        guard = self.outbox.guard
        is_ours = isinstance(problem, MendwireError)
        self.problem = str(problem) if is_ours else type(problem).__name__
        if not is_ours and not isinstance(problem, OSError):
            guard.swallowed += 1
        wished = self._wishes.open()
        self._store()
        self._wishes.answer(wished, is_delivered=False)

    def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; reports that come meanwhile go to the spool at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self._wishes.open():
                return
            self._wake.clear()
            self._store()
            self._wake.wait(left)

    def _store(self) -> None:
        is_due = time.monotonic() - self._counts_at > COUNTS_TO_DISK_S
        if is_due:
            self._counts_at = time.monotonic()
        self.outbox.guard.run(lambda: self.outbox.store(counts=is_due), None)
