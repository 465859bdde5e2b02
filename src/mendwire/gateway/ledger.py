"""Allowances in the memory that the processes of a gateway share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from mendwire.gateway.memory import Memory

_NAME: Final = 16
_SLOT: Final = 32
"""Bytes: the digest of a name, the level and when that was true."""
_WORD: Final = 8
_PROBES: Final = 64


@dataclass(frozen=True, slots=True)
class Allowance:
    """So much in so long, as a bucket that fills steadily; a burst may empty it at once."""

    most: float
    seconds: float
    cells: memoryview[float] | list[float]
    """How much is there, and when that was true, seconds."""

    def wait(self, amount: float, now: float) -> float:
        """Seconds until ``amount`` is there; 0 when it is. More than a bucket holds waits for it
        to be full.
        """
        missing = min(amount, self.most) - self._filled(now)
        return missing * self.seconds / self.most if missing > 0 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Never refuses; what was let in is counted, below zero if need be."""
        self.cells[0] = self._filled(now) - amount

    def _filled(self, now: float) -> float:
        level, at = self.cells
        level = min(self.most, level + max(0.0, now - at) * self.most / self.seconds)
        self.cells[0], self.cells[1] = level, max(at, now)
        return level


class Ledger:
    """Finds the allowance of a name and limit; the same one in every process."""

    def __init__(self, memory: Memory) -> None:
        self.lock = memory.lock
        self._names = memory.allowances
        self._cells = memory.allowances.cast("d")
        self._slots = len(memory.allowances) // _SLOT

    def allowance(
        self, name: tuple[object, ...], most: float, seconds: float, now: float
    ) -> Allowance:
        """Full when it is asked for the first time, by whichever process.

        Where the memory is full, several names have one together: rather too little than no limit.
        """
        digest = hashlib.blake2b(repr((name, most, seconds)).encode(), digest_size=_NAME).digest()
        first = int.from_bytes(digest[:_WORD])
        slot = 0
        with self.lock:
            for step in range(_PROBES):
                slot = (first + step) % self._slots * _SLOT
                there = self._names[slot : slot + _NAME]
                if there == digest:
                    break
                if not any(there):
                    cells = self._cells_at(slot)
                    cells[0], cells[1] = most, now
                    self._names[slot : slot + _NAME] = digest
                    break
        return Allowance(most, seconds, self._cells_at(slot))

    def _cells_at(self, slot: int) -> memoryview[float]:
        place = (slot + _NAME) // _WORD
        return self._cells[place : place + 2]
