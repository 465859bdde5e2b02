"""How much of a day's money or tokens may be gone by when: one bad night must not take it all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Purse:
    """A UTC day's US dollars or tokens, given out bit by bit."""

    day: float
    """All workers together."""
    run: float
    """What is set aside for one run."""
    at_once: float = 1.0
    """Share of the day's that may be spent as soon as the day begins; 1 spreads nothing."""

    def allowed(self, now: datetime) -> float:
        """What may be spent and set aside by ``now``: one run at least, the day's sum at most."""
        share = min(1.0, self.at_once + (now - _midnight(now)) / _DAY)
        return min(self.day, max(self.run, self.day * share))

    def next_run_ns(self, now: datetime, used: float) -> int:
        """When a run fits beside what is used, nanoseconds since the epoch; else the next day."""
        midnight = _midnight(now)
        wanted = used + self.run
        if wanted > self.day:
            return _ns(midnight + _DAY)
        wait = midnight + _DAY * (wanted / self.day - self.at_once)
        # Rounded up to a second, so that it does fit when somebody looks.
        return _ns(max(wait, now) + timedelta(seconds=1))


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000
