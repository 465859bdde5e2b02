"""A worker's count of the errors that come, repeats included, told to the docket in sums."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from mendwire.docket.cases import Docket
from mendwire.docket.slots import Slots, slot_of
from mendwire.errors import Damaged, MendwireError
from mendwire.telemetry import subscribed
from mendwire.wire.ending import ended

EVERY_S: Final = 5.0
_MOST: Final = 10_000
"""Issues counted between two tellings, and issues whose place is remembered."""
_CLOSING_S: Final = 2.0
_NAME: Final = 60
"""Characters of a service's name: it may come from a stranger."""
_LANES: Final = ("", "-r", "-l", "-rl")


class Meter:
    """Counts by issue what ``error.counted`` says; best effort, bounded."""

    def __init__(self, docket: Docket, slots: Slots) -> None:
        self._docket = docket
        self._slots = slots
        self._counts: Counter[tuple[int, str]] = Counter()
        self._places: OrderedDict[str, tuple[str, str]] = OrderedDict()

    def hear(self, event: str, fields: dict[str, object]) -> None:
        """A subscriber of ``telemetry``."""
        if event != "error.counted":
            return
        issue, count = str(fields["issue"]), fields["count"]
        if isinstance(count, int):
            key = (slot_of(time.time()), issue)
            if key not in self._counts and len(self._counts) >= _MOST:
                key = (key[0], "")  # counted all the same, as of nowhere
            self._counts[key] += count
        if fields["environment"]:
            self._remember(issue, (str(fields["environment"]), str(fields["service"])[:_NAME]))

    async def tell(self) -> None:
        """Add what was counted since the last time; raises what the bucket raises."""
        counts, self._counts = self._counts, Counter()
        sums: dict[int, Counter[tuple[str, str]]] = {}
        try:
            for (slot, issue), count in counts.items():
                sums.setdefault(slot, Counter())[await self._place(issue)] += count
            for slot in tuple(sums):
                await self._slots.add(slot, sums[slot])
                for key in [key for key in counts if key[0] == slot]:
                    del counts[key]
        except BaseException:
            self._counts.update(counts)
            raise

    async def _place(self, issue: str) -> tuple[str, str]:
        """Environment and service of an issue; repeats are told by its key alone."""
        known = self._places.get(issue)
        if known is not None or not issue:
            return known or ("", "")
        for lane in _LANES:
            with suppress(Damaged):
                filed = await self._docket.get(issue + lane)
                if filed is not None:
                    place = (filed.case.environment, filed.case.service[:_NAME])
                    self._remember(issue, place)
                    return place
        return ("", "")

    def _remember(self, issue: str, place: tuple[str, str]) -> None:
        self._places[issue] = place
        if len(self._places) > _MOST:
            self._places.popitem(last=False)


@asynccontextmanager
async def metering(docket: Docket, slots: Slots) -> AsyncIterator[None]:
    """Count while the block runs, and tell every few seconds and at its end."""
    meter = Meter(docket, slots)

    async def rounds() -> None:
        while True:
            await asyncio.sleep(EVERY_S)
            with suppress(MendwireError):  # told with the next round
                await meter.tell()

    with subscribed(meter.hear):
        task = asyncio.create_task(rounds(), name="meter")
        try:
            yield
        finally:
            await ended(task)
            with suppress(TimeoutError, MendwireError):
                await asyncio.wait_for(meter.tell(), _CLOSING_S)
