"""Which letters to specialists are genuine.

letter.<sha256>  the id of the task that carries a letter with these bytes (rules B4)

Written by orchestrators before they publish the task; specialists need to read it alone.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Final

from mendwire.wire.bus import Bucket

_KEPT_NS: Final = 7 * 86_400 * 1_000_000_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Letters:
    """Those of one namespace."""

    bucket: Bucket

    async def vouch(self, sha256: str, task_id: str) -> None:
        """These bytes are ours, in that task."""
        await self.bucket.put(f"letter.{sha256}", task_id.encode())

    async def is_genuine(self, sha256: str, task_id: str) -> bool:
        """Whether an orchestrator vouched for these bytes in that task."""
        entry = await self.bucket.get(f"letter.{sha256}")
        return entry is not None and entry.value == task_id.encode()

    async def forget(self, task_id: str) -> None:
        """The task has its result; what was left by the killed a week ago goes as well."""
        async for entry in self.bucket.scan("letter"):
            if entry.value == task_id.encode() or time.time_ns() - entry.created_ns > _KEPT_NS:
                await self.bucket.delete(entry.key)
