"""From a parcel to the server, or to the spool while it is away: nothing is answered before."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Protocol, Self

from mendwire.errors import (
    AccessRefused,
    MendwireError,
    Refused,
    StreamFull,
    Unreachable,
    WireError,
)
from mendwire.gateway.parcels import Parcel, count_parcel
from mendwire.gateway.spool import Kept, Spool
from mendwire.gateway.tally import Kind, Known, Tally
from mendwire.model.names import Names
from mendwire.telemetry import emit
from mendwire.wire.api import NobodyListens
from mendwire.wire.bus import Bus
from mendwire.wire.ending import ended

DEFAULT_MAX_PAYLOAD: Final = 1024 * 1024
TELL_EVERY_S: Final = 5.0
DRAIN_BATCH: Final = 128
DRAIN_WAIT_S: Final = 0.5
LONGEST_DRAIN_WAIT_S: Final = 15.0
_LATER: Final = (Unreachable, AccessRefused, StreamFull, NobodyListens, OSError)
"""What another try may mend."""


class Fate(StrEnum):
    """What became of a parcel that was taken."""

    STORED = "stored"
    REPEATED = "repeated"
    """The server has one of its signature; it was counted."""
    SPOOLED = "spooled"


class Line(Protocol):
    """A connection as it is at the moment."""

    @property
    def bus(self) -> Bus: ...

    @property
    def is_open(self) -> bool: ...

    @property
    def max_payload(self) -> int: ...


@dataclass(slots=True)
class Figures:
    """What was done since the start."""

    stored: int = 0
    repeated: int = 0
    spooled: int = 0
    drained: int = 0
    told: int = 0
    """Repeats that were published as counts."""
    unclear: int = 0
    """Duplicates of which nobody knows whether they were repeats: the server had fallen silent."""
    undeliverable: int = 0
    """Spooled parcels that no server will take."""


class Delivery:
    """Runs while its ``async with`` block does; ``line`` may come and go meanwhile."""

    def __init__(
        self, names: Names, spools: Sequence[Spool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.names = names
        self.tally = Tally()
        self.figures = Figures()
        self._known = Known(clock)
        self._spools = list(spools)
        self._line: Line | None = None
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [
            asyncio.create_task(self._drain_forever()),
            asyncio.create_task(self._tell_forever()),
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        """What is counted is told, or put on disk where nobody hears it."""
        await ended(*self._tasks)
        await self.tell(is_last=True)
        for spool in self._spools:
            await spool.close()

    @property
    def is_connected(self) -> bool:
        """Whether the server can be asked now."""
        return self._line is not None and self._line.is_open

    @property
    def max_payload(self) -> int:
        """Bytes that the server takes."""
        return (self._line.max_payload if self._line else 0) or DEFAULT_MAX_PAYLOAD

    @property
    def spooled_bytes(self) -> int:
        """What waits on disk."""
        return sum(spool.size for spool in self._spools)

    def attach(self, line: Line | None) -> None:
        """Use ``line`` from now on; what waits on disk leaves by it."""
        self._line = line
        self._wake.set()

    def knows(self, parcel: Parcel) -> bool:
        """Whether the server acknowledged this signature a moment ago."""
        return parcel.msg_id in self._known

    async def take(self, parcel: Parcel) -> Fate:
        """Return once the parcel is safe; raises Refused (503) where it cannot be."""
        if parcel.kind is not None and parcel.msg_id in self._known:
            return self._repeated(parcel.kind)
        uncertain = False
        if self.is_connected:
            try:
                return await self._publish(parcel)
            except Unreachable:
                uncertain = True
            except _LATER:
                pass
        return await self._spool(parcel, uncertain=uncertain)

    async def tell(self, *, is_last: bool = False) -> None:
        """Publish what was counted; ``is_last`` puts on disk what cannot be published."""
        taken = self.tally.take()
        for place, (kind, count) in enumerate(taken):
            parcel = count_parcel(kind, count, self.names)
            try:
                await self._tell_one(parcel, is_last=is_last)
                self.figures.told += count
            except (MendwireError, OSError):
                for unsaid, left in taken[place:]:
                    self.tally.add(unsaid, left)
                return

    async def _tell_one(self, parcel: Parcel, *, is_last: bool) -> None:
        if self._line is not None and self._line.is_open:
            with suppress(*(_LATER if is_last else ())):
                await self._line.bus.publish(parcel.subject, parcel.payload, msg_id=parcel.msg_id)
                return
        if not is_last:
            raise Unreachable("The NATS server is away.")
        await self._spool(parcel, uncertain=True)

    async def _publish(self, parcel: Parcel) -> Fate:
        assert self._line is not None
        ack = await self._line.bus.publish(
            parcel.subject, parcel.payload, msg_id=parcel.msg_id, headers=parcel.headers
        )
        self._known.add(parcel.msg_id)
        if ack.duplicate and parcel.kind is not None:
            return self._repeated(parcel.kind)
        self.figures.stored += 1
        return Fate.STORED

    def _repeated(self, kind: Kind) -> Fate:
        self.tally.add(kind)
        self.figures.repeated += 1
        return Fate.REPEATED

    async def _spool(self, parcel: Parcel, *, uncertain: bool) -> Fate:
        if not await self._spools[0].add(Kept(parcel=parcel, uncertain=uncertain)):
            raise Refused(
                "The NATS server is away and the spool is full, or cannot be written.",
                status=503,
                reason="spool_full",
                retry_after_s=30,
            )
        self.figures.spooled += 1
        self._wake.set()
        return Fate.SPOOLED

    async def _tell_forever(self) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            await self.tell()

    async def _drain_forever(self) -> None:
        wait = DRAIN_WAIT_S
        while True:
            self._wake.clear()
            is_stuck = False
            for spool in self._spools:
                is_stuck = not await self._drained(spool) or is_stuck
            if not is_stuck:
                wait = DRAIN_WAIT_S
                await self._wake.wait()
                continue
            await asyncio.sleep(wait)
            wait = min(wait * 2, LONGEST_DRAIN_WAIT_S) if self.is_connected else DRAIN_WAIT_S

    async def _drained(self, spool: Spool) -> bool:
        """Send everything that waits, in order; False when some is left."""
        is_first = True
        while not spool.is_empty():
            if not self.is_connected:
                return False
            found = spool.batch(DRAIN_BATCH)
            if found is None:
                return spool.is_empty()
            path, place, batch = found
            if not await self._sent(path, batch, is_first=is_first):
                return False
            spool.done(path, place)
            is_first = False
        return True

    async def _sent(self, path: Path, batch: Sequence[Kept], *, is_first: bool) -> bool:
        """Whether all of the batch is settled. Of the first one after a pause the server may have
        some already, for a killed process could not note it: duplicates there are no repeats.
        """
        fates = await asyncio.gather(
            *(self._send(kept, is_sure=not (is_first or kept.uncertain)) for kept in batch)
        )
        self.figures.drained += sum(fates)
        emit("gateway.drained", count=sum(fates), folder=path.parent.name)
        return all(fates)

    async def _send(self, kept: Kept, *, is_sure: bool) -> bool:
        parcel = kept.parcel
        assert self._line is not None
        try:
            ack = await self._line.bus.publish(
                parcel.subject, parcel.payload, msg_id=parcel.msg_id, headers=parcel.headers
            )
        except _LATER:
            return False
        except WireError as problem:
            self.figures.undeliverable += 1
            emit("gateway.dropped", count=1, reason=str(problem))
            return True
        if ack.duplicate and parcel.kind is not None:
            if is_sure:
                self._repeated(parcel.kind)
            else:
                self.figures.unclear += 1
        return True


def rooms_for(folder: Path, limit: int) -> list[Spool]:
    """Our own spool first, then those that dead processes left with something in them."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    own: Spool | None = None
    adopted: list[Spool] = []
    for number in range(1_000):
        spool = Spool(folder / str(number), limit)
        is_there = spool.folder.is_dir()
        if own is not None and not is_there:
            break
        if not spool.claim():
            continue
        if own is None:
            own = spool
        elif not spool.is_empty():
            adopted.append(spool)
    assert own is not None
    return [own, *adopted]
