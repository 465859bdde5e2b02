"""Pulling from one durable consumer, through restarts of the server and of the consumer.

One pull request is open at a time, for as many messages as there is room. The server forgets open
pulls when it stops, so a pull is short, and is given up at once when the client has reconnected.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import logging
import time
from collections.abc import Callable
from typing import Final

from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError

from mendwire.errors import MendwireError
from mendwire.model.delivery import Received
from mendwire.wire.api import refused, unsubscribe
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.stored import delivered, delivery_of

_LOOK_S: Final = 0.25
"""How soon a pull notices that the client has reconnected, or that there is no room any more."""
_LATE_S: Final = 1.0
_GONE: Final = frozenset({"503", "409"})

log = logging.getLogger(__name__)


class Puller:
    """Hands every delivered message of one consumer to ``take``, at most ``room()`` at a time."""

    def __init__(
        self,
        bus: JetStreamBus,
        stream: str,
        consumer: str,
        *,
        take: Callable[[Received], None],
        room: Callable[[], int],
        troubled: Callable[[], None],
        pull_s: float,
        retry_s: float,
    ) -> None:
        self.stream = stream
        self.max_deliver = -1
        """As the consumer says; -1 is without end, and holds until it was first asked."""
        self.trouble = ""
        """Why no message comes, in a sentence; ``troubled`` is called when it changes."""
        self._bus = bus
        self._consumer = consumer
        self._endpoint = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._take = take
        self._room = room
        self._troubled = troubled
        self._pull_s = pull_s
        self._retry_s = retry_s
        self._wake = asyncio.Event()
        self._ended = asyncio.Event()
        self._numbers = itertools.count(1)
        self._created = ""
        self._consumer_seq = 0
        self._left = 0
        self._open = ""
        self._gone = ""

    def wake(self) -> None:
        """There may be room again."""
        self._wake.set()

    async def run(self) -> None:
        """Pull until cancelled; trouble is logged and tried again."""
        while True:
            try:
                await self._serve()
            except MendwireError as problem:
                log.warning("pulling from %s: %s", self.stream, problem)
                self._say(str(problem))
            except Exception:
                log.exception("pulling from %s failed", self.stream)
            await asyncio.sleep(self._retry_s)

    def _say(self, trouble: str) -> None:
        if self.trouble != trouble:
            self.trouble = trouble
            self._troubled()

    async def _serve(self) -> None:
        await self._look_up()
        subscription, inbox = await self._subscribe()
        try:
            while not self._gone:
                self._wake.clear()
                room = self._room()
                if room <= 0:
                    await self._wake.wait()
                elif not await self._pull(inbox, room):
                    # No room is left: what the server has not sent yet, others may take.
                    await drained(subscription)
                    subscription, inbox = await self._subscribe()
        finally:
            await asyncio.shield(drained(subscription))

    async def _subscribe(self) -> tuple[Subscription, str]:
        inbox = self._bus.api.client.new_inbox()
        return await self._bus.api.subscribe(f"{inbox}.*", cb=self._on_message), inbox

    async def _look_up(self) -> None:
        info = await self._bus.consumer(self.stream, self._consumer)
        if info is not None:
            self.max_deliver = int(info["config"].get("max_deliver", -1))
        self._created = await self._bus.created(self.stream)
        self._consumer_seq = 0
        self._gone = ""

    async def _pull(self, inbox: str, room: int) -> bool:
        """One pull; False if it was given up because there is no room any more."""
        self._open, self._left = f"{inbox}.{next(self._numbers)}", room
        self._ended.clear()
        began, connection = time.monotonic(), self._bus.api.reconnects
        body = {"batch": room, "expires": int(self._pull_s * 1e9)}
        await self._bus.api.publish(self._endpoint, json.dumps(body).encode(), reply=self._open)
        full = 0
        while not await self._is_over(began, connection):
            full = full + 1 if self._room() <= 0 else 0
            if full > 1:
                return False
        self._say(self._gone)
        return True

    async def _is_over(self, began: float, connection: int) -> bool:
        """Wait a little; whether the open pull brings nothing more. Raises AccessRefused."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LOOK_S):
                await self._ended.wait()
        api = self._bus.api
        if api.denials.find(self._endpoint, began):
            raise refused(self._endpoint)
        if api.denials.find(f"{self._open.rpartition('.')[0]}.*"):
            raise refused("its inbox")
        late = time.monotonic() > began + self._pull_s + _LATE_S
        return self._ended.is_set() or late or api.reconnects != connection

    async def _on_message(self, message: Msg) -> None:
        status = (message.headers or {}).get("Status") if not message.reply else None
        if status is not None:
            self._on_status(message, status)
            return
        delivery = delivery_of(message.reply)
        if delivery.consumer_seq <= self._consumer_seq:
            # A consumer never counts back: this is another one, maybe on another stream.
            with contextlib.suppress(MendwireError):  # settling compares once more
                await self._look_up()
        self._consumer_seq = delivery.consumer_seq
        self._left -= 1
        self._bus.delivered(message.reply)
        self._take(delivered(message, delivery, self._created))
        if self._left <= 0:
            self._ended.set()

    def _on_status(self, message: Msg, status: str) -> None:
        if message.subject != self._open:
            return
        said = str((message.headers or {}).get("Description", ""))
        if status in _GONE and not said.startswith(("Exceeded", "Message Size")):
            self._gone = f"{self.stream} has no consumer {self._consumer}: mendwire streams apply."
        self._ended.set()


async def drained(subscription: Subscription) -> None:
    """End a subscription without losing what is on its way."""
    try:
        async with asyncio.timeout(_LATE_S):
            await subscription.drain()  # type: ignore[no-untyped-call]  # nats-py
    except (NatsError, OSError):
        await unsubscribe(subscription)
