"""What becomes of messages that ran out of deliveries, or are about to run out of time.

After its last failed delivery a message stays in its stream, invisible to every consumer; the
server says so once, in an advisory, which our ``ADVISORIES`` stream keeps. The mover asks the
docket first (rules A2), copies before it deletes, compares before it deletes, and acknowledges the
advisory last, so that dying anywhere only repeats a step that is idempotent.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any, Final, Self

from mendwire import telemetry
from mendwire.errors import MendwireError, RepeatedReentry, StreamFull
from mendwire.model.delivery import SETTLED, DeliveryState, MessageRef, Outcome, Received
from mendwire.wire.api import TooLarge
from mendwire.wire.burial import bury, generation, reenter
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import PENDING_LIMIT, JetStreamBus
from mendwire.wire.stored import nanoseconds
from mendwire.wire.topology import MOVER
from mendwire.wire.worker import Pace, Worker

GENERATIONS: Final = 2
"""How often a message is published again before it is buried (rules A3)."""
NEARLY: Final = 0.8
"""The share of its stream's max age after which a message moves to the dead letters (rules A7)."""

_OUR_DELETION: Final = "Unacknowledged message was deleted"
"""The server's word for a message settled by sequence while a consumer had it out."""

log = logging.getLogger(__name__)


class Fate(StrEnum):
    """What the docket says of an exhausted message."""

    ALIVE = "alive"
    """Its case goes on and will settle it: left where it is."""
    FINISHED = "finished"
    """Its case is done: removed."""
    REDRIVE = "redrive"
    """Published again as its next generation, then removed."""
    BURY = "bury"
    """Copied to the dead letters, then removed."""


Ask = Callable[[MessageRef, Received], Awaitable[Fate]]


