"""The one thread behind capture: takes reports off a bounded queue and sees them to the server.

The thread has its own event loop and connection. While the server is away, or refuses, everything
waits in the spool; afterwards the spool is sent first, in order. The thread is a daemon and starts
when there is something to send.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import threading
import time
from collections import deque
from collections.abc import Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from mendwire.capture.guard import Guard
from mendwire.capture.outgoing import Outgoing, outgoing, without_scrubbed_arguments
from mendwire.capture.spool import Spool, Spooled
from mendwire.capture.tally import Count, Tally
from mendwire.errors import AccessRefused, MendwireError, StreamFull, Unreachable, WireError
from mendwire.model.names import Names
from mendwire.model.report import JSONValue
from mendwire.model.scrub import scrub_report
from mendwire.settings.environment import Environment
from mendwire.wire.api import NobodyListens
from mendwire.wire.connection import Link, connected
from mendwire.wire.jetstream import JetStreamBus

MAX_QUEUED: Final = 500
MAX_PAYLOAD: Final = 1024 * 1024
COUNT_EVERY_S: Final = 5.0
_FIRST_WAIT_S: Final = 0.2
_LONGEST_WAIT_S: Final = 15.0
_CLOSE_S: Final = 1.0
_LATER: Final = (Unreachable, AccessRefused, StreamFull, NobodyListens, OSError)
"""What another try may mend; anything else about one report is final."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where reports go."""

    environment: Environment
    """What leads to the server."""
    names: Names | None
    """The namespace when it was given to ``init``; else the environment decides."""
    reported: str | None
    """The environment of the reports: ``staging``, or None for the plain subject."""
    spool: Spool

    @property
    def likely(self) -> Names:
        """The names as far as they are known without a connection."""
        return self.names or Names(namespace="default")


@dataclass(slots=True, eq=False)
class _Flush:
    done: threading.Event
    delivered: bool = False


