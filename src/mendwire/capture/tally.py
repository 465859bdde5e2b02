"""How often: in a storm the first of a kind goes out and the rest are counted."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

MAX_KINDS: Final = 2_000


@dataclass(slots=True)
class Kind:
    """One signature within its window."""

    issue: str
    since: float
    """Monotonic seconds at which its window began."""
    repeats: int = 0
    """Not yet told."""


@dataclass(slots=True)
class _Rough:
    since: float
    signature: str = ""
    repeats: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Repeats of one signature that were not stored as messages of their own."""

    issue: str
    signature: str
    repeats: int


class Tally:
    """Windows per kind of error; used by the host's threads and the sender's at once."""

    def __init__(self, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._rough: OrderedDict[Hashable, _Rough] = OrderedDict()
        self._kinds: OrderedDict[str, Kind] = OrderedDict()

    def admit(self, key: Hashable) -> bool:
        """True for the first of ``key`` in its window; a repeat is counted."""
        now = self._clock()
        with self._lock:
            found = self._rough.get(key)
            if found and now - found.since < self._window:
                found.repeats += 1
                return False
            if found:
                self._collect(found)
            self._rough[key] = _Rough(now)
            self._rough.move_to_end(key)
            if len(self._rough) > MAX_KINDS:
                self._collect(self._rough.popitem(last=False)[1])
            return True

    def forget(self, key: Hashable) -> int:
        """The report behind ``key`` was dropped; how many occurrences are lost with it."""
        with self._lock:
            found = self._rough.pop(key, None)
            return 1 + (found.repeats if found else 0)

    def bind(self, key: Hashable, signature: str, issue: str) -> bool:
        """Learn the signature of ``key``; False if it went out already in this window."""
        now = self._clock()
        with self._lock:
            if found := self._rough.get(key):
                found.signature = signature
            kind = self._kinds.get(signature)
            if kind and now - kind.since < self._window:
                kind.repeats += 1
                return False
            self._kinds[signature] = Kind(issue, now, kind.repeats if kind else 0)
            self._kinds.move_to_end(signature)
            return True

    def add(self, signature: str, issue: str, repeats: int = 1) -> None:
        """Count repeats of a known signature: the server answered duplicate, or telling failed."""
        with self._lock:
            kind = self._kinds.setdefault(signature, Kind(issue, self._clock()))
            kind.repeats += repeats

    def take(self) -> tuple[Count, ...]:
        """What is to be told; counted from zero again."""
        with self._lock:
            for rough in self._rough.values():
                self._collect(rough)
            told = [
                Count(issue=kind.issue, signature=signature, repeats=kind.repeats)
                for signature, kind in self._kinds.items()
                if kind.repeats
            ]
            for kind in self._kinds.values():
                kind.repeats = 0
            self._prune()
            return tuple(told)

    def _collect(self, rough: _Rough) -> None:
        kind = self._kinds.get(rough.signature)
        if kind:
            kind.repeats += rough.repeats
            rough.repeats = 0

    def _prune(self) -> None:
        expired = self._clock() - self._window
        for key in [key for key, one in self._rough.items() if one.since < expired]:
            if self._rough[key].signature:
                del self._rough[key]
        for name in [name for name, kind in self._kinds.items() if kind.since < expired]:
            del self._kinds[name]
        while len(self._kinds) > MAX_KINDS:
            self._kinds.popitem(last=False)
