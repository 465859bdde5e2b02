"""Whose turn it is: high before normal before low, and yet low is never starved. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

PRIORITIES: Final = ("high", "normal", "low")
"""By rank: 0 goes first."""
PATIENCE: Final = (0, 8, 16)
"""By rank: after so many that went before it, one of this rank has its turn."""


class Turns:
    """Counts who went before whom.

    Ranks go strictly in order until a lower one has been passed over for its ``PATIENCE``; then
    it goes first once, whether or not anything of it waits.
    """

    def __init__(self) -> None:
        self._passed = [0] * len(PATIENCE)

    def order(self) -> tuple[int, ...]:
        """The ranks in the order in which they are to be asked now."""
        ranks = range(len(PATIENCE))
        overdue = [
            rank for rank in ranks if PATIENCE[rank] and self._passed[rank] >= PATIENCE[rank]
        ]
        first = overdue[-1:]  # the lowest, which has waited longest
        return (*first, *(rank for rank in ranks if rank not in first))

    def asked(self, rank: int) -> None:
        """One of this rank was looked for; its patience begins anew."""
        self._passed[rank] = 0

    def took(self, rank: int) -> None:
        """One of this rank goes; those below it were passed over."""
        self._passed[rank] = 0
        for lower in range(rank + 1, len(PATIENCE)):
            self._passed[lower] += 1

    def pick(self, has: Callable[[int], bool]) -> int | None:
        """The rank whose turn it is among those that have something; None when none has."""
        for rank in self.order():
            if has(rank):
                self.took(rank)
                return rank
        return None
