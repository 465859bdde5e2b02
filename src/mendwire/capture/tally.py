"""How often: in a storm the first of a kind goes out and the rest are counted."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Final

MAX_KINDS: Final = 2_000


class Seen:
    """One rough key within its window: what ties a queued report to its repeats."""

    __slots__ = ("is_kept", "issue", "repeats", "signature", "since")

    def __init__(self, since: float) -> None:
        self.since = since
        """Monotonic seconds at which the window began."""
        self.signature = ""
        """Empty until the sender's thread has computed it."""
        self.issue = ""
        self.repeats = 0
        self.is_kept = True
        """Still found by its key; else the repeats are collected as soon as they have a name."""


@dataclass(slots=True)
class Kind:
    """One signature within its window."""

    issue: str
    since: float
    """Monotonic seconds at which its window began."""
    repeats: int = 0
    """Not yet told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """Repeats of one signature that were not stored as messages of their own."""

    issue: str
    signature: str
    repeats: int


class Tally:
    """Windows per kind of error; used by the host's threads and the sender's at once.

    Bounded, and nothing that was counted gets lost by that: what has to make room keeps its count
    until it is taken.
    """

    def __init__(self, window_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.captured = 0
        """Occurrences that were admitted or counted here."""
        self._window = window_s
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: OrderedDict[Hashable, Seen] = OrderedDict()
        self._kinds: OrderedDict[str, Kind] = OrderedDict()
        self._past: deque[Count] = deque()
        self._untold = 0
        self._lost = 0

    @property
    def untold(self) -> int:
        """Repeats that nobody was told of yet."""
        return self._untold + self._lost

    def admit(self, key: Hashable) -> Seen | None:
        """The first of ``key`` in its window; None for a repeat, which is counted."""
        now = self._clock()
        with self._lock:
            self.captured += 1
            found = self._seen.get(key)
            if found is not None and now - found.since < self._window:
                found.repeats += 1
                self._untold += 1
                return None
            if found is not None:
                self._let_go(found)
            seen = self._seen[key] = Seen(now)
            self._seen.move_to_end(key)
            if len(self._seen) > MAX_KINDS:
                self._let_go(self._seen.popitem(last=False)[1])
            return seen

    def forget(self, key: Hashable, seen: Seen) -> int:
        """The report behind ``key`` is dropped; how many occurrences are lost with it."""
        with self._lock:
            if self._seen.get(key) is seen:
                del self._seen[key]
            lost, seen.repeats, seen.is_kept = seen.repeats, 0, False
            self._untold -= lost
            return 1 + lost

    def bind(self, seen: Seen, signature: str, issue: str) -> bool:
        """Learn the signature of a report; False if it went out already in this window."""
        now = self._clock()
        with self._lock:
            seen.signature, seen.issue = signature, issue
            kind = self._kinds.get(signature)
            is_repeat = kind is not None and now - kind.since < self._window
            if kind is None or not is_repeat:
                kind = self._kind(signature, issue, now, kind.repeats if kind else 0)
            else:
                kind.repeats += 1
                self._untold += 1
            if not seen.is_kept:
                self._collect(seen)
            return not is_repeat

    def add(self, signature: str, issue: str, repeats: int = 1) -> None:
        """Count repeats of a known signature: the server answered duplicate, or telling failed."""
        with self._lock:
            self._add(signature, issue, repeats)
            self._untold += repeats

    def take(self) -> tuple[Count, ...]:
        """What is to be told; counted from zero again."""
        with self._lock:
            for seen in self._seen.values():
                self._collect(seen)
            told = [*self._past]
            self._past.clear()
            for signature, kind in self._kinds.items():
                if kind.repeats:
                    told.append(Count(issue=kind.issue, signature=signature, repeats=kind.repeats))
                    kind.repeats = 0
            self._prune()
            self._untold -= sum(count.repeats for count in told)
            return tuple(told)

    def take_past(self) -> tuple[Count, ...]:
        """What made room for other kinds, if that is much; the rest stays with its kind."""
        with self._lock:
            if len(self._past) < MAX_KINDS // 10:
                return ()
            told = tuple(self._past)
            self._past.clear()
            self._untold -= sum(count.repeats for count in told)
            return told

    def take_lost(self) -> int:
        """Repeats whose kind had to make room twice over; which kind is not known any more."""
        with self._lock:
            lost, self._lost = self._lost, 0
            return lost

    def _let_go(self, seen: Seen) -> None:
        seen.is_kept = False
        self._collect(seen)

    def _collect(self, seen: Seen) -> None:
        if seen.repeats and seen.signature:
            self._add(seen.signature, seen.issue, seen.repeats)
            seen.repeats = 0

    def _add(self, signature: str, issue: str, repeats: int) -> None:
        kind = self._kinds.get(signature)
        if kind is None:
            # It must not hold back the next report of its kind: its window is over.
            kind = self._kind(signature, issue, self._clock() - self._window, 0)
        kind.repeats += repeats

    def _kind(self, signature: str, issue: str, since: float, repeats: int) -> Kind:
        kind = self._kinds[signature] = Kind(issue, since, repeats)
        self._kinds.move_to_end(signature)
        if len(self._kinds) > MAX_KINDS:
            name, old = self._kinds.popitem(last=False)
            if old.repeats:
                self._past.append(Count(issue=old.issue, signature=name, repeats=old.repeats))
            if len(self._past) > MAX_KINDS:
                lost = self._past.popleft().repeats
                self._untold -= lost
                self._lost += lost
        return kind

    def _prune(self) -> None:
        expired = self._clock() - self._window
        for key in [key for key, one in self._seen.items() if one.since < expired]:
            if self._seen[key].signature:
                self._let_go(self._seen.pop(key))
        for name in [name for name, kind in self._kinds.items() if kind.since < expired]:
            if not self._kinds[name].repeats:
                del self._kinds[name]
