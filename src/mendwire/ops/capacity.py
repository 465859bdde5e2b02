"""How long the server's room lasts, and what to do before it ends.

Growth is what the streams hold divided by the time since their oldest message, so a queue that is
emptied hardly grows; throughput is the busiest ten minutes of the last week, as workers counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mendwire.docket.slots import KEPT, SLOT_S, Slots, slot_of
from mendwire.ops.shelf import Shelf
from mendwire.wire.infos import StreamInfo

FULL: Final = 0.8
"""Share of a limit from which on something is to be done."""
BUSY: Final = 1000.0
"""Messages a second from which on a larger machine is to be taken."""
_DAY_NS: Final = 86_400 * 10**9
_MONTH: Final = 30.44
_YOUNG_NS: Final = _DAY_NS
"""A stream younger than this says too little of its growth."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Room:
    """One stream, or the account's storage."""

    name: str
    bytes: int
    max_bytes: int
    """-1 where there is no limit."""
    grows: float
    """Bytes a day; 0 where it is too young to tell, or does not grow."""

    @property
    def share(self) -> float:
        """Of the limit; 0 without one."""
        return self.bytes / self.max_bytes if self.max_bytes > 0 else 0.0

    @property
    def months(self) -> float | None:
        """Until it is full at this growth; None where it never is."""
        if self.max_bytes <= 0 or self.grows <= 0:
            return None
        return max(0.0, self.max_bytes - self.bytes) / self.grows / _MONTH


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """One trigger that is met."""

    trigger: str
    found: str
    remedy: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Capacity:
    """All of it."""

    streams: tuple[Room, ...]
    """The fullest first."""
    account: Room
    """Everything that this login's account stores, other projects' streams included."""
    per_second: float
    """Errors a second in the busiest ten minutes of the last week."""
    others: int
    """Streams of the account that are no stream of this namespace."""
    advice: tuple[Advice, ...]


async def capacity(shelf: Shelf, slots: Slots, now_ns: int) -> Capacity:
    """Read the streams, the account and the counts."""
    streams = await shelf.streams(buckets=True)
    account = await shelf.bus.api.call("INFO")
    last = slot_of(now_ns / 1e9)
    counted = await slots.since(last - KEPT)
    busiest = max(map(_total, counted.values()), default=0)
    return judged(streams, account, busiest / SLOT_S, now_ns)


def judged(
    streams: Sequence[StreamInfo], account: Mapping[str, Any], per_second: float, now_ns: int
) -> Capacity:
    """The same from what was read, with the advice that follows."""
    rooms = sorted(
        (room_of(stream, now_ns) for stream in streams),
        key=lambda room: (-room.share, -room.bytes, room.name),
    )
    limit = int((account.get("limits") or {}).get("max_storage", -1))
    whole = Room(
        name="account",
        bytes=max(0, int(account.get("storage", 0))),
        max_bytes=limit if limit > 0 else -1,
        grows=sum(room.grows for room in rooms),
    )
    others = max(0, int(account.get("streams", 0)) - len(streams))
    return Capacity(
        streams=tuple(rooms),
        account=whole,
        per_second=per_second,
        others=others,
        advice=tuple(_advice(rooms, whole, per_second, others)),
    )


def room_of(stream: StreamInfo, now_ns: int) -> Room:
    """A stream's room and growth."""
    age = now_ns - stream.first_ns if stream.first_ns else 0
    return Room(
        name=stream.name,
        bytes=stream.bytes,
        max_bytes=stream.max_bytes,
        grows=stream.bytes * _DAY_NS / age if age >= _YOUNG_NS else 0.0,
    )


def _advice(
    rooms: Sequence[Room], account: Room, per_second: float, others: int
) -> Iterable[Advice]:
    for room in (*rooms, account):
        if room.share < FULL:
            continue
        what = "The account's storage" if room is account else f"Stream {room.name}"
        remedy = (
            "Give the server a larger disk, then raise the account's max_storage."
            if room is account
            else f"Keep less (see what is in it: mendwire streams subjects {room.name}), or give "
            "the server a larger disk."
        )
        yield Advice(
            trigger=f"over {FULL:.0%} full",
            found=f"{what} holds {room.share:.0%} of its {room.max_bytes} bytes.",
            remedy=remedy,
        )
    if per_second > BUSY:
        yield Advice(
            trigger=f"more than {BUSY:.0f} messages a second",
            found=f"The busiest ten minutes of the week had {per_second:.0f} a second.",
            remedy="Take a larger machine: on Google Cloud e2-small instead of e2-micro.",
        )
    if others:
        yield Advice(
            trigger="several projects",
            found=f"{others} streams of this account are of others than this namespace.",
            remedy="Give each project an account of its own; from three busy ones on, consider a "
            "cluster of three servers and streams with three replicas.",
        )


def _total(counts: Mapping[str, Mapping[str, int]]) -> int:
    return sum(sum(services.values()) for services in counts.values())
