"""What a worker does beside its tasks: signs of life for what it holds, and wishes to cancel."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mendwire.errors import MendwireError
from mendwire.model.bodies import Progress
from mendwire.model.delivery import Received
from mendwire.tasks.book import Book, Wish
from mendwire.tasks.calls import Context
from mendwire.tasks.outcomes import Outcomes
from mendwire.tasks.reading import Task
from mendwire.wire.jetstream import JetStreamBus

_GRACE_S: Final = 1.0
"""A cancelled function may end by itself for so long."""
_SHOWN_AFTER_S: Final = 0.5
"""A run that lasts is announced on its status subject."""
_TICK_S: Final = 0.5
_MOST_WISHES: Final = 10_000
log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True, eq=False)
class Held:
    """A task that was pulled and is not settled yet."""

    received: Received
    rank: int
    job: asyncio.Task[None] | None = None
    task: Task | None = None
    context: Context | None = None
    began: float = 0.0
    """On the monotonic clock, seconds."""
    is_shown: bool = False

    def cancel(self) -> None:
        """End its run, if it runs."""
        if self.job is not None:
            self.job.cancel()


@dataclass(kw_only=True, slots=True)
class Vigil:
    """Watches over what one worker holds, which stays the worker's."""

    bus: JetStreamBus
    book: Book
    outcomes: Outcomes
    agent: str
    held: Mapping[int, Held]
    """By the sequence of its message."""
    wishes: dict[str, Wish]
    """Tasks that somebody wants cancelled, by id; shared with the worker."""
    ack_wait_s: float
    """As the consumers have it: another worker takes over after so many seconds of silence."""
    _reconnects: int = field(init=False, default=0)

    def heard(self, subject: str, payload: bytes, _headers: object) -> None:
        """Somebody wants a task cancelled, or has seen to it (no payload)."""
        task_id = subject.rpartition(".")[2]
        if payload:
            self._cancel(Wish(task_id=task_id))

    async def look_for_wishes(self) -> None:
        """Those of before, and those missed while the server was away."""
        async for wish in self.book.wishes():
            self._cancel(wish)

    def _cancel(self, wish: Wish) -> None:
        if len(self.wishes) < _MOST_WISHES:
            self.wishes[wish.task_id] = wish
        for held in self.held.values():
            context = held.context
            if held.task is None or held.task.id != wish.task_id or context is None:
                continue
            if not context.cancelled.is_set() and held.job is not None:
                context.cancelled.set()
                asyncio.get_running_loop().call_later(_GRACE_S, held.cancel)

    async def beat(self) -> None:
        """Signs of life; after a reconnection also what was missed meanwhile."""
        self._reconnects = self.bus.api.reconnects
        due = lived = time.monotonic()
        while True:
            await asyncio.sleep(min(_TICK_S, self.ack_wait_s / 6))
            now = time.monotonic()
            try:
                if await self._caught_up() or now >= due:
                    due = now + self.ack_wait_s / 3
                    for held in tuple(self.held.values()):
                        await self.bus.api.publish(held.received.ref.reply, b"+WPI")
                for held in tuple(self.held.values()):
                    await self._show(held, now)
            except MendwireError as problem:
                log.warning("no sign of life for held tasks: %s", problem)
            if self.bus.api.client.is_connected:
                lived = now
            elif now - lived > self.ack_wait_s:
                self._stop_unseen()

    async def _caught_up(self) -> bool:
        """Whether the connection is another one, whose missed wishes were read."""
        if self.bus.api.reconnects == self._reconnects:
            return False
        self._reconnects = self.bus.api.reconnects
        await self.look_for_wishes()
        return True

    async def _show(self, held: Held, now: float) -> None:
        if held.is_shown or held.context is None or now - held.began < _SHOWN_AFTER_S:
            return
        held.is_shown = True
        task_id = held.context.task.id
        line = Progress(task_id=task_id, agent=self.agent, status="started")
        await self.outcomes.tell_soon(line)

    def _stop_unseen(self) -> None:
        """No sign of life arrived for so long that another may run it by now (rules A4)."""
        for held in self.held.values():
            if held.job is not None and held.context is not None:
                log.warning("task %s is stopped: the server is away", held.context.task.id)
                held.cancel()
