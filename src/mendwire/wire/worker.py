"""The worker: pull, handle, settle. At most so many at once; whatever it holds stays in progress.

A room gives it ``async def handle(received) -> Outcome`` and never sees NATS. Every message is
settled, also the unreadable; nothing is acknowledged before its outcome is durable.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from mendwire import telemetry
from mendwire.errors import (
    Fenced,
    IllegalMove,
    MendwireError,
    ScreenUnavailable,
    ServerError,
    StreamFull,
    Undecodable,
    Unreachable,
)
from mendwire.model.delivery import SETTLED_STATES, DeliveryState, Outcome, Received
from mendwire.model.names import CONSUMER
from mendwire.wire.api import NobodyListens
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.pulling import Puller
from mendwire.wire.settling import LONGEST_WAIT_S, Settler

Handle = Callable[[Received], Awaitable[Outcome]]

IN_PLACE: Final = (ScreenUnavailable, StreamFull, ServerError, NobodyListens)
"""Trouble that is not the message's: it stays held, uses no delivery, and is tried again here."""
_OUTCOMES: Final = SETTLED_STATES | {
    DeliveryState.UNDECODABLE,
    DeliveryState.DEFERRED,
    DeliveryState.LOST,
}
_QUICK_S: Final = 0.5
_TICK_S: Final = 0.5
_LOOK_S: Final = 0.1
_QUIET_LOOKS: Final = 3
"""The server counts a message as waiting a moment after it has stored it, so one look at the
counts could miss what was just published."""
_TRACEBACK_LINES: Final = 6

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How much a worker takes on, and how patiently. Times in seconds."""

    concurrency: int = 2
    """Messages handled at once."""
    prefetch: int = 64
    """Messages pulled ahead while handling takes less than half a second; none when it is slow,
    so that no message waits here while another worker is idle."""
    beat_s: float = 60.0
    """Between two signs of life for what is held; well inside the consumer's ack wait."""
    pull_s: float = 4.0
    """Length of one pull."""
    drain_s: float = 30.0
    """For what is running when the worker stops."""
    retry_s: float = 1.0
    """The first wait after trouble; doubled up to half a minute."""


@dataclass(kw_only=True, slots=True, eq=False)
class _Held:
    received: Received
    obstacle: str = ""
    task: asyncio.Task[None] | None = None
    rest: asyncio.TimerHandle | None = None


