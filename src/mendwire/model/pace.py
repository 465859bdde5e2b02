"""How often an error comes: counts by the minute, over one hour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

HOUR: Final = 60
"""Minutes that are looked back on."""
_MINUTE_NS: Final = 60 * 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """Occurrences of one issue in the hour that ended with the newest of them."""

    minutes: tuple[tuple[int, int], ...] = ()
    """(minute since the epoch, by the server's clock, how many in it), oldest first."""

    @property
    def last_hour(self) -> int:
        """Occurrences within an hour, to the minute."""
        return sum(count for _, count in self.minutes)

    def within_hour(self, now_ns: int) -> int:
        """The same, seen at ``now_ns`` (nanoseconds since the epoch)."""
        since = minute_of(now_ns) - HOUR
        return sum(count for minute, count in self.minutes if minute > since)


def quickened(pace: Pace, more: Mapping[int, int]) -> Pace:
    """``pace`` with further counts by minute; what lies an hour before the newest is forgotten."""
    counts = dict(pace.minutes)
    for minute, count in more.items():
        counts[minute] = counts.get(minute, 0) + count
    newest = max(counts, default=0)
    kept = ((minute, counts[minute]) for minute in sorted(counts) if minute > newest - HOUR)
    return Pace(minutes=tuple(kept))


def minute_of(when_ns: int) -> int:
    """The minute that a moment (nanoseconds since the epoch) lies in."""
    return when_ns // _MINUTE_NS
