"""What is known of tasks that are not done yet, each change a compare-and-set.

A task that goes well leaves no entry: one is made when an attempt fails, when a delivery comes
again, when somebody takes a lease or wants it cancelled. The entry of a task that has its result
is deleted.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from mendwire.errors import Conflict, Damaged, Fenced, Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.model.delivery import MessageRef
from mendwire.wire.bus import Bucket

_OPEN: Final = "open"
_WISH: Final = "cancel"
LATER: Final = "later"
CRON: Final = "cron"
_TRIES: Final = 20
_WISH_KEPT_NS: Final = 86_400 * 1_000_000_000

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One task, as far as it came. Times are the server's, nanoseconds since the epoch."""

    task_id: str
    generation: int = 0
    attempts: int = 0
    """Runs that failed by themselves."""
    begun: int = 0
    """Runs since the last failure whose end nobody saw."""
    error: str = ""
    """Why the last one failed."""
    not_before_ns: int = 0
    """The next try waits until then."""
    holder: str = ""
    """Who took it by hand; empty when nobody did."""
    until_ns: int = 0
    """The end of that lease."""
    lease_s: float = 0.0
    """Its length, for when it is renewed."""
    ref: MessageRef | None = None
    """Where the message stands that the holder is to settle."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """Somebody wants a task cancelled."""

    task_id: str
    by: str = ""
    reason: str = ""


class Book:
    """The bucket ``{NS}_TASK_STATES``."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket

    async def trial(self, task_id: str) -> Trial | None:
        """What is known of an open task; raises Damaged."""
        entry = await self.bucket.get(f"{_OPEN}.{task_id}")
        return None if entry is None else _read(Trial, entry.value)

    async def trials(self) -> list[Trial]:
        """Of all open tasks that there is something to know of."""
        return [_read(Trial, entry.value) async for entry in self.bucket.scan(_OPEN)]

    async def change(self, task_id: str, gen: int, turn: Callable[[Trial], Trial]) -> Trial:
        """Store what ``turn`` makes of the entry; a replayed task begins with a fresh one."""
        key = f"{_OPEN}.{task_id}"
        for _ in range(_TRIES):
            entry = await self.bucket.get(key)
            old = _read(Trial, entry.value) if entry else None
            if old is None or old.generation < gen:
                old = Trial(task_id=task_id, generation=gen)
            new = turn(old)
            try:
                if entry is None:
                    await self.bucket.create(key, encode(new))
                else:
                    await self.bucket.update(key, encode(new), entry.revision)
            except Conflict:
                continue
            return new
        raise Conflict(f"The entry of the task {task_id} keeps changing; try again.")

    async def close(self, task_id: str) -> None:
        """The task has its result; nothing is to be known of it any more."""
        key = f"{_OPEN}.{task_id}"
        if await self.bucket.get(key) is not None:
            await self.bucket.delete(key)

    async def wish(self, wish: Wish) -> None:
        """Ask for a task to be cancelled; running workers hear it at once."""
        await self.bucket.put(f"{_WISH}.{wish.task_id}", encode(wish))

    async def wishes(self) -> AsyncIterator[Wish]:
        """All that nobody has seen to yet."""
        async for entry in self.bucket.scan(_WISH):
            with suppress(Damaged):
                yield _read(Wish, entry.value)

    async def forget_wishes(self, now_ns: int) -> None:
        """Those of yesterday: whoever ran the task has long heard of it."""
        async for entry in self.bucket.scan(_WISH):
            if now_ns - entry.created_ns > _WISH_KEPT_NS:
                with suppress(Conflict):
                    await self.bucket.delete(entry.key, entry.revision)

    @staticmethod
    def wish_subject(bucket_name: str) -> str:
        """What a worker listens to."""
        return f"$KV.{bucket_name}.{_WISH}.*"


def begun(old: Trial) -> Trial:
    """A run begins that was given out before."""
    return replace(old, begun=old.begun + 1, holder="", until_ns=0, ref=None)


def given_back(old: Trial) -> Trial:
    """A run was ended by its worker's stop, not by itself."""
    return replace(old, begun=max(0, old.begun - 1))


def failed(error: str, not_before_ns: int) -> Callable[[Trial], Trial]:
    """An attempt failed; the next one waits."""

    def turn(old: Trial) -> Trial:
        return replace(
            old,
            attempts=old.attempts + 1,
            begun=0,
            error=error,
            not_before_ns=not_before_ns,
            holder="",
            until_ns=0,
            ref=None,
        )

    return turn


def leased(holder: str, now_ns: int, lease_s: float, ref: MessageRef) -> Callable[[Trial], Trial]:
    """Somebody has taken it by hand."""

    def turn(old: Trial) -> Trial:
        until = now_ns + int(lease_s * 1e9)
        return replace(old, holder=holder, until_ns=until, lease_s=lease_s, ref=ref)

    return turn


def renewed(holder: str, now_ns: int) -> Callable[[Trial], Trial]:
    """The holder is still at it; raises Fenced where it is somebody else by now."""

    def turn(old: Trial) -> Trial:
        if old.holder != holder:
            raise Fenced(f"The task {old.task_id} was taken over by {old.holder or 'a worker'}.")
        return replace(old, until_ns=now_ns + int(old.lease_s * 1e9))

    return turn


def _read(kind: type[T], value: bytes) -> T:
    try:
        return decode_as(kind, value)
    except Undecodable as problem:
        raise Damaged(f"An entry of the task states is damaged ({problem}).") from None
