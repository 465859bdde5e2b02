"""The bus over a real NATS connection."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from mendwire.errors import Unreachable
from mendwire.model.delivery import MessageRef, Received
from mendwire.model.names import CONSUMER, Names
from mendwire.wire.api import Api, ApiError, NobodyListens, unsubscribe
from mendwire.wire.bucket import JetStreamBucket, acknowledged
from mendwire.wire.bus import Ack, Hear
from mendwire.wire.denials import Denials
from mendwire.wire.objects import JetStreamObjects
from mendwire.wire.stored import delivery_of, stored

ACK_TIMEOUT_S: Final = 2.0
FRESH_S: Final = 1.0
"""A delivery this young is acknowledged unseen; for an older one it is first made sure that its
stream was not made anew meanwhile (rules A6)."""
PENDING_LIMIT: Final = 4096
"""Four times what a consumer hands out unacknowledged by default."""

_NO_MESSAGE: Final = 10037
_NO_CONSUMER: Final = 10014
_NO_STREAM: Final = 10059
_NOT_DELETED: Final = frozenset({10037, 10043, 10057})


class JetStreamBus:
    """``wire.bus.Bus`` on one connection, plus what the worker and the mover need."""

    def __init__(self, client: Client, names: Names, denials: Denials | None = None) -> None:
        self.api = Api(client, denials)
        self.names = names
        self._deliveries: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def delivered(self, reply: str) -> None:
        """Note a delivery to this connection: settled within ``FRESH_S``, it is not looked up."""
        now = time.monotonic()
        self._deliveries[reply] = (now, self.api.reconnects)
        while now - next(iter(self._deliveries.values()))[0] > FRESH_S:
            self._deliveries.popitem(last=False)

    async def publish(
        self,
        subject: str,
        payload: bytes,
        *,
        msg_id: str = "",
        headers: Mapping[str, str] | None = None,
        expected_last_subject_seq: int | None = None,
    ) -> Ack:
        sent = dict(headers) if headers else {}
        if msg_id:
            sent["Nats-Msg-Id"] = msg_id
        if expected_last_subject_seq is not None:
            sent["Nats-Expected-Last-Subject-Sequence"] = str(expected_last_subject_seq)
        return acknowledged(await self.api.request(subject, payload, headers=sent or None), subject)

    async def tell(self, subject: str, payload: bytes) -> None:
        # What cannot be sent now is lost, as the caller has accepted.
        with contextlib.suppress(Unreachable):
            await self.api.publish(subject, payload)

    @contextlib.asynccontextmanager
    async def hearing(self, subjects: Sequence[str], queue: str, hear: Hear) -> AsyncIterator[None]:
        async def heard(message: Msg) -> None:
            hear(message.subject, message.data, message.headers or {})

        async with contextlib.AsyncExitStack() as stack:
            for subject in subjects:
                opened = await self.api.subscribe(subject, cb=heard, queue=queue)
                stack.push_async_callback(unsubscribe, opened)
            # A round trip, so that from here on nothing is missed. Not the client's own flush: its
            # PING overtakes what waits to be sent.
            await self.api.call("INFO")
            yield

    def bucket(self, name: str) -> JetStreamBucket:
        return JetStreamBucket(self.api, name)

    def objects(self, name: str) -> JetStreamObjects:
        """An object store of the topology by its full name, e.g. ``AI_TUTOR_EVIDENCE``."""
        return JetStreamObjects(self.api, name)

    async def settle(self, ref: MessageRef) -> bool:
        if not self._is_fresh(ref) and not await self._is_there(ref):
            return False
        if ref.reply:
            try:
                await self.api.request(ref.reply, b"+ACK", timeout_s=ACK_TIMEOUT_S)
                return True
            except (NobodyListens, Unreachable):
                # A consumer that was made anew does not answer to an old delivery.
                if not await self._is_there(ref):
                    return True
        return await self._delete(ref)

    def _is_fresh(self, ref: MessageRef) -> bool:
        noted, connection = self._deliveries.get(ref.reply, (-FRESH_S, -1))
        return time.monotonic() - noted < FRESH_S and connection == self.api.reconnects

    async def remove(self, ref: MessageRef, *, overwrite: bool = False) -> bool:
        """Delete by sequence, after comparing; False if the message is gone or is another one.

        With ``overwrite`` the server writes over its bytes on disk, which takes longer.
        """
        return await self._is_there(ref) and await self._delete(ref, overwrite=overwrite)

    async def peek(self, stream: str, seq: int) -> Received | None:
        created = await self.created(stream)
        message = await self._get(stream, {"seq": seq}) if created else None
        return None if message is None else stored(stream, created, message)

    async def newest(self, stream: str, subject: str) -> Received | None:
        """The last message on ``subject``, which may hold wildcards, or None."""
        created = await self.created(stream)
        message = await self._get(stream, {"last_by_subj": subject}) if created else None
        return None if message is None else stored(stream, created, message)

    async def pending(self, stream: str) -> tuple[int, ...]:
        info = await self.consumer(stream)
        if info is None:
            return ()
        last = int(info["delivered"]["stream_seq"])
        return tuple([found.ref.seq async for found in self.walk(stream, PENDING_LIMIT, last)])

    async def created(self, stream: str) -> str:
        """When the stream was made, as the server prints it; empty when there is none."""
        info = await self.stream(stream)
        return "" if info is None else str(info["created"])

    async def stream(self, name: str) -> dict[str, Any] | None:
        """The server's STREAM.INFO, or None when there is no such stream."""
        try:
            return await self.api.call(f"STREAM.INFO.{name}")
        except ApiError as problem:
            if problem.code != _NO_STREAM:
                raise
            return None

    async def consumer(self, stream: str, name: str = CONSUMER) -> dict[str, Any] | None:
        """The server's CONSUMER.INFO, or None when stream or consumer is absent."""
        try:
            return await self.api.call(f"CONSUMER.INFO.{stream}.{name}")
        except ApiError as problem:
            if problem.code not in {_NO_STREAM, _NO_CONSUMER}:
                raise
            return None

    async def walk(
        self, stream: str, limit: int, last: int, *, first: int = 1, subject: str = ">"
    ) -> AsyncIterator[Received]:
        """Stored messages from sequence ``first`` to ``last``, oldest first, at most ``limit``.

        ``subject`` may hold wildcards.
        """
        created = await self.created(stream)
        seq = first
        for _ in range(limit if created else 0):
            message = await self._get(stream, {"seq": seq, "next_by_subj": subject})
            if message is None or int(message["seq"]) > last:
                return
            seq = int(message["seq"]) + 1
            yield stored(stream, created, message)

    async def _get(self, stream: str, which: Mapping[str, object]) -> dict[str, Any] | None:
        try:
            answer = await self.api.call(f"STREAM.MSG.GET.{stream}", which)
        except ApiError as problem:
            if problem.code not in {_NO_MESSAGE, _NO_STREAM}:
                raise
            return None
        message: dict[str, Any] = answer["message"]
        return message

    async def _is_there(self, ref: MessageRef) -> bool:
        """Whether ``ref.seq`` still is the same message of the same stream (rules A6)."""
        message = await self._get(ref.stream, {"seq": ref.seq})
        if message is None:
            return False
        found = stored(ref.stream, ref.stream_created, message)
        if found.ref.sha256 != ref.sha256 or found.ref.subject != ref.subject:
            return False
        if ref.reply:
            # The time of storing, to the nanosecond, tells a recreated stream's message from the
            # old one without asking for the stream's own.
            return found.published_ns == delivery_of(ref.reply).stored_ns
        return await self.created(ref.stream) == ref.stream_created

    async def _delete(self, ref: MessageRef, *, overwrite: bool = False) -> bool:
        wanted = {"seq": ref.seq, "no_erase": not overwrite}
        try:
            await self.api.call(f"STREAM.MSG.DELETE.{ref.stream}", wanted)
        except ApiError as problem:
            if problem.code not in _NOT_DELETED:
                raise
            return False
        return True
