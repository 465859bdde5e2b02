"""Requests to the server and its JetStream API, with its refusals as our errors.

One inbox for all requests of a connection, like the client library's own, but a request whose
subject is refused ends at once instead of at its time-out.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, Final

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import BadHeaderError, BadSubjectError, ConnectionClosedError
from nats.errors import Error as NatsError

from mendwire.errors import Unreachable, WireError
from mendwire.wire.denials import Denials
from mendwire.wire.refusals import (
    TIMEOUT_S,
    ApiError,
    NobodyListens,
    TooLarge,
    api_error,
    headers_size,
    no_answer,
    nobody_listens,
    refused,
)

_BATCH: Final = 128
_BATCH_BYTES: Final = 8 * 1024 * 1024
__all__ = ["TIMEOUT_S", "Api", "ApiError", "NobodyListens", "TooLarge", "refused", "unsubscribe"]


class Api:
    """Requests over one connection. Needs no closing: it ends with the connection."""

    def __init__(
        self, client: Client, denials: Denials | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.client = client
        self.denials = denials or Denials()
        self.timeout_s = timeout_s
        self._inbox = client.new_inbox()
        self._numbers = itertools.count(1)
        self._waiting: dict[str, tuple[asyncio.Future[Msg], str]] = {}
        self._subscribed = False
        self.denials.listen(self._refused)

    @property
    def reconnects(self) -> int:
        """How often the client has reconnected; a change means that open pulls are lost."""
        return self.client.stats["reconnects"]

    async def call(self, endpoint: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Ask ``$JS.API.<endpoint>``; raises ApiError with the server's code."""
        payload = b"" if body is None else json.dumps(body).encode()
        try:
            message = await self.request(f"$JS.API.{endpoint}", payload)
        except NobodyListens:
            text = f"JetStream does not answer {endpoint}; is it enabled for this account?"
            raise NobodyListens(text) from None
        answer: dict[str, Any] = json.loads(message.data)
        if "error" in answer:
            raise api_error(answer["error"], endpoint)
        return answer

    async def request(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> Msg:
        """Publish and wait for the one answer; raises Unreachable, AccessRefused, NobodyListens."""
        if not self._subscribed:
            await self._subscribe()
        token, began = str(next(self._numbers)), time.monotonic()
        future: asyncio.Future[Msg] = asyncio.get_running_loop().create_future()
        self._waiting[token] = (future, subject)
        try:
            async with asyncio.timeout(timeout_s or self.timeout_s):
                await self.publish(
                    subject, payload, reply=f"{self._inbox}.{token}", headers=headers
                )
                message = await future
        except TimeoutError:
            raise self._unanswered(subject, began) from None
        finally:
            del self._waiting[token]
        if message.headers and message.headers.get("Status") == "503" and not message.data:
            raise nobody_listens(subject)
        return message

    async def publish(
        self,
        subject: str,
        payload: bytes = b"",
        *,
        reply: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Send without waiting; raises Unreachable, TooLarge, WireError for a bad subject."""
        self._measure(payload, headers)
        try:
            await self.client.publish(
                subject, payload, reply, headers=dict(headers) if headers else None
            )
        except BadSubjectError:
            raise WireError(f"{subject[:80]!r} cannot be used as a subject.") from None
        except BadHeaderError as problem:
            raise WireError(f"{problem.key[:80]!r} cannot be the name of a header.") from None
        except ConnectionClosedError:
            raise Unreachable("The connection to the NATS server is closed.") from None
        except (NatsError, OSError) as problem:
            raise Unreachable(f"The NATS server cannot be reached: {problem}.") from None

    def _measure(self, payload: bytes, headers: Mapping[str, str] | None) -> None:
        """The server closes the connection over a message that is too large with its headers."""
        limit = self.client.max_payload
        if len(payload) <= limit // 2 and not headers:
            return
        size = len(payload) + (headers_size(headers) if headers else 0)
        if size > limit:
            raise TooLarge(f"The message has {size} bytes; the server takes {limit} at most.")

    async def stream_of(self, subject: str, body: Mapping[str, object]) -> AsyncIterator[Msg]:
        """Ask for several messages (a batched direct get); ends at the server's end mark.

        The last message yielded carries the end mark's headers and no data.
        """
        subscription = await self.subscribe(f"{self.client.new_inbox()}")
        try:
            await self.publish(subject, json.dumps(body).encode(), reply=subscription.subject)
            while True:
                message = await self._next(subscription, subject)
                yield message
                if message.headers and "Status" in message.headers:
                    return
        finally:
            await unsubscribe(subscription)

    async def stored(self, stream: str, subject: str, *, after: int = 0) -> AsyncIterator[Msg]:
        """Messages of a stream on ``subject``, which may hold wildcards, oldest first.

        By direct gets, many for one request; deletions of a bucket among them. ``Nats-Sequence``
        and the like are headers. Raises NobodyListens where there is no such stream, WireError.
        """
        pending = 1
        while pending:
            ask = {
                "seq": after + 1,
                "next_by_subj": subject,
                "batch": _BATCH,
                "max_bytes": _BATCH_BYTES,
            }
            async for found in self.stream_of(f"$JS.API.DIRECT.GET.{stream}", ask):
                headers = found.headers or {}
                if "Status" in headers:
                    pending = _pending(stream, headers)
                    continue
                after = int(headers["Nats-Sequence"])
                yield found

    async def subscribe(
        self,
        subject: str,
        cb: Callable[[Msg], Awaitable[None]] | None = None,
        *,
        queue: str = "",
    ) -> Subscription:
        """Subscribe over the connection; raises Unreachable."""
        try:
            return await self.client.subscribe(subject, queue=queue, cb=cb)
        except (NatsError, OSError) as problem:
            raise Unreachable(f"The NATS server cannot be reached: {problem}.") from None

    async def _next(self, subscription: Subscription, asked: str) -> Msg:
        try:
            return await subscription.next_msg(timeout=self.timeout_s)
        except TimeoutError:
            raise self._unanswered(asked, time.monotonic() - 2 * self.timeout_s) from None
        except NatsError as problem:
            raise Unreachable(f"The NATS server cannot be reached: {problem}.") from None

    async def _subscribe(self) -> None:
        # Set first: of two first requests the second must not subscribe again, and the client
        # sends this subscription before whatever is published after it.
        self._subscribed = True
        try:
            await self.subscribe(f"{self._inbox}.*", cb=self._answered)
        except Unreachable:
            self._subscribed = False
            raise

    async def _answered(self, message: Msg) -> None:
        waiting = self._waiting.get(message.subject[len(self._inbox) + 1 :])
        if waiting and not waiting[0].done():
            waiting[0].set_result(message)

    def _refused(self, action: str, subject: str) -> None:
        own_inbox = action == "subscription" and subject.startswith(self._inbox.lower())
        for future, asked in tuple(self._waiting.values()):
            if not future.done() and (own_inbox or asked.lower() == subject):
                future.set_exception(refused(subject if own_inbox else asked))

    def _unanswered(self, subject: str, since: float) -> Exception:
        if self.denials.find(subject, since) or self.denials.find(f"{self._inbox}.*"):
            return refused(subject)
        return no_answer(subject)


async def unsubscribe(subscription: Subscription) -> None:
    """End a subscription; a closed connection or subscription is no error."""
    try:
        await subscription.unsubscribe()
    except (NatsError, OSError):
        return


def _pending(stream: str, end: Mapping[str, str]) -> int:
    """How many messages are left behind a batch that ended."""
    status = end["Status"]
    if status == "503":
        raise NobodyListens(f"There is no stream {stream}; run mendwire streams apply.")
    if status not in {"204", "404"}:
        raise WireError(f"{stream} cannot be read: the server answers {status}.")
    return int(end.get("Nats-Num-Pending", "0"))
