"""What is published: one report made ready, or one count."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mendwire.gateway.gist import gist
from mendwire.gateway.keys import Key
from mendwire.gateway.rendering import Drafted
from mendwire.gateway.tally import Kind
from mendwire.model.codec import encode
from mendwire.model.fitting import ROOM_FOR_HEADERS, fitted
from mendwire.model.names import Names
from mendwire.model.report import JSONValue, Trust, load_object, report_of
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_body
from mendwire.model.signature import Canonical, canonical, keys
from mendwire.model.trace import GATEWAY, headers_of, taking

Body = dict[str, JSONValue]
"""One report in the wire's JSON; readers make them, and what is done to one is done in place."""

PUBLISHER: Final = "mendwire-gateway"
TRUST_HEADER: Final = "Mendwire-Trust"
LOW_LANE: Final = "-l"
"""Keeps reports of low trust apart from trusted ones, in signature and issue (rules B1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """One message, whole."""

    subject: str
    msg_id: str
    payload: bytes
    headers: dict[str, str] = field(default_factory=dict)
    kind: Kind | None = None
    """What a duplicate counts for; None for a count itself."""


def parcel(
    body: Body, key: Key, names: Names, max_payload: int, scrub: ScrubPolicy = DEFAULT
) -> Parcel:
    """Environment, service and trust from the key, then scrubbed, fitted and keyed.

    Raises Undecodable for what is no report.
    """
    draft, body = body, dict(body)
    environment = _claimed(body, key)
    body = scrub_body(body, scrub)
    if isinstance(draft, Drafted) and (stack := draft.stack_of(body)):
        body["stack"] = stack
    payload, seen = _written(body, max_payload - ROOM_FOR_HEADERS)
    record = _record(seen, is_drafted=seen is body and isinstance(draft, Drafted))
    lane = LOW_LANE if key.trust is Trust.LOW else ""
    made = keys(record, namespace=names.namespace, environment=environment, source=lane)
    issue = made.issue_key + lane
    headers = {"Mendwire-Publisher": PUBLISHER, "Mendwire-Issue": issue, "Mendwire-Key": key.id}
    if lane:
        headers[TRUST_HEADER] = Trust.LOW.value
    headers |= _trace(draft, is_trusted=not lane)
    return Parcel(
        subject=names.errors(environment),
        msg_id=names.message_id(environment, made.signature),
        payload=payload,
        headers=headers,
        kind=Kind(issue=issue, signature=made.signature, environment=environment),
    )


def _trace(draft: Body, *, is_trusted: bool) -> dict[str, str]:
    """Whoever is not trusted does not choose whose trace a report is a part of."""
    known = draft.get("trace_id") if is_trusted else None
    context = draft.get("context")
    span = context.get("span") if isinstance(context, dict) else None
    span_id = span.get("id") if isinstance(span, dict) else None
    carried = taking(
        GATEWAY,
        time.time_ns(),
        known if isinstance(known, str) else "",
        span_id if isinstance(span_id, str) else "",
    )
    return headers_of(carried)


def _record(body: Body, *, is_drafted: bool) -> Canonical:
    """What the keys of the stored bytes are made of."""
    report = report_of(body)
    if is_drafted and report.frames and report.stack:
        short = replace(report, stack=gist(report.stack, report.error))
        record = canonical(short)
        if not record.causes:
            return record
    return canonical(report)


def count_parcel(kind: Kind, count: int, names: Names) -> Parcel:
    """The message that tells repeats; its own id, so that telling it twice counts once."""
    body: dict[str, Any] = {
        "issue": kind.issue,
        "signature": kind.signature,
        "count": count,
        "environment": kind.environment,
        "source": "gateway",
    }
    return Parcel(
        subject=names.occurrences(kind.issue),
        msg_id=f"{names.namespace}-count-{secrets.token_hex(8)}",
        payload=json.dumps(body).encode(),
    )


def _written(body: Body, limit: int) -> tuple[bytes, Body]:
    """The bytes, and the body as whoever reads them will see it."""
    try:
        payload = encode(body)
    except UnicodeEncodeError:  # half of a surrogate pair, which is no text
        payload = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        body = load_object(payload)
    if len(payload) <= limit:
        return payload, body
    payload = fitted(payload, limit)
    return payload, load_object(payload)


def _claimed(body: Body, key: Key) -> str:
    """What the key decides is written over what the client says; the environment that counts."""
    said = body.get("environment")
    environment = key.environment(said if isinstance(said, str) else "")
    body["environment"] = environment
    if key.service:
        body["service"] = key.service
    if key.trust is Trust.LOW:
        _lower(body)
    return environment


def _lower(body: Body) -> None:
    """A fingerprint of low trust may split, never merge; arguments could become code (rules B5)."""
    parts = body.get("fingerprint")
    if isinstance(parts, list) and parts:
        body["fingerprint"] = ["{{default}}", *parts[:19]]
    frames = body.get("frames")
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, dict):
            frame.pop("arguments", None)