class Worker:
    """``async with Worker(...)`` works until the block ends; ``start`` and ``stop`` do the same.

    ``streams`` are read through their durable ``consumer``. Starting twice, stopping twice and
    stopping before the start are all harmless; a stopped worker can start again.
    """

    def __init__(
        self,
        bus: JetStreamBus,
        streams: Sequence[str],
        handle: Handle,
        *,
        consumer: str = CONSUMER,
        name: str = "worker",
        environments: Sequence[str] = (),
        pace: Pace | None = None,
    ) -> None:
        self.name = name
        self.failures = 0
        """Internal errors: exceptions of ``handle`` that were no outcome."""
        self._bus = bus
        self._handle = handle
        self._consumer = consumer
        self._environments = tuple(environments)
        self._pace = pace or Pace()
        self._settler = Settler(bus, retry_s=self._pace.retry_s)
        self._pullers = {stream: self._puller(stream) for stream in streams}
        self._held: dict[tuple[str, int], _Held] = {}
        self._waiting: deque[_Held] = deque()
        self._running = 0
        self._seconds = _QUICK_S * 2
        self._paused = ""
        self._said = ""
        self._stopping = False
        self._services: list[asyncio.Task[None]] = []
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def held(self) -> int:
        """Messages pulled and not settled yet."""
        return len(self._held)

    def holds(self, stream: str, seq: int) -> bool:
        """Whether this worker has that message in hand."""
        return (stream, seq) in self._held

    @property
    def holding_up(self) -> str:
        """Why no new message comes; empty while all is well."""
        return self._closed or next((p.trouble for p in self._pullers.values() if p.trouble), "")

    @property
    def _closed(self) -> str:
        """Why nothing new may begin."""
        return self._paused or next((h.obstacle for h in self._held.values() if h.obstacle), "")

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Begin to pull; returns at once."""
        if self._services:
            return
        self._stopping = False
        runs = [puller.run() for puller in self._pullers.values()]
        self._services = [asyncio.create_task(run) for run in (*runs, self._beat())]
        telemetry.emit(
            "worker.started",
            worker=self.name,
            environments=self._environments,
            concurrency=self._pace.concurrency,
        )

    async def stop(self, *, drain_s: float | None = None) -> None:
        """Stop pulling, give back what has not begun, let the rest finish within ``drain_s``.

        What is still running then is cancelled; its message is delivered again. ``drain_s`` is
        the pace's where None; 0 cancels at once.
        """
        services, self._services = self._services, []
        if not services:
            return
        self._stopping = True
        telemetry.emit("worker.draining", worker=self.name, held=self.held)
        *pullers, beat = services
        try:
            await ended(*pullers)
            await self._give_back()
            async with asyncio.timeout(self._pace.drain_s if drain_s is None else drain_s):
                await self._idle.wait()
        except TimeoutError:
            log.warning("%d messages are left for another worker", self.held)
        finally:
            await ended(*(held.task for held in self._held.values() if held.task), beat)
            self._held.clear()
            self._idle.set()
        telemetry.emit("worker.stopped", worker=self.name)

    def pause(self, reason: str) -> None:
        """Begin nothing new; what is held stays in progress (rules A2, A13)."""
        self._paused = reason or "paused"
        self._advance()

    def resume(self) -> None:
        """End ``pause``."""
        self._paused = ""
        self._advance()

    async def until_empty(self) -> None:
        """Work until no stream has a message waiting or handed out, here or anywhere."""
        await self.start()
        quiet = 0
        while quiet < _QUIET_LOOKS:
            await self._idle.wait()
            quiet = quiet + 1 if await self._all_empty() and not self._held else 0
            await asyncio.sleep(_LOOK_S)

    async def _all_empty(self) -> bool:
        try:
            infos = [await self._bus.consumer(name, self._consumer) for name in self._pullers]
        except Unreachable:
            return False
        return all(i is None or i["num_pending"] + i["num_ack_pending"] == 0 for i in infos)

    def _puller(self, stream: str) -> Puller:
        return Puller(
            self._bus,
            stream,
            self._consumer,
            take=self._take,
            room=self._room,
            troubled=self._advance,
            pull_s=self._pace.pull_s,
            retry_s=self._pace.retry_s,
        )

    def _room(self) -> int:
        """How many one stream may be asked for, so that all together bring no more than fits."""
        if self._stopping or self._closed:
            return 0
        ahead = self._pace.prefetch if self._seconds < _QUICK_S else 0
        most = self._pace.concurrency + ahead
        free = most - sum(held.rest is None for held in self._held.values())
        if ahead and free < most // 4:
            return 0  # rather one pull for a good number than many for one message each
        return max(1, free // len(self._pullers)) if free > 0 else 0

    def _take(self, received: Received) -> None:
        key = (received.ref.stream, received.ref.seq)
        known = self._held.get(key)
        if known is not None:
            # Delivered again while we work on it (the server was killed, or a beat came late):
            # one message, one handler, and the newest delivery is the one to settle.
            known.received = received
            return
        telemetry.emit(
            "message.received",
            subject=received.ref.subject,
            stream=received.ref.stream,
            seq=received.ref.seq,
            deliveries=received.deliveries,
        )
        held = _Held(received=received)
        self._held[key] = held
        self._idle.clear()
        self._waiting.append(held)
        self._advance()

    def _advance(self) -> None:
        """Start what may start, and let the pullers look at the room again."""
        why = self.holding_up
        if why != self._said:
            self._said = why
            if why:
                telemetry.emit("worker.paused", reason=why)
            else:
                telemetry.emit("worker.resumed")
        closed = self._closed or self._stopping
        while self._waiting and self._running < self._pace.concurrency and not closed:
            held = self._waiting.popleft()
            self._running += 1
            held.task = asyncio.create_task(self._see_through(held))
        for puller in self._pullers.values():
            puller.wake()

    async def _see_through(self, held: _Held) -> None:
        began = time.monotonic()
        try:
            rest_s = await self._settled(held)
        except Exception:
            # Left unsettled: it is delivered again.
            log.exception("seq %d cannot be settled", held.received.ref.seq)
            rest_s = 0.0
        finally:
            held.task = None
            self._running -= 1
        self._seconds += (time.monotonic() - began - self._seconds) / 4
        if rest_s > 0:
            held.rest = asyncio.get_running_loop().call_later(rest_s, self._rested, held)
        else:
            self._forget(held)
        self._advance()

    async def _settled(self, held: _Held) -> float:
        """Handle and settle; or the seconds after which to try again, not settled yet."""
        outcome = await self._outcome(held)
        if outcome.state is DeliveryState.DEFERRED and self._is_last(held.received):
            # Given back now it would be stranded: it rests here, in progress, taking no place.
            return max(outcome.delay_s, self._pace.retry_s)
        await self._settler.settle(
            lambda: held.received,
            outcome,
            obstacle=lambda why: self._hold_up(held, why),
        )
        return 0.0

    def _rested(self, held: _Held) -> None:
        held.rest = None
        self._waiting.append(held)
        self._advance()

    async def _outcome(self, held: _Held) -> Outcome:
        """What the room says, or what its exception means; trouble not the message's is sat out."""
        wait = self._pace.retry_s
        while True:
            try:
                outcome = _checked(await self._handle(held.received))
            except IN_PLACE as problem:
                self._hold_up(held, str(problem))
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
                continue
            except Undecodable as problem:
                outcome = Outcome(state=DeliveryState.UNDECODABLE, reason=str(problem))
            except Fenced as problem:
                outcome = Outcome(state=DeliveryState.LOST, reason=str(problem))
            except Exception as problem:  # noqa: BLE001 - whatever it is, the message is not lost
                outcome = self._internal(held.received, problem)
            self._hold_up(held, "")
            return outcome

    def _hold_up(self, held: _Held, why: str) -> None:
        if held.obstacle != why:
            held.obstacle = why
            self._advance()

    def _internal(self, received: Received, problem: Exception) -> Outcome:
        self.failures += 1
        ref = received.ref
        log.error("handling seq %d of %s failed", ref.seq, ref.stream, exc_info=problem)
        last = "".join(traceback.format_exception(problem)).splitlines()[-_TRACEBACK_LINES:]
        reason = "internal error: " + " | ".join(line.strip() for line in last)
        if self._is_last(received):
            return Outcome(state=DeliveryState.DEAD, reason=reason)
        delay = min(self._pace.retry_s * 2**received.deliveries, LONGEST_WAIT_S)
        return Outcome(state=DeliveryState.DEFERRED, reason=reason, delay_s=delay)

    def _is_last(self, received: Received) -> bool:
        most = self._pullers[received.ref.stream].max_deliver
        return 0 < most <= received.deliveries

    async def _beat(self) -> None:
        """Signs of life for all that is held: regularly, and at once after a reconnection."""
        tick = min(_TICK_S, self._pace.beat_s / 2)
        due, connection = time.monotonic() + self._pace.beat_s, self._bus.api.reconnects
        while True:
            await asyncio.sleep(tick)
            if time.monotonic() < due and self._bus.api.reconnects == connection:
                continue
            due, connection = time.monotonic() + self._pace.beat_s, self._bus.api.reconnects
            for held in tuple(self._held.values()):
                try:
                    await self._bus.api.publish(held.received.ref.reply, b"+WPI")
                except MendwireError as problem:
                    log.warning("no sign of life for held messages: %s", problem)
                    break

    async def _give_back(self) -> None:
        while self._waiting:
            held = self._waiting.popleft()
            await self._settler.later(held.received, 0.0)
            self._forget(held)
        for held in tuple(self._held.values()):
            if held.rest is not None:
                held.rest.cancel()
                self._forget(held)

    def _forget(self, held: _Held) -> None:
        ref = held.received.ref
        self._held.pop((ref.stream, ref.seq), None)
        if not self._held:
            self._idle.set()


def _checked(outcome: Outcome) -> Outcome:
    if outcome.state in _OUTCOMES:
        return outcome
    raise IllegalMove(f"A handled message cannot be {outcome.state}.")
