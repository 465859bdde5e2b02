"""One switch that stops every worker of a namespace at once.

halt    who stopped everything, when and why; absent while workers may work
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from mendwire.errors import ServerError, Undecodable, WireError
from mendwire.model.codec import decode_as, encode
from mendwire.wire.bus import Bucket

LOOK_S: Final = 2.0
"""How soon a worker notices, at most, seconds."""
_KEY: Final = "halt"


@dataclass(frozen=True, kw_only=True, slots=True)
class Halt:
    """A person's word that nothing is to be done for now."""

    by: str
    at: str
    """ISO 8601, UTC, for people."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Switch:
    """The switch of one namespace."""

    bucket: Bucket

    async def thrown(self) -> Halt | None:
        """Who stopped everything; None while workers may work. A damaged entry stops, too."""
        entry = await self.bucket.get(_KEY)
        if entry is None:
            return None
        try:
            return decode_as(Halt, entry.value)
        except Undecodable:
            return Halt(by="somebody", at="", note="the entry is damaged")

    async def throw(self, halt: Halt) -> None:
        """Stop every worker; the last word counts."""
        await self.bucket.put(_KEY, encode(halt))

    async def release(self) -> Halt | None:
        """Let them go on; what stopped them, if anything did."""
        thrown = await self.thrown()
        if thrown is not None:
            await self.bucket.delete(_KEY)
        return thrown

    async def until_thrown(self) -> Halt:
        """Wait for it, looking every ``LOOK_S`` seconds; a server that is away stops nothing."""
        while True:
            with suppress(ServerError, WireError):
                if halt := await self.thrown():
                    return halt
            await asyncio.sleep(LOOK_S)

    async def until_released(self) -> None:
        """Wait until workers may work."""
        while True:
            with suppress(ServerError, WireError):
                if await self.thrown() is None:
                    return
            await asyncio.sleep(LOOK_S)
