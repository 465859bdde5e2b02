"""How many errors came when, by environment and service: sums of ten minutes, kept for a week.

slot.<ten minutes since the epoch>    JSON: environment to service to count

Workers count what they take and what publishers tell of, so what waits in a queue is not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mendwire.errors import Conflict, Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.wire.bus import Bucket, Entry

SLOT_S: Final = 600
KEPT: Final = 7 * 86_400 // SLOT_S
"""Slots."""
MOST: Final = 300
"""Services in one slot; those that come later are counted as one."""
OTHERS: Final = "(others)"

Counts = dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Slots:
    """The sums of one namespace."""

    bucket: Bucket

    async def add(self, slot: int, more: Mapping[tuple[str, str], int]) -> None:
        """Add counts by (environment, service) to a slot; several workers may at once."""
        key = f"slot.{slot}"
        while True:
            entry = await self.bucket.get(key)
            merged = encode(_merged(_counts(entry) if entry else {}, more))
            try:
                if entry is not None:
                    await self.bucket.update(key, merged, entry.revision)
                    return
                await self.bucket.create(key, merged)
            except Conflict:
                continue
            await self._forget(slot - KEPT)
            return

    async def since(self, slot: int) -> dict[int, Counts]:
        """Every slot from ``slot`` on that has anything."""
        found: dict[int, Counts] = {}
        async for entry in self.bucket.scan("slot"):
            number = entry.key.removeprefix("slot.")
            if number.isdecimal() and int(number) >= slot:
                found[int(number)] = _counts(entry)
        return found

    async def _forget(self, before: int) -> None:
        """Only when a slot begins, so every ten minutes at most."""
        keys = [entry.key async for entry in self.bucket.scan("slot")]
        for key in keys:
            number = key.removeprefix("slot.")
            if not number.isdecimal() or int(number) < before:
                await self.bucket.delete(key)


def slot_of(moment_s: float) -> int:
    """The slot that a moment (seconds since the epoch) lies in."""
    return int(moment_s) // SLOT_S


def _merged(counts: Counts, more: Mapping[tuple[str, str], int]) -> Counts:
    size = sum(len(services) for services in counts.values())
    for (environment, service), count in more.items():
        services = counts.setdefault(environment, {})
        name = service if service in services or size < MOST else OTHERS
        size += name not in services
        services[name] = services.get(name, 0) + count
    return counts


def _counts(entry: Entry) -> Counts:
    """A damaged entry counts nothing, and must not stop the rest."""
    with suppress(Undecodable):
        return decode_as(Counts, entry.value)
    return {}
