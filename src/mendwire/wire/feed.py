"""Pulling from several durable consumers of one work queue, in an order.

A work queue gives each subject to one consumer, so tasks that differ in rank stand in different
lanes. Where there is room, the lanes are asked one after another, the first one first, without
waiting; when all are empty, all are listened to at once. Nothing is pulled that has no room, except
what several lanes send at the same moment, which ``take`` may give back.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from mendwire.errors import MendwireError, Unreachable
from mendwire.model.delivery import Received
from mendwire.wire.api import NobodyListens, refused
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.pulling import drained
from mendwire.wire.stored import delivered, delivery_of

_TICK_S: Final = 0.25
_ANSWER_S: Final = 3.0
_GONE: Final = frozenset({"503", "409"})
_PLAIN_TOKENS: Final = 9

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lane:
    """One durable consumer."""

    consumer: str
    rank: int
    """Lower goes first; -1 before all others."""
    batch: int = 0
    """Asked for at once, and again until it is empty, however little room there is: for a lane
    whose messages take no room."""


@dataclass(kw_only=True, slots=True, eq=False)
class _Pull:
    lane: Lane
    left: int
    """Messages that it may still bring."""
    ended: asyncio.Event
    status: str = ""
    """The server's, when it has ended the pull."""


Prepare = Callable[[], Awaitable[Sequence[Lane]]]
Order = Callable[[Sequence[Lane]], Sequence[Lane]]


