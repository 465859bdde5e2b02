"""The one place that swallows: whatever goes wrong in here must not reach the host's program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mendwire.errors import MendwireError
from mendwire.telemetry import emit

T = TypeVar("T")
P = ParamSpec("P")


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
            self._swallow(problem)
            return otherwise

    def once(self, work: Callable[P, bool], *args: P.args, **kwargs: P.kwargs) -> bool:
        """The same, and False at once when this thread is inside already.

        Printing an exception may log another error, which would come back here.
        """
        busy = self._busy.__dict__
        if "inside" in busy:
            return False
        busy["inside"] = True
        try:
            return work(*args, **kwargs)
        except Exception as problem:  # noqa: BLE001 - as above
            self._swallow(problem)
            return False
        finally:
            del busy["inside"]

    def stay_inside(self) -> None:
        """Of our own thread: what fails on it is not captured.

        An object of the host may be collected on it, and fail in its ``__del__``, while we hold a
        lock that capturing needs.
        """
        self._busy.__dict__["inside"] = True

    def begin_anew(self) -> None:
        """In a forked child: the thread that forked may have been inside."""
        self._busy = threading.local()

    def _swallow(self, problem: Exception) -> None:
        self.swallowed += 1
        ours = isinstance(problem, MendwireError)
        self.last = str(problem) if ours else type(problem).__name__

    def tell(self, event: str, **fields: object) -> None:
        """Emit an event; a subscriber's mistake is swallowed too."""
        self.run(lambda: emit(event, **fields), None)
