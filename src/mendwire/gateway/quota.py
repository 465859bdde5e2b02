"""Who may send how much: a clock that is given, and allowances in memory that may be shared."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mendwire.errors import Refused
from mendwire.gateway.keys import Key, Rates
from mendwire.gateway.ledger import Allowance, Ledger
from mendwire.gateway.memory import Memory, own_memory
from mendwire.model.report import Trust

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0
LONGEST_WAIT_S: Final = 3_600


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """What all keys together may send to one gateway, in however many processes it runs."""

    bytes_hour: float
    signatures_hour: float
    reserve: float
    """Part of it that keys of low trust leave to the trusted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Drawn:
    """What the reports of one key draw from."""

    key: Key
    bytes: list[Allowance]
    events: list[Allowance]
    signatures: list[Allowance]


class Meters:
    """Quotas by key, and shares of what all keys together may send (rules B2).

    The clock must be the same in all processes that share ``memory``.
    """

    def __init__(
        self, capacity: Capacity, clock: Callable[[], float], memory: Memory | None = None
    ) -> None:
        self._ledger = Ledger(memory or own_memory())
        self._capacity = capacity
        self._clock = clock
        self._lock = self._ledger.lock
        self._known: dict[str, _Drawn] = {}
        """By the key's id."""

    def admit(self, key: Key) -> None:
        """Before anything is read: raises Refused (429) for a key that has no bytes left.

        One without events left may still tell what its client threw away.
        """
        self._check(self._of(key).bytes, "bytes")

    def take_bytes(self, key: Key, count: int) -> None:
        """Of one body; raises Refused (429)."""
        self._spend(self._of(key).bytes, count, "bytes")

    def take_event(self, key: Key) -> None:
        """One report; raises Refused (429)."""
        self._spend(self._of(key).events, 1, "events")

    def take_signature(self, key: Key) -> None:
        """A distinct error; raises Refused (429)."""
        self._spend(self._of(key).signatures, 1, "signatures")

    def _spend(self, allowances: list[Allowance], amount: float, what: str) -> None:
        with self._lock:
            now = self._clock()
            wait = _longest(allowances, amount, now)
            if wait <= 0:
                for one in allowances:
                    one.take(amount, now)
        _refuse(wait, what)

    def _check(self, allowances: list[Allowance], what: str) -> None:
        with self._lock:
            wait = _longest(allowances, 1, self._clock())
        _refuse(wait, what)

    def _of(self, key: Key) -> _Drawn:
        """Kept while the key stays as it is; limits that change begin anew."""
        found = self._known.get(key.id)
        if found is None or (found.key is not key and found.key != key):
            found = self._known[key.id] = self._drawn(key)
        return found

    def _drawn(self, key: Key) -> _Drawn:
        capacity = self._capacity
        own = ((float(key.signatures_hour), HOUR),) if key.signatures_hour else ()
        signatures = (*own, _share(key, capacity.signatures_hour))
        of_bytes = (*_limits(key.bytes), _share(key, capacity.bytes_hour))
        return _Drawn(
            key=key,
            events=self._allowances(("events", key.id), _limits(key.events)),
            bytes=[
                *self._allowances(("bytes", key.id), of_bytes),
                *self._all("bytes", key, capacity.bytes_hour),
            ],
            signatures=[
                *self._allowances(("signatures", key.id), signatures),
                *self._all("signatures", key, capacity.signatures_hour),
            ],
        )

    def _all(self, what: str, key: Key, whole: float) -> list[Allowance]:
        """What all keys draw from; those of low trust also from what is not reserved."""
        every = self._allowances((what,), ((whole, HOUR),))
        if key.trust is Trust.TRUSTED:
            return every
        open_part = max(1.0, whole * (1 - self._capacity.reserve))
        return [*every, *self._allowances((what, "of", "low"), ((open_part, HOUR),))]

    def _allowances(
        self, name: tuple[object, ...], limits: tuple[tuple[float, float], ...]
    ) -> list[Allowance]:
        now = self._clock()
        return [self._ledger.allowance(name, *limit, now) for limit in limits]


def _longest(allowances: list[Allowance], amount: float, now: float) -> float:
    """Seconds until all of them hold ``amount``."""
    longest = 0.0
    for one in allowances:
        longest = max(longest, one.wait(amount, now))
    return longest


def _refuse(wait: float, what: str) -> None:
    if wait > 0:
        raise Refused(
            f"This key has used up its {what} for now.",
            status=429,
            reason=f"quota_{what}",
            retry_after_s=max(1, min(LONGEST_WAIT_S, math.ceil(wait))),
        )


def _share(key: Key, whole: float) -> tuple[float, float]:
    return max(1.0, whole * key.share), HOUR


def _limits(rates: Rates) -> tuple[tuple[float, float], ...]:
    given = ((rates.minute, MINUTE), (rates.hour, HOUR), (rates.day, DAY))
    return tuple((float(most), seconds) for most, seconds in given if most)
