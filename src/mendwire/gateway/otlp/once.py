"""One exception that arrives by several ways is taken once.

Instrumentation tells of an exception on each span it leaves, and logging tells of it again, from
other exporters, seconds apart and in any order. All that is remembered here is a digest and a
place for each, for two minutes, of the ten thousand last ones.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from mendwire.gateway.haul import Result
from mendwire.gateway.otlp.sighting import Sighting

WINDOW: Final = 120.0
"""Seconds for which a sighting is remembered."""
ROOM: Final = 10_000
SAME: Final = "same_exception"
"""Names, in the statistics, what was told more than once."""
_PLACES: Final = 16


@dataclass(slots=True)
class _Seen:
    since: float
    """When the first was taken, on the given clock."""
    places: list[str] = field(default_factory=list)


class Sightings:
    """Which exceptions were taken of late."""

    def __init__(
        self, clock: Callable[[], float], *, window: float = WINDOW, room: int = ROOM
    ) -> None:
        """``clock`` gives seconds and never goes back."""
        self._clock = clock
        self._window = window
        self._room = room
        self._seen: OrderedDict[bytes, _Seen] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def is_known(self, one: Sighting) -> bool:
        """Whether it was taken before. A place that was unknown until now is kept for the next."""
        self._forget()
        seen = self._seen.get(one.key)
        if seen is None:
            return False
        if not one.place or one.place in seen.places:
            return True
        if "" in seen.places:
            # The one without a stack was this one, and no other: the next place is a new exception.
            seen.places[seen.places.index("")] = one.place
            return True
        return False

    def remember(self, one: Sighting) -> None:
        """It was taken: the server or the spool has it."""
        seen = self._seen.get(one.key)
        if seen is None:
            self._seen[one.key] = seen = _Seen(since=self._clock())
        if one.place not in seen.places:
            seen.places.append(one.place)
            del seen.places[:-_PLACES]
        while len(self._seen) > self._room:
            self._seen.popitem(last=False)

    def _forget(self) -> None:
        since = self._clock() - self._window
        while self._seen:
            key, seen = next(iter(self._seen.items()))
            if seen.since > since:
                break
            del self._seen[key]


class Once:
    """Delivers the first sighting of each exception, and lets the others wait for its fate."""

    def __init__(self, sightings: Sightings, counts: Counter[str]) -> None:
        """``counts`` is told, under ``SAME``, of what was not delivered again."""
        self._sightings = sightings
        self._counts = counts
        self._busy: dict[bytes, asyncio.Event] = {}

    async def deliver(
        self, sender: str, seen: Sighting | None, send: Callable[[], Awaitable[Result]]
    ) -> Result:
        """What ``send`` says, or an empty result for what was taken from ``sender`` before.

        Logs and spans of one process leave within milliseconds of each other. Were the second
        answered while the first is still under way, and the first then failed, nobody would send
        it again.
        """
        if seen is None:
            return await send()
        one = Sighting(key=sender.encode() + seen.key, place=seen.place)
        while busy := self._busy.get(one.key):
            await busy.wait()
        if self._sightings.is_known(one):
            self._counts[SAME] += 1
            return Result()
        done = self._busy[one.key] = asyncio.Event()
        try:
            result = await send()
            if result.problem is None:
                self._sightings.remember(one)
            return result
        finally:
            del self._busy[one.key]
            done.set()
