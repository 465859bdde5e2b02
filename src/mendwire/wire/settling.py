"""What becomes of a handled message on the wire: ack, dead letter, later, or left alone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from mendwire import telemetry
from mendwire.errors import ServerError, StreamFull, Unreachable
from mendwire.model.delivery import DeliveryState, Outcome, Received
from mendwire.wire.api import NobodyListens
from mendwire.wire.burial import bury
from mendwire.wire.jetstream import JetStreamBus

LONGEST_WAIT_S: Final = 30.0

T = TypeVar("T")
Obstacle = Callable[[str], None]
"""Told in words what holds a settlement up; an empty text says that it is over."""

log = logging.getLogger(__name__)


class Settler:
    """Carries outcomes out; tries for as long as it takes, never acknowledges before a copy."""

    def __init__(self, bus: JetStreamBus, *, retry_s: float) -> None:
        self._bus = bus
        self._retry_s = retry_s

    async def settle(
        self,
        newest: Callable[[], Received],
        outcome: Outcome,
        *,
        obstacle: Obstacle,
    ) -> None:
        """``newest`` gives the latest delivery of the message.

        Returns when it is durable; only cancelling ends it earlier.
        """

        async def remove() -> None:
            await self._bus.settle(newest().ref)

        async def copy() -> None:
            await bury(self._bus, newest(), outcome.reason)

        how = "acked"
        state = outcome.state
        if state in {DeliveryState.DEAD, DeliveryState.UNDECODABLE}:
            how = "dead"
            await self.surely(copy, obstacle)
            telemetry.emit("message.dead", **_where(newest()), reason=outcome.reason)
        if state is DeliveryState.LOST:
            how = "held"
        elif state is DeliveryState.DEFERRED:
            how = "later"
            await self.later(newest(), outcome.delay_s)
        elif not outcome.removed:
            await self.surely(remove, obstacle)
        telemetry.emit("message.settled", **_where(newest()), how=how)

    async def later(self, received: Received, delay_s: float) -> None:
        """Ask for another delivery after ``delay_s`` seconds; an unheard one comes by itself."""
        body = json.dumps({"delay": int(delay_s * 1e9)}).encode() if delay_s > 0 else b""
        try:
            await self._bus.api.publish(received.ref.reply, b"-NAK " + body if body else b"-NAK")
        except Unreachable:
            log.info("seq %d of %s waits out its time", received.ref.seq, received.ref.stream)

    async def surely(self, step: Callable[[], Awaitable[T]], obstacle: Obstacle) -> T:
        """Try ``step`` until the server takes it."""
        wait = self._retry_s
        while True:
            try:
                done = await step()
            except (ServerError, StreamFull, NobodyListens) as problem:
                obstacle(str(problem))
                await asyncio.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_S)
            else:
                obstacle("")
                return done


def _where(received: Received) -> dict[str, object]:
    return {"stream": received.ref.stream, "seq": received.ref.seq}
