"""Sending what waits over one connection: the spool first, in order, then the queue.

Loaded by the sender's thread when there is something to send, so that a host that has no errors
never loads a NATS client.
"""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import suppress
from typing import Final

from mendwire.capture.outbox import MAX_PAYLOAD, Outbox
from mendwire.capture.outgoing import PUBLISHER, outgoing
from mendwire.capture.spool import Spooled
from mendwire.capture.wishes import Wishes
from mendwire.errors import AccessRefused, MendwireError, StreamFull, Unreachable, WireError
from mendwire.wire.api import NobodyListens
from mendwire.wire.connection import Link, connected
from mendwire.wire.jetstream import JetStreamBus

COUNT_EVERY_S: Final = 5.0
_LATER: Final = (Unreachable, AccessRefused, StreamFull, NobodyListens, OSError)
"""What another try may mend; anything else about one report is final."""


async def deliver(outbox: Outbox, wishes: Wishes, wake: asyncio.Event) -> None:
    """Connect, then send what comes until the connection is lost or the task is cancelled.

    Raises what another try may mend; what could not be sent still waits in ``outbox`` then.
    """
    target = outbox.target
    async with connected(target.surroundings, names=target.names, name="mendwire-sdk") as link:
        await _Courier(outbox, link).serve(wishes, wake)


class _Courier:
    def __init__(self, outbox: Outbox, link: Link) -> None:
        self._outbox = outbox
        self._link = link
        self._bus = JetStreamBus(link.client, link.names, link.denials)

    async def serve(self, wishes: Wishes, wake: asyncio.Event) -> None:
        told = time.monotonic()
        while True:
            wake.clear()
            wished = wishes.open()
            await self._send_spooled()
            await self._send_queued()
            if wished or time.monotonic() - told > COUNT_EVERY_S:
                await self._send_counts()
                told = time.monotonic()
            wishes.answer(wished, is_delivered=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(wake.wait(), COUNT_EVERY_S)

    async def _send_spooled(self) -> None:
        spool = self._outbox.target.spool
        if spool.is_empty():
            return
        with spool.sending() as is_ours:
            for file in spool.waiting() if is_ours else ():
                item = spool.read(file)
                if item:
                    await self._send(item)
                    spool.remove(file)

    async def _send_queued(self) -> None:
        outbox = self._outbox
        while outbox.digest():
            while outbox.ready:
                await self._send(outbox.ready[0])
                outbox.ready.popleft()

    async def _send(self, item: Spooled) -> None:
        """Publish one message; raises what another try may mend, drops what none will."""
        if not self._link.client.is_connected:
            raise Unreachable("The connection to the NATS server is lost.")
        try:
            await (self._tell(item) if item.kind == "count" else self._report(item))
        except _LATER:
            raise
        except MendwireError as problem:
            self._outbox.drop(1, str(problem))

    async def _report(self, item: Spooled) -> None:
        limit = self._link.client.max_payload or MAX_PAYLOAD
        policy = self._outbox.target.scrub
        ready = outgoing(item.payload, self._link.names, item.environment, limit, policy)
        headers = {"Mendwire-Publisher": PUBLISHER, "Mendwire-Issue": ready.issue}
        ack = await self._bus.publish(
            ready.subject, ready.payload, msg_id=ready.msg_id, headers=headers
        )
        if ack.duplicate:
            self._outbox.tally.add(ready.signature, ready.issue)
        else:
            self._outbox.stored += 1

    async def _send_counts(self) -> None:
        tally = self._outbox.tally
        for count in tally.take():
            try:
                await self._send(self._outbox.counted(count))
            except BaseException:
                tally.add(count.signature, count.issue, count.repeats)
                raise

    async def _tell(self, item: Spooled) -> None:
        names = self._link.names
        subject = names.occurrences(json.loads(item.payload)["issue"])
        try:
            await self._bus.publish(
                subject, item.payload, msg_id=f"{names.namespace}-count-{item.id}"
            )
        except (AccessRefused, WireError) as problem:
            # Counts are best effort: reports must not wait behind them.
            self._outbox.guard.tell("capture.dropped", count=0, reason=str(problem))
