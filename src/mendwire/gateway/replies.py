"""Answers, and what browsers must be told beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec
from starlette.types import Send

from mendwire.errors import Refused
from mendwire.gateway.haul import Haul, Result

ALLOWED_HEADERS: Final = (
    "content-type, content-encoding, x-sentry-auth, x-mendwire-key, authorization, "
    "x-requested-with, sentry-trace, baggage, traceparent, tracestate"
)
_EXPOSED: Final = "x-sentry-error, x-sentry-rate-limits, retry-after"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One response."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


class Face(Protocol):
    """How one protocol words its answers."""

    def accepted(self, haul: Haul, results: list[Result]) -> Answer:
        """At least one body was taken, or none was there."""
        ...

    def refused(self, problem: Refused) -> Answer:
        """Nothing was taken. ``Retry-After`` is added by the door."""
        ...


def json_answer(status: int, body: object, headers: dict[str, str] | None = None) -> Answer:
    """``body`` as JSON."""
    return Answer(status=status, body=msgspec.json.encode(body), headers=headers or {})


def preflight(origin: str) -> Answer:
    """The answer to OPTIONS for a page that may send."""
    return Answer(
        status=204,
        headers={
            **cors(origin),
            "Access-Control-Allow-Methods": "POST, OPTIONS",
            "Access-Control-Allow-Headers": ALLOWED_HEADERS,
            "Access-Control-Max-Age": "86400",
        },
    )


def cors(origin: str) -> dict[str, str]:
    """Headers that let the page read the answer."""
    if not origin:
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Expose-Headers": _EXPOSED,
        "Vary": "Origin",
    }


async def send_answer(send: Send, answer: Answer, extra: Mapping[str, str]) -> None:
    """Write the response."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1", "replace"))
        for name, value in (*answer.headers.items(), *extra.items())
    ]
    headers.append((b"content-length", b"%d" % len(answer.body)))
    if answer.body:
        headers.append((b"content-type", answer.content_type.encode("latin-1")))
    start: dict[str, Any] = {
        "type": "http.response.start",
        "status": answer.status,
        "headers": headers,
    }
    await send(start)
    await send({"type": "http.response.body", "body": answer.body})
