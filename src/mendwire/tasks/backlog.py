"""What a worker has pulled and not begun: in order of rank, and how much more it may pull."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Final

from mendwire.tasks.turns import PRIORITIES, Turns
from mendwire.tasks.vigil import Held
from mendwire.wire.feed import Lane

_AHEAD_S: Final = 0.1
"""Tasks are pulled ahead for so long a time, so that a high one never waits longer behind them."""
_MOST_AHEAD: Final = 256
_LEAST_AHEAD: Final = 8
_WEIGHT: Final = 4
"""Of what is known of the time a task takes, one in so many parts is the newest."""


class Backlog:
    """Of one worker that runs ``concurrency`` tasks at once."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._waiting: list[deque[Held]] = [deque() for _ in PRIORITIES]
        self._seconds = 1.0
        self._swept, self._picked = Turns(), Turns()

    def __len__(self) -> int:
        return sum(map(len, self._waiting))

    def order(self, lanes: Sequence[Lane]) -> Sequence[Lane]:
        """In which they are to be pulled from now, so that none starves."""
        ranks = self._swept.order()
        if ranks[0] != 0:
            self._swept.asked(ranks[0])
        return sorted(
            lanes, key=lambda lane: lane.rank if lane.rank < 0 else ranks.index(lane.rank)
        )

    def room(self, running: int) -> int:
        """How many more tasks to pull while ``running`` run."""
        ahead, waiting = self._ahead(), len(self)
        if ahead >= _LEAST_AHEAD and waiting > ahead // 2:
            return 0  # rather one pull for a good number than many for one task each
        return max(0, self._concurrency - running + ahead - waiting)

    def add(self, held: Held) -> None:
        """One that was pulled."""
        self._waiting[held.rank].append(held)
        self._swept.took(held.rank)

    def next(self) -> Held | None:
        """The one to begin, no longer waiting; None where none waits."""
        rank = self._picked.pick(lambda rank: bool(self._waiting[rank]))
        return None if rank is None else self._waiting[rank].popleft()

    def surplus(self, running: int) -> Held | None:
        """The last one where far too many wait, no longer waiting; else None."""
        if len(self) <= max(0, self._concurrency - running) + 2 * self._ahead():
            return None
        return next(lane for lane in reversed(self._waiting) if lane).pop()

    def drain(self) -> Iterator[Held]:
        """All that wait, one after the other no longer waiting."""
        for lane in self._waiting:
            while lane:
                yield lane.popleft()

    def took(self, seconds: float) -> None:
        """How long a task took."""
        self._seconds += (seconds - self._seconds) / _WEIGHT

    def _ahead(self) -> int:
        return min(_MOST_AHEAD, int(_AHEAD_S * self._concurrency / max(self._seconds, 1e-6)))
