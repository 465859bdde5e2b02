"""What the overview draws: errors, deployments and money over time, read once for all who look."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final

from mendwire.dashboard.rates import RANGES
from mendwire.docket.cases import Docket
from mendwire.docket.deployments import Deployments
from mendwire.docket.slots import SLOT_S, Counts, Slots, slot_of
from mendwire.model.deployment import Deployment

LASTS_S: Final = 5.0
"""It is read anew after so long: a week of slots, however many look and whatever happens."""
DAYS: Final = 14
_LONGEST_S: Final = max(one.hours for one in RANGES) * 3_600


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """As it was read."""

    slots: Mapping[int, Counts]
    """Of the longest range."""
    deployments: tuple[Deployment, ...]
    days: tuple[date, ...]
    """UTC, the last ``DAYS``, today at the end."""
    spent: tuple[float, ...]
    """US dollars, one for each day."""


@dataclass(kw_only=True, slots=True)
class History:
    """Of one namespace, kept for ``LASTS_S``."""

    slots: Slots
    deployments: Deployments
    docket: Docket
    clock: Callable[[], float] = time.monotonic
    _past: Past | None = None
    _at: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def past(self) -> Past:
        """Not older than ``LASTS_S``; raises what the docket raises."""
        async with self._turn:
            if self._past is None or self.clock() - self._at > LASTS_S:
                self._past = await self._read()
                self._at = self.clock()
            return self._past

    async def _read(self) -> Past:
        now = datetime.now(UTC)
        days = tuple(now.date() - timedelta(days=back) for back in range(DAYS - 1, -1, -1))
        first = slot_of(now.timestamp()) - _LONGEST_S // SLOT_S
        return Past(
            slots=await self.slots.since(first),
            deployments=tuple([one async for one in self.deployments.all()]),
            days=days,
            spent=tuple([await self.docket.spent(f"{day:%Y%m%d}") for day in days]),
        )
