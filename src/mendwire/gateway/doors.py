"""One way in: an ASGI endpoint that reads a body, has it taken and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from starlette.types import Receive, Scope, Send

from mendwire.errors import Refused, Undecodable
from mendwire.gateway.haul import Haul, Head, Reader, Result
from mendwire.gateway.inflate import Capped
from mendwire.gateway.keys import Key
from mendwire.gateway.replies import Answer, Face, cors, preflight, send_answer
from mendwire.gateway.station import Station

_GONE: Final = 499
"""The client left before its answer; nobody sees this number but the statistics."""

MakeReader = Callable[[Head, Station], Reader]


class Door:
    """``POST`` to one path. ``reader`` makes what reads the body, ``face`` words the answer."""

    def __init__(self, station: Station, reader: MakeReader, face: Face) -> None:
        self._station = station
        self._reader = reader
        self._face = face

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        head = head_of(scope)
        extra: dict[str, str] = {}
        try:
            answer = await self._answer(head, receive, extra)
        except Refused as problem:
            answer = self._refusal(problem, extra)
        await send_answer(send, answer, extra)

    async def _answer(self, head: Head, receive: Receive, extra: dict[str, str]) -> Answer:
        station = self._station
        if head.method == "OPTIONS":
            return _preflight(station, head)
        if head.method != "POST":
            raise Refused("Only POST is taken here.", status=405, reason="method")
        station.figures.requests += 1
        key = station.authenticate(head)
        extra.update(cors(head.header(b"origin")))
        station.meters.admit(key)
        reader = self._reader(head, station)
        haul, results = await self._received(key, head, reader, receive)
        refusals = [result.problem for result in results if result.problem is not None]
        if refusals and len(refusals) == len(results):
            raise _worst(refusals)
        for problem in refusals:
            station.refuse(getattr(problem, "reason", "malformed"))
        return self._face.accepted(haul, results)

    async def _received(
        self, key: Key, head: Head, reader: Reader, receive: Receive
    ) -> tuple[Haul, list[Result]]:
        held = _Held(self._station, reader)
        try:
            size = await held.read(head, receive)
            self._station.meters.take_bytes(key, max(1, size))
            self._station.figures.bytes += size
            try:
                haul = reader.finish()
            except Undecodable as problem:
                raise _as_refused(problem) from None
            return haul, await self._station.take(key, haul)
        finally:
            held.release()

    def _refusal(self, problem: Refused, extra: dict[str, str]) -> Answer:
        self._station.refuse(problem.reason)
        if problem.retry_after_s:
            extra["Retry-After"] = str(problem.retry_after_s)
        return self._face.refused(problem)


class _Held:
    """The bytes that one request holds of the budget, given back at the end."""

    def __init__(self, station: Station, reader: Reader) -> None:
        self._station = station
        self._reader = reader
        self._held = 0

    async def read(self, head: Head, receive: Receive) -> int:
        """Read and inflate the body; its decompressed size. Raises Refused."""
        bounds = self._station.bounds
        declared = head.header(b"content-length")
        if declared.isascii() and declared.isdigit() and int(declared[:18]) > bounds.max_body:
            raise _too_large(bounds.max_body)
        capped = Capped(head.header(b"content-encoding"), bounds.max_inflated)
        try:
            async with asyncio.timeout(bounds.read_s):
                await self._read_on(capped, receive)
        except TimeoutError:
            raise Refused("The body did not arrive in time.", status=408, reason="slow") from None
        capped.end()
        return capped.size

    async def _read_on(self, capped: Capped, receive: Receive) -> None:
        arrived, has_more = 0, True
        while has_more:
            message = await receive()
            arrived += self._take(capped, message)
            has_more = bool(message.get("more_body"))
            if arrived > self._station.bounds.max_body:
                raise _too_large(self._station.bounds.max_body)

    def _take(self, capped: Capped, message: Mapping[str, object]) -> int:
        if message["type"] == "http.disconnect":
            raise Refused("The client left.", status=_GONE, reason="disconnected")
        data = message.get("body", b"")
        assert isinstance(data, bytes)
        for piece in capped.pieces(data):
            self._reader.feed(piece)
            more = self._reader.held - self._held
            if more > 0:
                self._station.budget.hold(more)
                self._held += more
        return len(data)

    def release(self) -> None:
        """The request is over."""
        self._station.budget.release(self._held)
        self._held = 0


def head_of(scope: Scope) -> Head:
    """What is known of a request before its body."""
    return Head(
        method=scope["method"],
        path=scope["path"],
        headers=dict(scope["headers"]),
        query=scope["query_string"],
        project=scope.get("path_params", {}).get("project", ""),
    )


def _preflight(station: Station, head: Head) -> Answer:
    """A browser's key stands in the query, or is told with the request itself only."""
    origin = head.header(b"origin")
    if b"sentry_key" in head.query:
        station.authenticate(head)
    elif not any(key.origins and key.allows_origin(origin) for key in station.ring.living()):
        raise Refused("No key allows this origin.", status=403, reason="origin")
    return preflight(origin)


def _as_refused(problem: Undecodable) -> Refused:
    return Refused(str(problem), status=400, reason="malformed")


def _worst(problems: list[Refused | Undecodable]) -> Refused:
    """The one that the client can do something about: wait before mend."""
    refusals = [p if isinstance(p, Refused) else _as_refused(p) for p in problems]
    return max(refusals, key=lambda one: (one.status == 503, one.status == 429, one.status))  # noqa: PLR2004 - busy, then too many


def _too_large(limit: int) -> Refused:
    return Refused(f"The body has more than {limit} bytes.", status=413, reason="too_large")
