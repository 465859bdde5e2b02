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


class _Metered:
    """The allowances of one thing, by key and for all."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._known: dict[tuple[object, ...], list[Allowance]] = {}

    def of(
        self, name: tuple[object, ...], limits: tuple[tuple[float, float], ...]
    ) -> list[Allowance]:
        """Kept while the limits stay the same; changed ones begin anew."""
        found = self._known.get(name)
        if found is None or [(one.most, one.seconds) for one in found] != list(limits):
            now = self._clock()
            found = [self._ledger.allowance(name, *limit, now) for limit in limits]
            self._known[name] = found
        return found


class Meters:
    """Quotas by key, and shares of what all keys together may send (rules B2).

    The clock must be the same in all processes that share ``memory``.
    """

    def __init__(
        self, capacity: Capacity, clock: Callable[[], float], memory: Memory | None = None
    ) -> None:
        ledger = Ledger(memory or own_memory())
        self._capacity = capacity
        self._clock = clock
        self._lock = ledger.lock
        self._metered = _Metered(ledger, clock)

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
        with self._lock:
            now = self._clock()
            wait = max((one.wait(amount, now) for one in allowances), default=0.0)
            if wait <= 0:
                for one in allowances:
                    one.take(amount, now)
        _refuse(wait, what)

    def _check(self, allowances: list[Allowance], amount: float, what: str) -> None:
        with self._lock:
            now = self._clock()
            wait = max((one.wait(amount, now) for one in allowances), default=0.0)
        _refuse(wait, what)

    def _events(self, key: Key) -> list[Allowance]:
        return self._metered.of(("events", key.id), _limits(key.events))

    def _bytes(self, key: Key) -> list[Allowance]:
        whole = self._capacity.bytes_hour
        return [
            *self._metered.of(("bytes", key.id), (*self._own_bytes(key), *self._share(key, whole))),
            *self._all("bytes", key, whole),
        ]

    def _own_bytes(self, key: Key) -> tuple[tuple[float, float], ...]:
        return _limits(key.bytes)

    def _signatures(self, key: Key) -> list[Allowance]:
        whole = self._capacity.signatures_hour
        own = ((float(key.signatures_hour), HOUR),) if key.signatures_hour else ()
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


def _refuse(wait: float, what: str) -> None:
    if wait > 0:
        raise Refused(
            f"This key has used up its {what} for now.",
            status=429,
            reason=f"quota_{what}",
            retry_after_s=max(1, min(LONGEST_WAIT_S, math.ceil(wait))),
        )


def _limits(rates: Rates) -> tuple[tuple[float, float], ...]:
    given = ((rates.minute, MINUTE), (rates.hour, HOUR), (rates.day, DAY))
    return tuple((float(most), seconds) for most, seconds in given if most)
