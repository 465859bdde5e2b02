"""The one place that swallows: whatever goes wrong in here must not reach the host's program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from mendwire.errors import MendwireError
from mendwire.telemetry import emit

T = TypeVar("T")


class Guard:
    """Runs our code inside the host's and counts what it swallowed."""

    def __init__(self) -> None:
        self.swallowed = 0
        self.last = ""
        """The latest swallowed problem: our sentence, or the type alone of anything else."""
        self._busy = threading.local()

    def run(self, work: Callable[[], T], otherwise: T) -> T:
        """``work()``, or ``otherwise`` if it raises."""
        try:
            return work()
        except Exception as problem:  # noqa: BLE001 - this is the guard: the host must not notice
            self.swallowed += 1
            ours = isinstance(problem, MendwireError)
            self.last = str(problem) if ours else type(problem).__name__
            return otherwise

    def once(self, work: Callable[[], bool]) -> bool:
        """The same, and False at once when this thread is inside already.

        Printing an exception may log another error, which would come back here.
        """
        if getattr(self._busy, "inside", False):
            return False
        self._busy.inside = True
        try:
            return self.run(work, otherwise=False)
        finally:
            self._busy.inside = False

    def tell(self, event: str, **fields: object) -> None:
        """Emit an event; a subscriber's mistake is swallowed too."""
        self.run(lambda: emit(event, **fields), None)