class Feed:
    """Hands every delivered message to ``take`` with its lane, while ``room()`` is above zero.

    ``prepare`` makes the lanes, and is asked again when one of them is gone; ``order`` says in
    which order they are asked this time; ``sorted_`` returns when what came by lanes that take no
    room has been dealt with.
    """

    def __init__(  # noqa: PLR0913 - five questions to its owner, keyword-only
        self,
        bus: JetStreamBus,
        stream: str,
        *,
        prepare: Prepare,
        order: Order,
        take: Callable[[Received, Lane], None],
        room: Callable[[], int],
        sorted_: Callable[[], Awaitable[None]],
        pull_s: float = 4.0,
        retry_s: float = 1.0,
    ) -> None:
        self.trouble = ""
        """Why nothing comes, in a sentence; empty while all is well."""
        self.is_idle = asyncio.Event()
        """Set while all lanes were found empty and are listened to."""
        self._bus = bus
        self._stream = stream
        self._prepare = prepare
        self._order = order
        self._take = take
        self._room = room
        self._sorted = sorted_
        self._pull_s = pull_s
        self._retry_s = retry_s
        self._wake = asyncio.Event()
        self._numbers = itertools.count(1)
        self._lanes: dict[str, Lane] = {}
        self._open: dict[str, _Pull] = {}
        self._consumer_seqs: dict[str, int] = {}
        self._subscription: Subscription | None = None
        self._inbox = ""
        self._created = ""
        self._gone = ""
        self._is_old = False

    def wake(self) -> None:
        """There may be room again, or other lanes."""
        self._wake.set()

    def renew(self) -> None:
        """Ask ``prepare`` again soon."""
        self._is_old = True
        self._wake.set()

    async def run(self) -> None:
        """Pull until cancelled; trouble is logged and tried again."""
        while True:
            try:
                await self._serve()
            except MendwireError as problem:
                log.warning("pulling from %s: %s", self._stream, problem)
                self.trouble = str(problem)
            except Exception:
                log.exception("pulling from %s failed", self._stream)
            self.is_idle.clear()
            await asyncio.sleep(self._retry_s)

    async def _serve(self) -> None:
        lanes = tuple(await self._prepare())
        self._lanes = {lane.consumer: lane for lane in lanes}
        self._created = await self._bus.created(self._stream)
        self._consumer_seqs.clear()
        self._gone, self._is_old = "", False
        await self._subscribe()
        try:
            while not self._gone and not self._is_old:
                self._wake.clear()
                if self._room() <= 0 or not lanes:
                    self.trouble = ""
                    if not lanes:
                        self.is_idle.set()
                    await self._wake.wait()
                    continue
                await self._sweep(lanes)
                if self._room() > 0 and not self._gone:
                    await self._listen(lanes)
            if self._gone:
                raise NobodyListens(self._gone)
        finally:
            await asyncio.shield(self._close())

    async def _subscribe(self) -> None:
        self._inbox = self._bus.api.client.new_inbox()
        self._open.clear()
        self._subscription = await self._bus.api.subscribe(f"{self._inbox}.*", cb=self._on_message)

    async def _close(self) -> None:
        """End all open pulls; what the server has not sent yet, others may take."""
        subscription, self._subscription = self._subscription, None
        if subscription is not None:
            await drained(subscription)
        self._open.clear()

    async def _sweep(self, lanes: Sequence[Lane]) -> None:
        for lane in self._order(lanes):
            room = self._room()
            if room <= 0 or self._gone:
                return
            while await self._asked(lane, lane.batch or room) and lane.batch:
                await self._sorted()
            if lane.batch:
                await self._sorted()
        self.trouble = self._gone

    async def _asked(self, lane: Lane, batch: int) -> bool:
        """Take what waits in a lane now, at most ``batch``; whether there may be more."""
        pull = await self._ask(lane, batch, {"no_wait": True})
        try:
            async with asyncio.timeout(_ANSWER_S):
                await pull.ended.wait()
        except TimeoutError:
            await self._resubscribe()
            raise Unreachable("The NATS server did not answer a pull in time.") from None
        return not pull.status

    async def _listen(self, lanes: Sequence[Lane]) -> None:
        """All lanes at once, until something fills the room or the pulls expire."""
        began, connection = time.monotonic(), self._bus.api.reconnects
        room = self._room()
        how: dict[str, object] = {"expires": int(self._pull_s * 1e9)}
        pulls = [await self._ask(lane, lane.batch or room, how) for lane in lanes]
        self.is_idle.set()
        try:
            while self._room() > 0 and not self._gone:
                self._wake.clear()
                if any(pull.ended.is_set() for pull in pulls):
                    break
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await self._wake.wait()
                late = time.monotonic() > began + self._pull_s + 1
                if late or self._bus.api.reconnects != connection:
                    break
                self._check_rights(began)
        finally:
            self.is_idle.clear()
        if any(not pull.ended.is_set() for pull in pulls):
            await self._resubscribe()

    async def _resubscribe(self) -> None:
        await self._close()
        await self._subscribe()

    def _check_rights(self, since: float) -> None:
        denials = self._bus.api.denials
        endpoint = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}."
        for consumer in self._lanes:
            if denials.find(f"{endpoint}{consumer}", since):
                raise refused(f"{endpoint}{consumer}")
        if denials.find(f"{self._inbox}.*"):
            raise refused("its inbox")

    async def _ask(self, lane: Lane, batch: int, how: dict[str, object]) -> _Pull:
        reply = f"{self._inbox}.{next(self._numbers)}"
        pull = self._open[reply] = _Pull(lane=lane, left=batch, ended=asyncio.Event())
        endpoint = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{lane.consumer}"
        body = json.dumps({"batch": batch} | how).encode()
        await self._bus.api.publish(endpoint, body, reply=reply)
        return pull

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is not None:
            self._on_status(message, status)
            return
        consumer = _consumer_of(message.reply)
        lane = self._lanes.get(consumer)
        if lane is None:
            return
        delivery = delivery_of(message.reply)
        if delivery.consumer_seq <= self._consumer_seqs.get(consumer, 0):
            # A consumer never counts back: this is another one, maybe on another stream.
            with contextlib.suppress(MendwireError):  # settling compares once more
                self._created = await self._bus.created(self._stream)
        self._consumer_seqs[consumer] = delivery.consumer_seq
        self._count(lane)
        self._bus.delivered(message.reply)
        self._take(delivered(message, delivery, self._created), lane)
        if self._room() <= 0:
            self._wake.set()

    def _count(self, lane: Lane) -> None:
        """A pull of that lane has brought one message; at most one is open at a time."""
        for reply, pull in self._open.items():
            if pull.lane is lane and pull.left > 0:
                pull.left -= 1
                if pull.left == 0:
                    pull.ended.set()
                    self._wake.set()
                    del self._open[reply]
                return

    def _on_status(self, message: Msg, status: str) -> None:
        pull = self._open.pop(message.subject, None)
        if pull is None:
            return
        said = str((message.headers or {}).get("Description", ""))
        if status in _GONE and not said.startswith(("Exceeded", "Message Size")):
            self._gone = f"{self._stream} has no consumer {pull.lane.consumer} any more."
        pull.status = status
        pull.ended.set()
        self._wake.set()


def _consumer_of(reply: str) -> str:
    tokens = reply.split(".")
    at = 3 if len(tokens) == _PLAIN_TOKENS else 5
    return tokens[at] if len(tokens) > at else ""
