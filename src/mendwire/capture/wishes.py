"""Who waits for a flush, and what they are told."""

from __future__ import annotations

import threading


class Wish:
    """One caller's wish that everything so far is delivered."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._is_delivered = False

    def wait(self, timeout_s: float) -> bool:
        """Whether it came true in time."""
        return self._done.wait(timeout_s) and self._is_delivered

    def answer(self, *, is_delivered: bool) -> None:
        """Let the caller go."""
        self._is_delivered = is_delivered
        self._done.set()


class Wishes:
    """The open wishes, between the threads of the host and the sender's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: tuple[Wish, ...] = ()

    def add(self) -> Wish:
        """One more."""
        wish = Wish()
        with self._lock:
            self._open = (*self._open, wish)
        return wish

    def open(self) -> tuple[Wish, ...]:
        """Those not answered yet."""
        return self._open

    def answer(self, which: tuple[Wish, ...], *, is_delivered: bool) -> None:
        """Answer these."""
        with self._lock:
            self._open = tuple(wish for wish in self._open if wish not in which)
        for wish in which:
            wish.answer(is_delivered=is_delivered)
