"""What became of every occurrence: the sums by which anybody can check that none got lost."""

from __future__ import annotations

import threading
from collections import Counter


class Ledger:
    """Occurrences by what became of them.

    ``captured + adopted == stored + counted + spooled + dropped + waiting`` whenever nothing is
    moving, after a flush for example. What waits is looked up where it waits, not noted here.
    """

    def __init__(self) -> None:
        self.stored = 0
        """Reports that the server has stored."""
        self.counted = 0
        """Repeats that the server was told of."""
        self.spooled = 0
        """What this process has put on disk and not sent yet."""
        self.adopted = 0
        """What was sent for processes that had ended."""
        self.in_hand = 0
        """What the sender's thread is busy with."""
        self._lock = threading.Lock()
        self._dropped: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()

    @property
    def dropped(self) -> int:
        """What is lost, for whatever reason."""
        with self._lock:
            return self._dropped.total()

    def reasons(self) -> dict[str, int]:
        """How much was lost for which reason."""
        with self._lock:
            return dict(self._dropped)

    def drop(self, count: int, reason: str) -> None:
        """Note what is lost."""
        with self._lock:
            self._dropped[reason] += count
            self._untold[reason] += count

    def take_untold(self) -> dict[str, int]:
        """What was lost since this was last asked for."""
        with self._lock:
            untold, self._untold = self._untold, Counter()
            return dict(untold)
