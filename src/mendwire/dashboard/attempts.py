"""How often somebody may try to log in."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

MOST: Final = 6
"""Wrong tokens of one address within ``WINDOW_S``."""
MOST_TOGETHER: Final = 120
"""The same of all addresses: who has many is slowed down as well."""
WINDOW_S: Final = 60.0
_REMEMBERED: Final = 1_024


@dataclass(slots=True)
class _Count:
    since: float
    wrong: int = 0


@dataclass(kw_only=True, slots=True)
class Attempts:
    """Wrong tokens by address, and of all addresses together; bounded."""

    clock: Callable[[], float] = time.monotonic
    _by_address: OrderedDict[str, _Count] = field(default_factory=OrderedDict)
    _together: _Count = field(default_factory=lambda: _Count(since=0.0))

    def wait_s(self, address: str) -> int:
        """Whole seconds until ``address`` may try again; 0: now."""
        now = self.clock()
        known = self._by_address.get(address)
        left = self._left(known, MOST, now) if known else 0.0
        return int(max(left, self._left(self._together, MOST_TOGETHER, now)) + 0.999)

    def was_wrong(self, address: str) -> None:
        """Count one."""
        now = self.clock()
        count = self._by_address.setdefault(address, _Count(since=now))
        self._by_address.move_to_end(address)
        for one in (count, self._together):
            if now - one.since >= WINDOW_S:
                one.since, one.wrong = now, 0
            one.wrong += 1
        while len(self._by_address) > _REMEMBERED:
            self._by_address.popitem(last=False)

    def was_right(self, address: str) -> None:
        """Forget that address's wrong ones."""
        self._by_address.pop(address, None)

    @staticmethod
    def _left(count: _Count, most: int, now: float) -> float:
        return max(0.0, count.since + WINDOW_S - now) if count.wrong >= most else 0.0