class Sender:
    """Queue, thread and connection; ``put`` never waits."""

    def __init__(self, target: Target, tally: Tally, guard: Guard) -> None:
        self._target = target
        self._tally = tally
        self._guard = guard
        self._lock = threading.Lock()
        self._incoming: deque[tuple[Hashable, dict[str, JSONValue]]] = deque()
        self._ready: deque[Spooled] = deque()
        self._flushes: list[_Flush] = []
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._closed = asyncio.Event()
        self._closing = False
        self.stored = 0
        """Reports that the server has stored."""
        self.dropped = 0
        """Reports that found the queue or the spool full, or that no server would take."""
        self.problem = ""
        """Why the latest attempt failed, one sentence; empty when all is well."""

    def put(self, key: Hashable, body: dict[str, JSONValue]) -> bool:
        """Queue one report; False (and counted) when the queue is full."""
        with self._lock:
            if len(self._incoming) >= MAX_QUEUED or self._closing:
                self._drop(self._tally.forget(key), "queue full")
                return False
            self._incoming.append((key, body))
        self.start()
        return True

    def start(self) -> None:
        """Make sure that the thread runs, and wake it."""
        with self._lock:
            is_running = self._thread is not None and self._thread.is_alive()
            if not is_running and not self._closing:
                self._thread = threading.Thread(target=self._main, name="mendwire", daemon=True)
                self._thread.start()
        self._nudge()

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything so far is on the server; False if it is not, or not in time."""
        if self._thread is None and not self._incoming and self._target.spool.is_empty():
            return True
        self.start()
        wish = _Flush(threading.Event())
        with self._lock:
            self._flushes.append(wish)
        self._nudge()
        wish.done.wait(timeout_s)
        return wish.delivered

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Stop the thread; what could not be sent goes to the spool. May be called twice."""
        self._closing = True
        thread = self._thread
        if thread is None:
            self._guard.run(self._store_all, None)
            return
        self._nudge()
        thread.join(timeout_s)

    def _nudge(self) -> None:
        loop = self._loop
        if loop is not None:
            with suppress(RuntimeError):  # the loop ended meanwhile
                loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        self._wake.set()
        if self._closing:
            self._closed.set()

    def _main(self) -> None:
        self._guard.run(self._run_loop, None)
        self._guard.run(self._store_all, None)
        self._answer(delivered=False)

    def _run_loop(self) -> None:
        with asyncio.Runner() as runner:
            loop = runner.get_loop()
            # An executor takes no work once the interpreter shuts down; this thread may wait.
            loop.getaddrinfo = _resolve  # type: ignore[method-assign,assignment]  # the loop is ours
            self._wake, self._closed = asyncio.Event(), asyncio.Event()
            self._loop = loop
            self._woken()
            try:
                runner.run(self._run())
            finally:
                self._loop = None

    async def _run(self) -> None:
        wait = _FIRST_WAIT_S
        while True:
            serving = asyncio.ensure_future(self._connect_and_serve())
            closer = asyncio.ensure_future(self._closed.wait())
            await asyncio.wait({serving, closer}, return_when=asyncio.FIRST_COMPLETED)
            if not serving.done():
                serving.cancel()
            closer.cancel()
            await asyncio.gather(serving, closer, return_exceptions=True)
            wait = await self._after(serving, wait)
            if self._closing:
                return

    async def _after(self, serving: asyncio.Task[None], wait: float) -> float:
        """Put what waits on disk and wait; the next wait in seconds."""
        if serving.cancelled() or self._closing:
            return wait
        problem = serving.exception()
        if problem is None:
            return _FIRST_WAIT_S
        self.problem = str(problem) if isinstance(problem, MendwireError) else repr(problem)
        if not isinstance(problem, MendwireError | OSError):
            self._guard.swallowed += 1
        self._guard.run(self._store_all, None)
        self._answer(delivered=False)
        await self._pause(wait)
        return min(wait * 2, _LONGEST_WAIT_S)

    async def _pause(self, seconds: float) -> None:
        """Wait before the next attempt; reports that come meanwhile go to the spool at once."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self._closing:
            self._wake.clear()
            if self._flushes:
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), left)
            self._guard.run(self._store_all, None)

    async def _connect_and_serve(self) -> None:
        target = self._target
        async with connected(target.environment, names=target.names, name="mendwire-sdk") as link:
            await self._serve(link, JetStreamBus(link.client, link.names, link.denials))

    async def _serve(self, link: Link, bus: JetStreamBus) -> None:
        told = time.monotonic()
        while True:
            self._wake.clear()
            wishes = tuple(self._flushes)
            await self._send_spooled(link, bus)
            await self._send_queued(link, bus)
            self.problem = ""
            if wishes or time.monotonic() - told > COUNT_EVERY_S:
                await self._send_counts(link, bus)
                told = time.monotonic()
            self._answer(delivered=True, which=wishes)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), COUNT_EVERY_S)

    async def _send_spooled(self, link: Link, bus: JetStreamBus) -> None:
        spool = self._target.spool
        if spool.is_empty():
            return
        with spool.sending() as is_ours:
            for file in spool.waiting() if is_ours else ():
                item = spool.read(file)
                if item:
                    await self._send(item, link, bus)
                    spool.remove(file)

    async def _send_queued(self, link: Link, bus: JetStreamBus) -> None:
        while self._digest_next():
            while self._ready:
                await self._send(self._ready[0], link, bus)
                self._ready.popleft()

    async def _send(self, item: Spooled, link: Link, bus: JetStreamBus) -> None:
        """Publish one message; raises what another try may mend, drops what none will."""
        if not link.client.is_connected:
            raise Unreachable("The connection to the NATS server is lost.")
        try:
            if item.kind == "count":
                await self._send_count(item, bus, link.names)
                return
            limit = link.client.max_payload or MAX_PAYLOAD
            ready = outgoing(item.payload, link.names, item.environment, limit)
            await self._publish(ready, bus)
        except _LATER:
            raise
        except MendwireError as problem:
            self._drop(1, str(problem))

    async def _publish(self, ready: Outgoing, bus: JetStreamBus) -> None:
        ack = await bus.publish(
            ready.subject, ready.payload, msg_id=ready.msg_id, headers=ready.headers
        )
        if ack.duplicate:
            self._tally.add(ready.signature, ready.issue)
        else:
            self.stored += 1

    async def _send_counts(self, link: Link, bus: JetStreamBus) -> None:
        for count in self._tally.take():
            item = self._count(count)
            try:
                await self._send(item, link, bus)
            except BaseException:
                self._tally.add(count.signature, count.issue, count.repeats)
                raise

    async def _send_count(self, item: Spooled, bus: JetStreamBus, names: Names) -> None:
        issue = json.loads(item.payload)["issue"]
        try:
            await bus.publish(
                names.occurrences(issue), item.payload, msg_id=f"{names.namespace}-count-{item.id}"
            )
        except (AccessRefused, WireError) as problem:
            # Counts are best effort: reports must not wait behind them.
            self._guard.tell("capture.dropped", count=0, reason=str(problem))

    def _count(self, count: Count) -> Spooled:
        body: dict[str, Any] = {
            "issue": count.issue,
            "signature": count.signature,
            "count": count.repeats,
            "environment": self._target.reported or "",
            "source": "sdk",
        }
        return Spooled(
            kind="count",
            environment=self._target.reported,
            payload=json.dumps(body).encode(),
            id=secrets.token_hex(8),
        )

    def _digest_next(self) -> bool:
        """Scrub and key the next queued report; False when none is left."""
        with self._lock:
            if not self._incoming:
                return bool(self._ready)
            key, body = self._incoming.popleft()
        ready = self._guard.run(lambda: self._digested(key, body), None)
        if ready:
            self._ready.append(ready)
        return True

    def _digested(self, key: Hashable, body: dict[str, JSONValue]) -> Spooled | None:
        """The scrubbed report, or None if its signature went out already in this window."""
        data = json.dumps(without_scrubbed_arguments(body)).encode()
        payload = scrub_report(data)
        environment = self._target.reported
        keys = outgoing(payload, self._target.likely, environment, MAX_PAYLOAD)
        if not self._tally.bind(key, keys.signature, keys.issue):
            return None
        return Spooled(kind="report", environment=environment, payload=payload)

    def _store_all(self) -> None:
        """Move everything that waits in memory to the spool."""
        while self._digest_next():
            while self._ready:
                if not self._store(self._ready[0]):
                    self._drop(1, "spool full or not writable")
                self._ready.popleft()
        for count in self._tally.take() if self._closing else ():
            self._store(self._count(count))

    def _store(self, item: Spooled) -> bool:
        return self._guard.run(lambda: self._target.spool.add(item), otherwise=False)

    def _answer(self, *, delivered: bool, which: tuple[_Flush, ...] | None = None) -> None:
        with self._lock:
            answered = tuple(self._flushes) if which is None else which
            self._flushes = [wish for wish in self._flushes if wish not in answered]
        for wish in answered:
            wish.delivered = delivered
            wish.done.set()

    def _drop(self, count: int, reason: str) -> None:
        self.dropped += count
        self._guard.tell("capture.dropped", count=count, reason=reason)


async def _resolve(
    host: str | None,
    port: str | int | None,
    *,
    family: int = 0,
    type: int = 0,  # noqa: A002 - the signature of the loop's method
    proto: int = 0,
    flags: int = 0,
) -> list[Any]:
    return socket.getaddrinfo(host, port, family, type, proto, flags)  # noqa: ASYNC210, RUF100 - this thread may wait
