"""Where threads are kept: beside the cases, each change a compare-and-set.

alert.<key>        one thread
alerts.begun       since when cases are looked at, and up to which revision they were
alerts.window      what was sent in the last hour, and how much was kept back
alerts.silence.<rule>   until when a whole rule is silent
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.errors import Conflict, Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.notify.rules import FRESH_NS, Rule
from mendwire.notify.thread import Stand, Thread
from mendwire.wire.bus import Bucket

MOST: Final = 1_000
"""Threads that are kept; beyond, the oldest that are done and no news any more make room."""
KEPT_NS: Final = 30 * 24 * 3600 * 10**9
"""How long a thread that is done is kept."""
HOUR_NS: Final = 3600 * 10**9
_URGENT_SHARE: Final = 4
"""One part in so many of the cap is kept for what is urgent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mark:
    """How far the docket was read."""

    begun_ns: int
    """Server time; what is older is no news."""
    revision: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """The last hour."""

    sent_ns: tuple[int, ...] = ()
    held: int = 0
    """Notices kept back and not told of yet."""
    held_ns: int = 0
    """Since when."""

    def has_room(self, now_ns: int, cap: int, *, urgent: bool) -> bool:
        """Whether one more may be sent; the last part of the cap is for what is urgent."""
        recent = sum(now_ns - sent < HOUR_NS for sent in self.sent_ns)
        return recent < (cap if urgent else cap - cap // _URGENT_SHARE)

    def with_one(self, now_ns: int) -> Window:
        """One more was sent, and told of what was kept back."""
        recent = tuple(sent for sent in self.sent_ns if now_ns - sent < HOUR_NS)
        return Window(sent_ns=(*recent, now_ns))

    def with_held(self, now_ns: int) -> Window:
        """One more was kept back."""
        return replace(self, held=self.held + 1, held_ns=self.held_ns or now_ns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Book:
    """The threads of one namespace."""

    bucket: Bucket

    async def thread(self, key: str) -> Thread | None:
        """One; None where there is none, or none that can be read."""
        entry = await self.bucket.get(f"alert.{key}")
        if entry is None:
            return None
        with suppress(Undecodable):
            return decode_as(Thread, entry.value)
        return None

    async def threads(self) -> list[Thread]:
        """All that can be read, the newest change last."""
        found = []
        async for entry in self.bucket.scan("alert"):
            with suppress(Undecodable):
                found.append(decode_as(Thread, entry.value))
        return found

    async def change(
        self, key: str, how: Callable[[Thread | None], Thread | None]
    ) -> Thread | None:
        """Save ``how(thread)``, again where somebody else saved meanwhile; None changes nothing."""
        while True:
            entry = await self.bucket.get(f"alert.{key}")
            thread: Thread | None = None
            if entry is not None:
                with suppress(Undecodable):  # a damaged one begins anew
                    thread = decode_as(Thread, entry.value)
            wanted = how(thread)
            if wanted is None or wanted == thread:
                return thread
            try:
                if entry is None:
                    await self.bucket.create(f"alert.{key}", encode(wanted))
                else:
                    await self.bucket.update(f"alert.{key}", encode(wanted), entry.revision)
            except Conflict:
                await asyncio.sleep(0)
                continue
            return wanted

    async def mark(self) -> Mark | None:
        """How far the docket was read; None before the first look."""
        entry = await self.bucket.get("alerts.begun")
        if entry is not None:
            with suppress(Undecodable):
                return decode_as(Mark, entry.value)
        return None

    async def set_mark(self, mark: Mark) -> None:
        """Cases up to that revision are in their threads."""
        await self.bucket.put("alerts.begun", encode(mark))

    async def window(self) -> Window:
        """The last hour; a damaged one is empty."""
        entry = await self.bucket.get("alerts.window")
        if entry is not None:
            with suppress(Undecodable):
                return decode_as(Window, entry.value)
        return Window()

    async def set_window(self, window: Window) -> None:
        """Only whoever leads does."""
        await self.bucket.put("alerts.window", encode(window))

    async def silence(self, rule: Rule, until_ns: int) -> None:
        """Nothing of a rule is told until then; 0 ends it."""
        await self.bucket.put(f"alerts.silence.{rule}", str(until_ns).encode())

    async def silences(self) -> dict[Rule, int]:
        """Until when, for each rule that was ever silenced."""
        known = {str(rule): rule for rule in Rule}
        return {
            known[name]: int(entry.value)
            async for entry in self.bucket.scan("alerts.silence")
            if (name := entry.key.rpartition(".")[2]) in known and entry.value.isdigit()
        }

    async def forget(self, key: str) -> None:
        """A thread that is done."""
        await self.bucket.delete(f"alert.{key}")


@dataclass(kw_only=True, slots=True)
class Stock:
    """Every thread: read once, then only what changed."""

    book: Book
    _threads: dict[str, Thread] = field(default_factory=dict)
    """By key, the newest change last."""
    _revision: int = 0

    async def read(self) -> Mapping[str, Thread]:
        """All that can be read, by key."""
        async for entry in self.book.bucket.scan("alert", after=self._revision):
            self._revision = max(self._revision, entry.revision)
            key = entry.key.removeprefix("alert.")
            self._threads.pop(key, None)
            with suppress(Undecodable):
                self._threads[key] = decode_as(Thread, entry.value)
        return self._threads

    async def tidy(self, now_ns: int) -> None:
        """Forget what is done and old, and more of what is done where there is too much.

        What a case may still be news of is kept, or it would be told again.
        """
        threads = await self.read()
        done = [one for one in threads.values() if _is_done(one, now_ns)]
        many = max(0, len(threads) - MOST)
        for place, one in enumerate(done):
            if place < many or now_ns - one.changed_ns >= KEPT_NS:
                await self.book.forget(one.key)
                self._threads.pop(one.key, None)


def _is_done(thread: Thread, now_ns: int) -> bool:
    if thread.waiting or thread.notice is not None or now_ns - thread.changed_ns < FRESH_NS:
        return False
    return thread.stand is Stand.OVER or not thread.is_condition
