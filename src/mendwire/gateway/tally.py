"""Repeats that are not messages of their own, and what is known to be stored."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

KNOWN_S: Final = 60.0
"""Seconds for which an acknowledged signature is not published again. Shorter than the shortest
duplicate window of a stream (two minutes), so that the server would have dropped it anyway."""
MOST_KNOWN: Final = 50_000
MOST_KINDS: Final = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """One signature of one issue."""

    issue: str
    signature: str
    environment: str


class Tally:
    """Counts of repeats until they are told."""

    def __init__(self) -> None:
        self._counts: Counter[Kind] = Counter()
        self.unnamed = 0
        """Repeats beyond ``MOST_KINDS`` kinds: counted, but not by issue."""

    def add(self, kind: Kind, count: int = 1) -> None:
        """Count repeats of a kind."""
        if kind in self._counts or len(self._counts) < MOST_KINDS:
            self._counts[kind] += count
        else:
            self.unnamed += count

    def take(self) -> list[tuple[Kind, int]]:
        """Everything, counted from zero again."""
        taken = list(self._counts.items())
        self._counts.clear()
        return taken

    def waiting(self) -> int:
        """Repeats that were not told yet."""
        return sum(self._counts.values())


class Known:
    """Message ids that the server has acknowledged a moment ago."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: OrderedDict[str, float] = OrderedDict()

    def __contains__(self, msg_id: str) -> bool:
        since = self._since.get(msg_id)
        return since is not None and self._clock() - since < KNOWN_S

    def add(self, msg_id: str) -> None:
        """The server has just stored it."""
        self._since.pop(msg_id, None)
        self._since[msg_id] = self._clock()
        if len(self._since) > MOST_KNOWN:
            self._since.popitem(last=False)
