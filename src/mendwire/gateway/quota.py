"""Who may send how much: arithmetic over a clock that is given."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mendwire.errors import Refused
from mendwire.gateway.keys import Key, Rates
from mendwire.model.report import Trust

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0
LONGEST_WAIT_S: Final = 3_600


@dataclass(slots=True)
class Allowance:
    """So much in so long, as a bucket that fills steadily; a burst may empty it at once."""

    most: float
    seconds: float
    level: float
    at: float

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` is there; 0 when it is. More than a bucket holds waits for it
        to be full.
        """
        self._fill(now)
        missing = min(amount, self.most) - self.level
        return missing * self.seconds / self.most if missing > 0 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Never refuses; what was let in is counted, below zero if need be."""
        self._fill(now)
        self.level -= amount

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self.at) * self.most / self.seconds
        self.level = min(self.most, self.level + gained)
        self.at = max(self.at, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What all keys together may send to this process."""

    bytes_hour: float
    signatures_hour: float
    reserve: float
    """Part of it that keys of low trust leave to the trusted."""
    parts: int = 1
    """Processes that share the work: each meters its part of every limit."""


class _Metered:
    """The allowances of one thing, by key and for all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._known: dict[tuple[object, ...], list[Allowance]] = {}

    def of(
        self, name: tuple[object, ...], limits: tuple[tuple[float, float], ...]
    ) -> list[Allowance]:
        """Kept while the limits stay the same; changed ones begin anew."""
        found = self._known.get(name)
        if found is None or [(one.most, one.seconds) for one in found] != list(limits):
            now = self._clock()
            found = [Allowance(most, seconds, most, now) for most, seconds in limits]
            self._known[name] = found
        return found


class Meters:
    """Quotas by key, and shares of what all keys together may send (rules B2)."""

    def __init__(self, capacity: Capacity, clock: Callable[[], float]) -> None:
        self._capacity = capacity
        self._clock = clock
        self._metered = _Metered(clock)

    def admit(self, key: Key) -> None:
        """Before anything is read: raises Refused (429) for a key that has no bytes left.

        One without events left may still tell what its client threw away.
        """
        self._check(self._bytes(key), 1, "bytes")

    def take_bytes(self, key: Key, count: int) -> None:
        """Of one body; raises Refused (429)."""
        self._spend(self._bytes(key), count, "bytes")

    def take_event(self, key: Key) -> None:
        """One report; raises Refused (429)."""
        self._spend(self._events(key), 1, "events")

    def take_signature(self, key: Key) -> None:
        """A distinct error; raises Refused (429)."""
        self._spend(self._signatures(key), 1, "signatures")

    def _spend(self, allowances: list[Allowance], amount: float, what: str) -> None:
        self._check(allowances, amount, what)
        now = self._clock()
        for one in allowances:
            one.take(amount, now)

    def _check(self, allowances: list[Allowance], amount: float, what: str) -> None:
        now = self._clock()
        wait = max((one.wait(amount, now) for one in allowances), default=0.0)
        if wait > 0:
            raise Refused(
                f"This key has used up its {what} for now.",
                status=429,
                reason=f"quota_{what}",
                retry_after_s=max(1, min(LONGEST_WAIT_S, math.ceil(wait))),
            )

    def _events(self, key: Key) -> list[Allowance]:
        return self._metered.of(("events", key.id), _limits(key.events, self._capacity.parts))

    def _bytes(self, key: Key) -> list[Allowance]:
        whole = self._capacity.bytes_hour / self._capacity.parts
        return [
            *self._metered.of(("bytes", key.id), (*self._own_bytes(key), *self._share(key, whole))),
            *self._all("bytes", key, whole),
        ]

    def _own_bytes(self, key: Key) -> tuple[tuple[float, float], ...]:
        return _limits(key.bytes, self._capacity.parts)

    def _signatures(self, key: Key) -> list[Allowance]:
        parts = self._capacity.parts
        whole = self._capacity.signatures_hour / parts
        own = ((max(1.0, key.signatures_hour / parts), HOUR),) if key.signatures_hour else ()
        return [
            *self._metered.of(("signatures", key.id), (*own, *self._share(key, whole))),
            *self._all("signatures", key, whole),
        ]

    def _share(self, key: Key, whole: float) -> tuple[tuple[float, float], ...]:
        return ((max(1.0, whole * key.share), HOUR),)

    def _all(self, what: str, key: Key, whole: float) -> list[Allowance]:
        """What all keys draw from; those of low trust also from what is not reserved."""
        every = self._metered.of((what,), ((whole, HOUR),))
        if key.trust is Trust.TRUSTED:
            return every
        open_part = max(1.0, whole * (1 - self._capacity.reserve))
        return [*every, *self._metered.of((what, "of", "low"), ((open_part, HOUR),))]


def _limits(rates: Rates, parts: int) -> tuple[tuple[float, float], ...]:
    given = ((rates.minute, MINUTE), (rates.hour, HOUR), (rates.day, DAY))
    return tuple((max(1.0, most / parts), seconds) for most, seconds in given if most)
