"""How often the issues come that are observed, beside their cases.

    pace.<issue>    counts by the minute, over an hour

Kept while a case is observed, and for no other.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from mendwire.errors import Conflict, Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.model.pace import Pace, quickened
from mendwire.wire.bus import Bucket, Entry


@dataclass(frozen=True, kw_only=True, slots=True)
class Paces:
    """Of one namespace."""

    bucket: Bucket

    async def of(self, issue: str) -> Pace:
        """What was counted; nothing where nobody counts."""
        return _pace(await self.bucket.get(_key(issue)))

    async def add(self, issue: str, more: Mapping[int, int]) -> Pace:
        """Count further occurrences, by minute; several workers may at once."""
        while True:
            entry = await self.bucket.get(_key(issue))
            pace = quickened(_pace(entry), more)
            try:
                if entry is None:
                    await self.bucket.create(_key(issue), encode(pace))
                else:
                    await self.bucket.update(_key(issue), encode(pace), entry.revision)
            except Conflict:
                continue
            return pace

    async def forget(self, issue: str) -> None:
        """Count from nothing, or no longer."""
        await self.bucket.delete(_key(issue))


def _key(issue: str) -> str:
    return f"pace.{issue}"


def _pace(entry: Entry | None) -> Pace:
    """A damaged entry counts nothing, and must not stop the rest."""
    if entry is not None:
        with suppress(Undecodable):
            return decode_as(Pace, entry.value)
    return Pace()
