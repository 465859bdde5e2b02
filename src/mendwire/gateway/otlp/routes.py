"""``/v1/logs``, ``/v1/traces`` and ``/v1/metrics``, also below ``/otlp``."""

from __future__ import annotations

import time
from functools import partial

from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from mendwire.errors import Refused
from mendwire.gateway.doors import Door, MakeReader, head_of
from mendwire.gateway.haul import Haul, Head, Reader, Result, Whole
from mendwire.gateway.otlp.answers import JSON, PROTOBUF, accepted, encoding_of, refused
from mendwire.gateway.otlp.once import Once
from mendwire.gateway.otlp.reading import ExportHaul, parse_logs, parse_traces
from mendwire.gateway.otlp.records import Signal
from mendwire.gateway.otlp.sightings import Sightings
from mendwire.gateway.replies import Answer
from mendwire.gateway.station import Station

_ROOMS = ("", "/otlp")


def otlp_routes(station: Station) -> list[BaseRoute]:
    """The endpoints that an OpenTelemetry exporter or collector is pointed at."""
    once = Once(Sightings(time.monotonic, station.memory), station.figures.ignored)
    found: list[BaseRoute] = []
    for signal in Signal:
        endpoint = _Endpoint(station, signal, once)
        found += [Route(f"{room}/v1/{signal}", endpoint) for room in _ROOMS]
    return found


class _Endpoint:
    """One signal's door, in the encoding that the request speaks."""

    def __init__(self, station: Station, signal: Signal, once: Once) -> None:
        self._doors = {
            encoding: Door(station, _reader(signal, encoding, once), ExportFace(signal, encoding))
            for encoding in (PROTOBUF, JSON)
        }
        self._strange = Door(station, _refuse, ExportFace(signal, JSON))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        encoding = encoding_of(head_of(scope).header(b"content-type"))
        await self._doors.get(encoding, self._strange)(scope, receive, send)


class ExportFace:
    """How an exporter is answered: in its encoding, with what was left out."""

    def __init__(self, signal: Signal, encoding: str) -> None:
        self._signal = signal
        self._encoding = encoding

    def accepted(self, haul: Haul, results: list[Result]) -> Answer:
        """All of it, or all but some; raises Refused (503) where a later try may keep the rest.

        A partial success is never sent again, so it is no answer while reports cannot be stored.
        """
        problems = [result.problem for result in results if result.problem is not None]
        for problem in problems:
            if isinstance(problem, Refused) and problem.status == 503:  # noqa: PLR2004 - unavailable
                raise problem
        cut, reason = (haul.rejected, haul.reason) if isinstance(haul, ExportHaul) else (0, "")
        rejected = cut + len(problems)
        reason = reason or next(map(str, problems), "")
        body = accepted(self._signal, self._encoding, rejected=rejected, reason=reason)
        return self._answer(200, body)

    def refused(self, problem: Refused) -> Answer:
        """A ``google.rpc.Status`` with the sentence."""
        return self._answer(problem.status, refused(self._encoding, str(problem)))

    def _answer(self, status: int, body: bytes) -> Answer:
        # The type is said of an empty body too: that is what a full success looks like.
        named = {} if body else {"Content-Type": self._encoding}
        return Answer(status=status, body=body, content_type=self._encoding, headers=named)


class _Unread:
    """Metrics are accepted and not looked at.

    One endpoint is often set for all three signals, and a refusal would fill the sender's log.
    """

    held = 0

    def feed(self, data: bytes) -> None:
        """Nothing is kept."""

    def finish(self) -> Haul:
        return Haul(ignored={"metrics": 1})


def _reader(signal: Signal, encoding: str, once: Once) -> MakeReader:
    if signal is Signal.METRICS:
        return lambda _head, _station: _Unread()
    parse = partial(parse_logs if signal is Signal.LOGS else parse_traces, encoding, once)
    return lambda _head, station: Whole(parse, station.bounds.max_body)


def _refuse(head: Head, _station: Station) -> Reader:
    given = head.header(b"content-type").partition(";")[0].strip()[:60]
    raise Refused(
        f"Send {PROTOBUF} or {JSON}, not {given or 'a body of no type'}.",
        status=415,
        reason="content_type",
    )
