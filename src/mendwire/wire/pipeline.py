"""Publishing with many acknowledgements under way: for a publisher that has much to send.

One inbox, one reply token a message, answers given back in the order in which they come. Waiting
costs nothing but a place in a dictionary; time-outs are watched for all together.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from nats.aio.msg import Msg

from mendwire.errors import MendwireError, Unreachable
from mendwire.wire.ack import Ack
from mendwire.wire.api import Api, unsubscribe
from mendwire.wire.refusals import TIMEOUT_S, answer_of, no_answer, refused

WINDOW: Final = 256
_WATCH_S: Final = 0.25

Done = Callable[[Ack | MendwireError], None]
"""Called once with the server's answer; must not raise."""


@asynccontextmanager
async def pipeline(
    api: Api, *, window: int = WINDOW, timeout_s: float = TIMEOUT_S
) -> AsyncIterator[Pipeline]:
    """A pipeline over the connection of ``api``; what is unanswered at the end stays so."""
    made = Pipeline(api, window, timeout_s)
    inbox = await api.subscribe(f"{made.inbox}*", cb=made.answered)
    watch = asyncio.create_task(made.watch())
    try:
        yield made
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        await unsubscribe(inbox)


class Pipeline:
    """At most ``window`` messages whose answers are open."""

    def __init__(self, api: Api, window: int, timeout_s: float) -> None:
        self.inbox = f"{api.client.new_inbox()}."
        self._api = api
        self._window = window
        self._timeout_s = timeout_s
        self._numbers = itertools.count(1)
        self._open: dict[str, tuple[Done, str, float]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._enough = 0
        self._broken: MendwireError | None = None
        self._reconnects = api.reconnects
        api.denials.listen(self._refused)

    async def publish(
        self, subject: str, payload: bytes, headers: Mapping[str, str], done: Done
    ) -> None:
        """Send as soon as there is room; ``done`` gets the answer.

        Raises what makes this message impossible (TooLarge, a bad subject) and, when the connection
        is lost or the server silent, Unreachable: then no open message is answered any more.
        """
        if len(self._open) >= self._window:
            # Half of the window at a time: a task that wakes for each answer sends one by one.
            await self._until(self._window // 2)
        self._check()
        token = str(next(self._numbers))
        self._open[token] = (done, subject, time.monotonic())
        try:
            await self._api.publish(subject, payload, reply=f"{self.inbox}{token}", headers=headers)
        except BaseException:
            self._open.pop(token, None)
            raise

    async def settle(self) -> None:
        """Wait until everything is answered; raises Unreachable as ``publish`` does."""
        await self._until(0)
        self._check()

    async def answered(self, message: Msg) -> None:
        """The callback of the inbox."""
        found = self._open.pop(message.subject[len(self.inbox) :], None)
        if found is not None:
            status = (message.headers or {}).get("Status", "")
            found[0](answer_of(message.data, status, found[1]))
            self._let_go()

    async def watch(self) -> None:
        """Look after the oldest open message and the connection, until cancelled."""
        while True:
            await asyncio.sleep(_WATCH_S)
            sent = next(iter(self._open.values()), None)
            if sent is None:
                self._reconnects = self._api.reconnects
            elif time.monotonic() - sent[2] > self._timeout_s:
                self._break(no_answer(sent[1]))
            elif not self._is_connected() or self._api.reconnects != self._reconnects:
                self._break(Unreachable("The connection to the NATS server is lost."))

    def _is_connected(self) -> bool:
        return bool(self._api.client.is_connected)

    def _check(self) -> None:
        if self._broken is not None:
            raise self._broken
        if not self._is_connected():
            raise Unreachable("The connection to the NATS server is lost.")

    def _break(self, why: MendwireError) -> None:
        self._broken = why
        self._open.clear()
        self._let_go()

    async def _until(self, count: int) -> None:
        """Wait until at most ``count`` are open."""
        while len(self._open) > count:
            self._enough = count
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None

    def _let_go(self) -> None:
        waiter = self._waiter
        if waiter is not None and len(self._open) <= self._enough and not waiter.done():
            waiter.set_result(None)

    def _refused(self, action: str, subject: str) -> None:
        own_inbox = action == "subscription" and subject.startswith(self.inbox.lower())
        for token, (done, asked, _) in tuple(self._open.items()):
            if own_inbox or asked.lower() == subject:
                del self._open[token]
                done(refused(subject if own_inbox else asked))
        self._let_go()
