"""``TaskWorker``: functions that do tasks, in any process, on any machine.

worker = TaskWorker(agent="architect")

@worker.task("investigation")
async def investigate(task: Task, context: Context) -> dict[str, object]: ...

worker.main()
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, Self

from mendwire import telemetry
from mendwire.errors import ConfigError, MendwireError, Undecodable
from mendwire.execution.stopping import stopping
from mendwire.model.delivery import DeliveryState, Outcome, Received
from mendwire.settings.environment import read_environment
from mendwire.tasks.backlog import Backlog
from mendwire.tasks.book import Book, Trial, Wish
from mendwire.tasks.calls import Context, Functions
from mendwire.tasks.conduct import Clock, Conduct
from mendwire.tasks.lanes import (
    ACK_WAIT_S,
    ANY,
    Owned,
    lane_of,
    made,
    receiver,
    stands,
)
from mendwire.tasks.outcomes import Outcomes
from mendwire.tasks.reading import Task, read_task
from mendwire.tasks.schedule import Schedules
from mendwire.tasks.sorting import sort
from mendwire.tasks.vigil import Held, Vigil
from mendwire.wire.connection import connected
from mendwire.wire.ending import ended
from mendwire.wire.feed import Feed, Lane
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.settling import Settler
from mendwire.wire.stored import nanoseconds

_DUE_S: Final = 1.0
"""Between two looks at what is due."""
_OWNED_S: Final = 15.0

Hold = Callable[[Task, Received, Clock], Awaitable[None]]
log = logging.getLogger(__name__)


class TaskWorker(Functions):
    """Takes tasks of the types that it has functions for, and does at most so many at once.

    ``agent`` is its name; tasks that are assigned to it, or to one of its ``roles``, come to it
    alone, those assigned to nobody to whoever is free. ``ack_wait_s`` counts where this worker is
    the first of a type: another one takes over after so many seconds without a sign of life.
    """

    def __init__(
        self,
        *,
        agent: str = "worker",
        roles: Sequence[str] = (),
        concurrency: int = 2,
        ack_wait_s: float = ACK_WAIT_S,
        drain_s: float = 30.0,
        retry_s: float = 1.0,
    ) -> None:
        super().__init__()
        names = dict.fromkeys(receiver(name) for name in (agent, *roles))
        if ANY in names:
            raise ConfigError(
                "No agent or role can be called 'any'; it means nobody in particular."
            )
        if concurrency < 1:
            raise ConfigError("concurrency is at least 1.")
        self.agent = agent
        self.owned: dict[str, Owned] = {}
        """Types that another program's consumer takes; left to it."""
        self._receivers = tuple(names)
        self._concurrency = concurrency
        self._ack_wait_s = ack_wait_s
        self._drain_s = drain_s
        self._retry_s = retry_s
        self._backlog = Backlog(concurrency)
        self._held: dict[int, Held] = {}
        self._wishes: dict[str, Wish] = {}
        self._obstacles: dict[int, str] = {}
        self._sorting: set[asyncio.Task[None]] = set()
        self._running = 0
        self._clock = Clock()
        self._hold: Hold | None = None
        self._has_hold = False
        self._is_stopping = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._stack: AsyncExitStack | None = None
        self._services: list[asyncio.Task[None]] = []

    @property
    def held(self) -> int:
        """Tasks that were pulled and are not settled yet."""
        return len(self._held)

    @property
    def holding_up(self) -> str:
        """Why no task comes; empty while all is well."""
        obstacle = next(iter(self._obstacles.values()), "")
        owned = next((owner.sentence for owner in self.owned.values()), "")
        return obstacle or self._feed.trouble or (owned if not self._kinds else "")

    @property
    def _kinds(self) -> list[str]:
        return [kind for kind in self._handlers if kind not in self.owned]

    @property
    def _is_closed(self) -> bool:
        """Nothing new may begin."""
        return self._is_stopping or self._has_hold or bool(self._obstacles)

    def holding(self, hold: Hold) -> None:
        """Run no function: the first task is given to ``hold``, and left unsettled after it."""
        self._hold = hold

    def main(self) -> None:
        """Connect as the environment says, and work until SIGINT, SIGTERM or SIGHUP."""
        asyncio.run(self._forever())

    async def _forever(self) -> None:
        environment = read_environment(os.environ, Path.cwd())
        async with connected(environment, name=f"mendwire {self.agent}") as link:
            bus = JetStreamBus(link.client, link.names, link.denials)
            with stopping() as stop:
                async with self.on(bus):
                    await stop.wait()

    def on(self, bus: JetStreamBus) -> Self:
        """Work over this connection: ``async with worker.on(bus): ...``."""
        self._bus = bus
        return self

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to pull; returns as soon as cancelled tasks are known. Raises ServerError."""
        if self._services:
            return
        bus = self._bus
        self._is_stopping = False
        self._settler = Settler(bus, retry_s=self._retry_s)
        self._outcomes = Outcomes(bus)
        bucket = bus.names.bucket("TASK_STATES")
        self._book = Book(bus.bucket(bucket))
        self._conduct = Conduct(
            self._outcomes,
            self._book,
            self._settler,
            agent=self.agent,
            clock=self._clock,
            wishes=self._wishes,
        )
        self._vigil = Vigil(
            bus=bus,
            book=self._book,
            outcomes=self._outcomes,
            agent=self.agent,
            held=self._held,
            wishes=self._wishes,
            ack_wait_s=self._ack_wait_s,
        )
        self._feed = Feed(
            bus,
            bus.names.stream("TASKS"),
            prepare=self._prepare,
            order=self._backlog.order,
            take=self._take,
            room=self._room,
            sorted_=self._all_sorted,
            retry_s=self._retry_s,
        )
        self._stack = AsyncExitStack()
        subject = self._book.wish_subject(bucket)
        await self._stack.enter_async_context(bus.hearing([subject], "", self._vigil.heard))
        await self._vigil.look_for_wishes()
        self._services = [
            asyncio.create_task(self._feed.run()),
            asyncio.create_task(self._vigil.beat()),
            asyncio.create_task(self._keep_time()),
        ]
        telemetry.emit(
            "worker.started", worker=self.agent, environments=(), concurrency=self._concurrency
        )

    async def stop(self, *, drain_s: float | None = None) -> None:
        """Pull no more, give back what has not begun, let the rest finish within ``drain_s``."""
        services, self._services = self._services, []
        if not services:
            return
        self._is_stopping = True
        feed, beat, clock = services
        try:
            await ended(feed, clock)
            await ended(*self._sorting)
            for held in self._backlog.drain():
                await self._give_back(held)
            async with asyncio.timeout(self._drain_s if drain_s is None else drain_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d tasks are left for another worker", self.held)
        finally:
            left = tuple(self._held.values())
            await ended(*(held.job for held in left if held.job))
            for held in left:
                await self._settler.later(held.received, 0.0)
            await ended(beat)
            self._held.clear()
            self._idle.set()
            if self._stack is not None:
                await self._stack.aclose()
        telemetry.emit("worker.stopped", worker=self.agent)

    async def until_empty(self) -> None:
        """Work until all lanes were found empty and nothing is held."""
        await self.start()
        while True:
            await self._feed.is_idle.wait()
            await self._all_sorted()
            await self._idle.wait()
            if self._feed.is_idle.is_set() and not self._held and not self._sorting:
                return

    async def _prepare(self) -> Sequence[Lane]:
        stream = self._bus.names.stream("TASKS")
        info = await self._bus.stream(stream)
        if info is not None:
            self._clock.set(nanoseconds(str(info["ts"])))
        wanted = [
            stand
            for kind in self._handlers
            for stand in stands(self._bus.names, kind, self._receivers)
        ]
        ready, ack_wait_s, owned = await made(self._bus, wanted, ack_wait_s=self._ack_wait_s)
        self._ack_wait_s = self._vigil.ack_wait_s = ack_wait_s
        for owner in owned:
            if owner.kind not in self.owned:
                log.warning("%s", owner.sentence)
        self.owned = {owner.kind: owner for owner in owned}
        return [lane_of(stand) for stand in ready]

    def _room(self) -> int:
        return 0 if self._is_closed else self._backlog.room(self._running)

    def _take(self, received: Received, lane: Lane) -> None:
        seq = received.ref.seq
        known = self._held.get(seq)
        if known is not None:
            known.received = received  # one message, one run; the newest delivery is settled
            return
        if lane.rank < 0:
            self._sort(received)
            return
        held = self._held[seq] = Held(received=received, rank=lane.rank)
        self._idle.clear()
        self._backlog.add(held)
        self._advance()
        if (last := self._backlog.surplus(self._running)) is not None:
            self._spawn(self._give_back(last))

    def _sort(self, received: Received) -> None:
        self._spawn(sort(self._bus, self._outcomes, self._settler, received))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        job = asyncio.create_task(work)
        self._sorting.add(job)
        job.add_done_callback(self._sorting.discard)

    async def _all_sorted(self) -> None:
        if self._sorting:
            await asyncio.gather(*self._sorting, return_exceptions=True)

    async def _give_back(self, held: Held) -> None:
        await self._settler.later(held.received, 0.0)
        self._forget(held)

    def _advance(self) -> None:
        """Start what may start, and let the feed look at the room again."""
        while self._running < self._concurrency and not self._is_closed:
            held = self._backlog.next()
            if held is None:
                break
            self._running += 1
            held.job = asyncio.create_task(self._see_through(held))
        self._feed.wake()

    async def _see_through(self, held: Held) -> None:
        held.began = time.monotonic()
        is_settled = False
        try:
            outcome = await self._done(held)
            await self._settler.settle(
                lambda: held.received, outcome, obstacle=lambda why: self._hold_up(held, why)
            )
            is_settled = True
        except Exception:
            log.exception("task at seq %d is left for another delivery", held.received.ref.seq)
        finally:
            held.job = None
            self._running -= 1
            self._hold_up(held, "")
            if is_settled or not self._is_stopping:  # else stop() gives it back
                self._forget(held)
        self._backlog.took(time.monotonic() - held.began)
        self._advance()

    async def _done(self, held: Held) -> Outcome:
        def say(why: str) -> None:
            self._hold_up(held, why)

        try:
            task = read_task(self._bus.names, held.received)
        except Undecodable as problem:
            return Outcome(state=DeliveryState.UNDECODABLE, reason=str(problem))
        held.task = task
        known = await self._conduct.admit(task, held.received, say)
        if isinstance(known, Outcome):
            self._wishes.pop(task.id, None)
            return known
        if self._hold is not None:
            await self._hold(task, held.received, self._clock)
            self._has_hold = True
            return Outcome(state=DeliveryState.LOST)
        handler = self._handlers[task.type]
        attempt = 1 + (known.attempts if isinstance(known, Trial) else 0)
        held.context = Context(task, attempt, self.agent, self._outcomes)
        outcome = await self._conduct.run(handler, task, held.context, known, say)
        if held.context.cancelled.is_set():
            self._wishes.pop(task.id, None)
        return outcome

    def _hold_up(self, held: Held, why: str) -> None:
        seq = held.received.ref.seq
        if why:
            self._obstacles[seq] = why
        elif self._obstacles.pop(seq, None) and not self._obstacles:
            self._advance()

    def _forget(self, held: Held) -> None:
        self._held.pop(held.received.ref.seq, None)
        if not self._held:
            self._idle.set()

    async def _keep_time(self) -> None:
        """Publish what is due, whatever its type; and forget old wishes."""
        schedules = Schedules(self._bus, self._book.bucket)
        looked = time.monotonic()
        while True:
            if self.owned and time.monotonic() - looked > _OWNED_S:
                looked = time.monotonic()
                self._feed.renew()  # the other program's consumer may be gone
            try:
                await schedules.fire(self._clock.now_ns())
                await self._book.forget_wishes(self._clock.now_ns())
            except MendwireError as problem:
                log.warning("delayed tasks: %s", problem)
            except Exception:
                log.exception("delayed tasks; trying again")
            await asyncio.sleep(_DUE_S)
