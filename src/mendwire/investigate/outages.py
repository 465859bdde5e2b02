"""While the model's provider is down: nothing new is pulled, what is held stays held (rules A2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mendwire.errors import ProviderOutage
from mendwire.model.case import Case

OUTAGE_WAITS_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Pauses between tries; the last one repeats."""
LONGEST_OUTAGE_WAIT_S: Final = 600.0
"""However long a provider asks us to wait."""


@dataclass(kw_only=True, slots=True)
class Outages:
    """Which cases met the provider's outage."""

    pause: Callable[[str], None]
    """Stop pulling new messages."""
    resume: Callable[[], None]
    waits_s: tuple[float, ...] = OUTAGE_WAITS_S
    _down: dict[str, int] = field(default_factory=dict)
    """Cases, and how often in a row."""

    async def sit_out(self, case: Case, problem: ProviderOutage) -> None:
        """Return when the step may be tried again."""
        if not self._down:
            self.pause(str(problem))
        tries = self._down.get(case.case_id, 0)
        self._down[case.case_id] = tries + 1
        asked = problem.retry_after_s or 0.0
        wait = self.waits_s[min(tries, len(self.waits_s) - 1)]
        await asyncio.sleep(min(asked, LONGEST_OUTAGE_WAIT_S) if asked > 0 else wait)

    def let_go(self, case: Case) -> None:
        """The case met an answer, or is no longer driven here: it keeps nothing paused."""
        if self._down.pop(case.case_id, None) is not None and not self._down:
            self.resume()
