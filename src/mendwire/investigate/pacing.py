"""How much of a day's money may be gone by when, so that one bad night does not take it all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Purse:
    """A UTC day's money, given out bit by bit."""

    day_usd: float
    """All workers together."""
    run_usd: float
    """What is set aside for one run."""
    at_once: float = 1.0
    """Share of the day's money that may be spent as soon as the day begins; 1 spreads nothing."""

    def allowed_usd(self, now: datetime) -> float:
        """What may be spent and set aside by ``now``: one run at least, the day's sum at most."""
        share = min(1.0, self.at_once + (now - _midnight(now)) / _DAY)
        return min(self.day_usd, max(self.run_usd, self.day_usd * share))

    def next_run_ns(self, now: datetime, used_usd: float) -> int:
        """When a run fits beside what is used, nanoseconds since the epoch; else the next day."""
        midnight = _midnight(now)
        wanted = used_usd + self.run_usd
        if wanted > self.day_usd:
            return _ns(midnight + _DAY)
        wait = midnight + _DAY * (wanted / self.day_usd - self.at_once)
        # Rounded up to a second, so that it does fit when somebody looks.
        return _ns(max(wait, now) + timedelta(seconds=1))


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _ns(at: datetime) -> int:
    return int(at.timestamp()) * 1_000_000_000
