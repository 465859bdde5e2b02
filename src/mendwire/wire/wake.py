"""What interrupts a thread that waits for a socket: called by any thread, waited for by one."""

from __future__ import annotations

import os
import select
import threading
import time
from contextlib import suppress


class Ended(Exception):
    """The thread was told to end while it waited: what cancelling is to a task, and no error."""


class Wake:
    """A pipe with at most one byte in it."""

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._reading, False)
        os.set_blocking(self._writing, False)
        self._lock = threading.Lock()
        self._is_called = False
        self._is_ended = False
        self._is_due = False
        """The byte was read; whoever waits next need not wait."""

    @property
    def is_ended(self) -> bool:
        """Whether there is nothing to do any more."""
        return self._is_ended

    def fileno(self) -> int:
        """What becomes readable."""
        return self._reading

    def call(self) -> None:
        """From any thread: there is something to do."""
        with self._lock:
            if not self._is_called:
                self._is_called = True
                self._write()

    def end(self) -> None:
        """From any thread: there is nothing to do any more."""
        with self._lock:
            self._is_ended = True
            self._write()

    def clear(self) -> None:
        """Before looking at what there is to do: calls from now on count again."""
        self.take()
        self._is_due = False
        self._is_called = False

    def take(self) -> None:
        """Empty the pipe, so that the same call does not interrupt twice; raises Ended."""
        with suppress(BlockingIOError):
            self._is_due = bool(os.read(self._reading, 64)) or self._is_due
        self.check()

    def check(self) -> None:
        """Raises Ended."""
        if self._is_ended:
            raise Ended("The sender was told to end.")

    def is_due(self) -> bool:
        """Whether somebody called since ``clear``."""
        return self._is_due

    def wait(self, seconds: float) -> None:
        """Until somebody calls, at most so long; raises Ended."""
        until = time.monotonic() + seconds
        poller = select.poll()
        poller.register(self._reading, select.POLLIN)
        while not self._is_due and (left := until - time.monotonic()) > 0:
            poller.poll(1000 * left)
            self.take()
        self.check()

    def close(self) -> None:
        """Calls are in vain from now on. Closing twice is no error."""
        with self._lock:
            files, self._reading, self._writing = (self._reading, self._writing), -1, -1
        for file in files:
            if file >= 0:
                os.close(file)

    def _write(self) -> None:
        if self._writing >= 0:
            with suppress(BlockingIOError):  # it is full of calls
                os.write(self._writing, b"\0")
