"""One daemon thread that does one thing after another for an event loop.

Not an executor: an executor's threads are joined when the interpreter ends, so one that hangs would
keep the whole process from ending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Lane(Generic[T]):
    """Calls of one kind, done in order on a thread of their own."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[T], Callable[[], T]] | None] = SimpleQueue()
        self._since = 0.0
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, call: Callable[[], T]) -> Future[T]:
        """Have ``call`` done; the future is settled on the thread."""
        future: Future[T] = Future()
        self._calls.put((future, call))
        return future

    def busy_s(self) -> float:
        """Seconds since the newest call was begun."""
        return time.monotonic() - self._since

    def stop(self) -> None:
        """Let the thread end after what it is at; does not wait."""
        self._calls.put(None)

    def abandon(self) -> None:
        """The same, and what has not begun is cancelled."""
        with suppress(Empty):
            while item := self._calls.get_nowait():
                item[0].cancel()
        self.stop()

    def _work(self) -> None:
        while (item := self._calls.get()) is not None:
            future, call = item
            self._since = time.monotonic()
            if future.set_running_or_notify_cancel():
                _settle(future, call)


def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
    try:
        future.set_result(call())
    except BaseException as problem:  # noqa: BLE001 - whatever it is belongs to the one who waits
        future.set_exception(problem)
