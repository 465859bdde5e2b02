"""Sentry's two ways in: envelopes, and the older store endpoint."""

from __future__ import annotations

import base64
import binascii
import re
import uuid
import zlib
from typing import Any, Final

import msgspec

from mendwire.errors import Refused, Undecodable
from mendwire.gateway.envelope import EnvelopeReader, Item, malformed
from mendwire.gateway.events import body_of, read_event
from mendwire.gateway.haul import Discarded, Haul, Result
from mendwire.gateway.replies import Answer, json_answer

WANTED: Final = frozenset({"event", "client_report"})
_EVENT_ID: Final = re.compile(r"[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}")
_MOST_DISCARDED: Final = 200
_REASONS: Final = frozenset(
    (
        "queue_overflow",
        "cache_overflow",
        "buffer_overflow",
        "ratelimit_backoff",
        "network_error",
        "send_error",
        "internal_sdk_error",
        "backpressure",
        "sample_rate",
        "before_send",
        "event_processor",
        "insufficient_data",
    )
)


class Envelopes:
    """Reads one envelope."""

    def __init__(self, largest: int) -> None:
        self._reader = EnvelopeReader(WANTED, largest)

    @property
    def held(self) -> int:
        return self._reader.held

    def feed(self, data: bytes) -> None:
        self._reader.feed(data)

    def finish(self) -> Haul:
        items = self._reader.finish()
        haul = Haul(id=self._reader.event_id)
        for item in items:
            _take(haul, item)
        if not haul.bodies and any(item.type == "event" and item.payload is None for item in items):
            raise Refused("The event is too large.", status=413, reason="too_large")
        return haul


def parse_store(payload: bytes) -> Haul:
    """The body of ``/store/``: an event, which old SDKs deflated and wrote as base64."""
    haul = Haul()
    if payload[:1].isalnum():
        payload = _unwrapped(payload)
    _take_event(haul, payload)
    return haul


class SentryFace:
    """How Sentry's SDKs are answered."""

    def accepted(self, haul: Haul, _results: list[Result]) -> Answer:
        """The id of the event, as the client or we named it."""
        return json_answer(200, {"id": _event_id(haul.id)})

    def refused(self, problem: Refused) -> Answer:
        """A sentence, and for 429 the categories that must wait."""
        headers = {"X-Sentry-Error": str(problem)}
        if problem.status == 429:  # noqa: PLR2004 - too many requests
            wait = problem.retry_after_s
            headers["X-Sentry-Rate-Limits"] = f"{wait}:error;default:key:{problem.reason}"
        return json_answer(problem.status, {"detail": str(problem)}, headers)


def _take(haul: Haul, item: Item) -> None:
    if item.payload is None:
        name = "event_too_large" if item.type == "event" else item.type
        haul.ignored[name] = haul.ignored.get(name, 0) + item.quantity
    elif item.type == "event":
        _take_event(haul, item.payload)
    else:
        haul.discarded += _discarded(item.payload)


def _take_event(haul: Haul, payload: bytes) -> None:
    try:
        event = read_event(payload)
        if isinstance(event.event_id, str):
            haul.id = event.event_id
        body = None if event.type == "transaction" else body_of(event)
    except Undecodable as problem:
        haul.bodies.append(problem)
        return
    if body is None:
        haul.ignored["message"] = haul.ignored.get("message", 0) + 1
    else:
        haul.bodies.append(body)


def _discarded(payload: bytes) -> list[Discarded]:
    """A client report; one that cannot be read says nothing."""
    try:
        found: Any = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    events = found.get("discarded_events") if isinstance(found, dict) else None
    rows = events[:_MOST_DISCARDED] if isinstance(events, list) else []
    return [_one_discarded(row) for row in rows if isinstance(row, dict)]


def _one_discarded(row: dict[str, Any]) -> Discarded:
    reason, category, count = row.get("reason"), row.get("category"), row.get("quantity")
    is_count = type(count) is int and 0 < count < 1 << 31
    return Discarded(
        reason=reason if isinstance(reason, str) and reason in _REASONS else "other",
        category=category[:40] if isinstance(category, str) else "",
        quantity=count if is_count and isinstance(count, int) else 0,
    )


def _unwrapped(payload: bytes) -> bytes:
    try:
        data = base64.b64decode(payload, validate=True)
        engine = zlib.decompressobj()
        inflated = engine.decompress(data, 1 << 20)
    except (binascii.Error, ValueError, zlib.error):
        raise malformed("The body is no event.") from None
    if engine.unconsumed_tail:
        raise Refused("The event is too large.", status=413, reason="too_large")
    return inflated


def _event_id(given: str) -> str:
    return given.replace("-", "").lower() if _EVENT_ID.fullmatch(given) else uuid.uuid4().hex
