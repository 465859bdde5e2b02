"""One exception that arrives by several ways is taken once.

Instrumentation tells of an exception on each span it leaves, and logging tells of it again, from
other exporters, seconds apart and in any order, each to whichever process of the gateway it meets.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

from mendwire.gateway.haul import Result
from mendwire.gateway.otlp.sighting import Sighting
from mendwire.gateway.otlp.sightings import Claim, Sightings

SAME: Final = "same_exception"
"""Names, in the statistics, what was told more than once."""
_LOOK_S: Final = 0.02


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
        while (claim := self._sightings.claim(one)) is Claim.BUSY:
            busy = self._busy.get(one.key)
            # Of another process nobody tells us when it is done.
            await (busy.wait() if busy else asyncio.sleep(_LOOK_S))
        if claim is Claim.KNOWN:
            self._counts[SAME] += 1
            return Result()
        done = self._busy[one.key] = asyncio.Event()
        is_taken = False
        try:
            result = await send()
            is_taken = result.problem is None
            return result
        finally:
            self._sightings.settle(one, is_taken=is_taken)
            del self._busy[one.key]
            done.set()
