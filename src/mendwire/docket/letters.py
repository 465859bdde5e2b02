"""Which letters to specialists are genuine, and what is compared.

letter.<sha256>  the id of the task that carries a letter with these bytes (rules B4)

Written by orchestrators before they publish the task; specialists need to read it alone.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from mendwire.model.codec import convert_as, encode
from mendwire.model.letter import Letter
from mendwire.wire.bus import Bucket

_KEPT_NS: Final = 7 * 86_400 * 1_000_000_000


def letter_in(context: Mapping[str, object]) -> Letter:
    """The letter that a task carries; raises Undecodable. Not known to be genuine yet."""
    return convert_as(Letter, dict(context))


def seal(letter: Letter) -> str:
    """The sha256 of a letter as it is read: fields that are not ours are no part of it."""
    return sha256(encode(letter)).hexdigest()


@dataclass(frozen=True, kw_only=True, slots=True)
class Letters:
    """Those of one namespace."""

    bucket: Bucket

    async def vouch(self, letter: Letter, task_id: str) -> None:
        """This letter is ours, in that task."""
        await self.bucket.put(f"letter.{seal(letter)}", task_id.encode())

    async def is_genuine(self, letter: Letter, task_id: str) -> bool:
        """Whether an orchestrator vouched for exactly this letter in that task."""
        entry = await self.bucket.get(f"letter.{seal(letter)}")
        return entry is not None and entry.value == task_id.encode()

    async def forget(self, task_id: str) -> None:
        """The task has its result; what was left by the killed a week ago goes as well."""
        async for entry in self.bucket.scan("letter"):
            if entry.value == task_id.encode() or time.time_ns() - entry.created_ns > _KEPT_NS:
                await self.bucket.delete(entry.key)
