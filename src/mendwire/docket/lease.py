"""Who of several processes does what only one may: a record renewed by heartbeat.

    lease.<what>    its holder, JSON

Whoever holds it and cannot renew it in time lets it go before anybody else may take it: silence
is measured by each machine's own clock between changes of revision (rules A10).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from mendwire.docket.roster import clock
from mendwire.errors import Conflict, MendwireError
from mendwire.model.codec import encode
from mendwire.wire.bus import Bucket, Entry
from mendwire.wire.ending import ended

DEAD_AFTER: Final = 4.5
"""Beats of silence after which another takes it."""
STOP_AFTER: Final = 3.0
"""Beats without a renewal after which its holder lets it go."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holder:
    """The record."""

    holder: str


class Lease:
    """Tries to have it while its ``async with`` block runs; ``held`` says whether it does."""

    def __init__(self, bucket: Bucket, what: str, holder: str, *, beat_s: float) -> None:
        self._bucket = bucket
        self._key = f"lease.{what}"
        self._me = encode(Holder(holder=holder))
        self._beat_s = beat_s
        self._revision = 0
        self._renewed = -float("inf")
        self._seen: tuple[int, float] = (0, clock())
        self._task: asyncio.Task[None] | None = None

    @property
    def held(self) -> bool:
        """Whether it is surely ours at this moment."""
        return clock() - self._renewed < STOP_AFTER * self._beat_s

    async def __aenter__(self) -> Self:
        with suppress(MendwireError):
            await self._round()
        self._task = asyncio.create_task(self._beat(), name=self._key)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let it go, so that another need not wait."""
        task, self._task = self._task, None
        if task is not None:
            await ended(task)
        if self.held:
            self._renewed = -float("inf")
            with suppress(MendwireError, TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._bucket.delete(self._key, self._revision)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            with suppress(MendwireError, TimeoutError):
                async with asyncio.timeout(self._beat_s):
                    await self._round()

    async def _round(self) -> None:
        asked = clock()
        entry = await self._bucket.get(self._key)
        if not self._is_free(entry):
            return
        try:
            if entry is None:
                self._revision = await self._bucket.create(self._key, self._me)
            else:
                self._revision = await self._bucket.update(self._key, self._me, entry.revision)
        except Conflict:
            return
        self._renewed = asked

    def _is_free(self, entry: Entry | None) -> bool:
        """Ours, nobody's, or of one who fell silent."""
        if entry is None or entry.value == self._me:
            return True
        revision, since = self._seen
        if entry.revision != revision:
            self._seen = (entry.revision, clock())
            return False
        return clock() - since >= DEAD_AFTER * self._beat_s