class DeadLetters:
    """``async with DeadLetters(...)`` works until the block ends; several may run at once."""

    def __init__(
        self,
        bus: JetStreamBus,
        streams: Sequence[str],
        ask: Ask,
        *,
        every_s: float = 60.0,
        pace: Pace | None = None,
    ) -> None:
        self._bus = bus
        self._streams = tuple(streams)
        self._ask = ask
        self._every_s = every_s
        self._worker = Worker(
            bus,
            [bus.names.stream("ADVISORIES")],
            self._advised,
            consumer=MOVER,
            name="dead letters",
            pace=pace or Pace(concurrency=1, prefetch=8, beat_s=15.0),
        )
        self._rounds: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_exception: object) -> None:
        await self.stop()

    @property
    def holding_up(self) -> str:
        """Why nothing moves, e.g. because the dead letters are full; empty while all is well."""
        return self._worker.holding_up

    async def start(self) -> None:
        """Begin; legal twice."""
        if self._rounds is None:
            await self._worker.start()
            self._rounds = asyncio.create_task(self._go_round())

    async def stop(self) -> None:
        """End; legal twice and before the start."""
        rounds, self._rounds = self._rounds, None
        if rounds is not None:
            await ended(rounds)
        await self._worker.stop()

    async def until_empty(self) -> None:
        """Work until no advisory is left."""
        await self._worker.until_empty()

    async def reconcile(self) -> int:
        """Find what no advisory told of, and what is about to expire; how many were moved.

        Raises StreamFull when there is no room for the dead; the originals stay.
        """
        moved = 0
        for stream in self._streams:
            moved += await self._unstick(stream)
            moved += await self._save_from_expiry(stream)
        return moved

    async def _go_round(self) -> None:
        while True:
            try:
                await self.reconcile()
            except MendwireError as problem:
                log.warning("looking for stuck messages: %s", problem)
            except Exception:
                log.exception("looking for stuck messages failed; trying again")
            await asyncio.sleep(self._every_s)

    async def _advised(self, advisory: Received) -> Outcome:
        try:
            said = json.loads(advisory.payload)
            stream, seq = str(said["stream"]), int(said["stream_seq"])
        except (ValueError, TypeError, KeyError):
            return Outcome(state=DeliveryState.SKIPPED, reason="no advisory")
        if stream not in self._streams:
            return Outcome(state=DeliveryState.SKIPPED, reason="not our stream")
        message = await self._bus.peek(stream, seq)
        if message is None:
            ended = "terminated" in str(said.get("type"))
            if ended and said.get("reason") != _OUR_DELETION:
                log.warning("another program terminated seq %d of %s unread", seq, stream)
            return SETTLED
        if await self._is_stale(advisory, message):
            return Outcome(state=DeliveryState.SKIPPED, reason="stream or consumer made anew")
        await self._decide(replace(message, deliveries=int(said.get("deliveries", 0))))
        return SETTLED

    async def _is_stale(self, advisory: Received, message: Received) -> bool:
        """Whether the stream or the consumer was made after the advisory (rules A6)."""
        if message.published_ns > advisory.published_ns:
            return True
        info = await self._bus.consumer(message.ref.stream)
        return info is not None and nanoseconds(str(info["created"])) > advisory.published_ns

    async def _decide(self, message: Received) -> bool:
        """Ask and do; whether the message was moved."""
        fate = await self._ask(message.ref, message)
        if fate is Fate.ALIVE:
            return False
        if fate is Fate.FINISHED:
            return await self._bus.remove(message.ref)
        if fate is Fate.REDRIVE and generation(message) < GENERATIONS:
            return await self._redrive(message)
        last = f"It failed {GENERATIONS + 1} generations of deliveries."
        reason = last if fate is Fate.REDRIVE else "Its deliveries ran out."
        return await self._bury(message, reason)

    async def _redrive(self, message: Received) -> bool:
        to = generation(message) + 1
        try:
            await reenter(self._bus, message, to)
        except (RepeatedReentry, StreamFull, TooLarge) as problem:
            # A full queue of nothing but stuck messages would otherwise never move again.
            return await self._bury(message, str(problem))
        telemetry.emit("message.redriven", **_where(message), generation=to)
        return await self._bus.remove(message.ref)

    async def _bury(self, message: Received, reason: str) -> bool:
        if await self._bus.peek(message.ref.stream, message.ref.seq) is None:
            return False  # another mover was faster
        await bury(self._bus, message, reason)
        telemetry.emit("message.dead", **_where(message), reason=reason)
        return await self._bus.remove(message.ref)

    async def _unstick(self, stream: str) -> int:
        info = await self._bus.consumer(stream)
        if info is None:
            return 0
        # Which of the delivered ones are still out, the server does not tell: none when it counts
        # none, and certainly none up to the ack floor.
        out = int(info["num_ack_pending"])
        known = int(info["delivered" if out == 0 else "ack_floor"]["stream_seq"])
        deliveries = max(0, int(info["config"].get("max_deliver", 0)))
        moved = 0
        async for message in self._bus.walk(stream, PENDING_LIMIT, known):
            moved += await self._decide(replace(message, deliveries=deliveries))
        return moved

    async def _save_from_expiry(self, stream: str) -> int:
        info = await self._bus.stream(stream)
        age = int(info["config"].get("max_age", 0)) if info else 0
        if info is None or age <= 0:
            return 0
        until = nanoseconds(str(info["ts"])) - int(age * NEARLY)
        delivered = await self._delivered(stream)
        moved = 0
        async for message in self._bus.walk(stream, PENDING_LIMIT, int(info["state"]["last_seq"])):
            if message.published_ns > until:
                break
            moved += await self._expiring(message, seen=message.ref.seq <= delivered)
        return moved

    async def _expiring(self, message: Received, *, seen: bool) -> bool:
        fate = await self._ask(message.ref, message) if seen else Fate.BURY
        if fate is Fate.ALIVE:
            return False
        if fate is Fate.FINISHED:
            return await self._bus.remove(message.ref)
        return await self._bury(message, "Its stream was about to drop it for its age.")

    async def _delivered(self, stream: str) -> int:
        info: dict[str, Any] | None = await self._bus.consumer(stream)
        return 0 if info is None else int(info["delivered"]["stream_seq"])


def _where(message: Received) -> dict[str, object]:
    return {"stream": message.ref.stream, "seq": message.ref.seq}
