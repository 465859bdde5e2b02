"""What operators destroyed or overruled: who, when, what; the newest thousands are kept.

audit.<time>.<random>    one line, JSON

A line is written before the deed, so that none is missing; one that was then refused has a line
all the same.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mendwire.errors import Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.wire.bus import Bucket

KEPT: Final = 2_000
"""Lines; the oldest ones make room."""
_TRIMMED: Final = 50
"""Lines above ``KEPT`` that may gather before the oldest are removed."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Deed:
    """One line."""

    by: str
    """``user@host`` as that machine calls them; proves nothing."""
    at: str
    """ISO 8601, UTC, by that machine's clock."""
    what: str
    """The command, e.g. ``streams purge``."""
    target: str
    """What it was done to."""
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Audit:
    """The audit log of one namespace, for the person ``by``."""

    bucket: Bucket
    by: str

    async def note(self, what: str, target: str, detail: str = "") -> None:
        """Write a line; raises what the bucket raises, and then nothing may be done."""
        deed = Deed(
            by=self.by,
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            what=what,
            target=target[:200],
            detail=detail[:200],
        )
        await self.bucket.create(f"audit.{time.time_ns()}.{secrets.token_hex(4)}", encode(deed))
        await self._trim()

    async def deeds(self) -> list[Deed]:
        """All that is kept, oldest first; a damaged line is left out."""
        found = []
        async for entry in self.bucket.scan("audit"):
            try:
                found.append(decode_as(Deed, entry.value))
            except Undecodable:
                continue
        return found

    async def _trim(self) -> None:
        keys = [entry.key async for entry in self.bucket.scan("audit")]
        if len(keys) > KEPT + _TRIMMED:
            for key in keys[:-KEPT]:
                await self.bucket.delete(key)
