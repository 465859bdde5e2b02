"""A report made ready to leave: scrubbed, within the server's limit, with its keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from mendwire.model.fitting import ROOM_FOR_HEADERS, fitted
from mendwire.model.names import Names
from mendwire.model.report import ErrorReport, JSONValue, load_object, parse_report, report_of
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_body
from mendwire.model.signature import keys

PUBLISHER: Final = "mendwire-python"
"""Value of ``Mendwire-Publisher``: whoever sends it counts its own repeats."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """What is published for one report."""

    subject: str
    msg_id: str
    payload: bytes
    report: ErrorReport
    signature: str
    issue: str
    is_trimmed: bool


def outgoing(
    payload: bytes,
    names: Names,
    environment: str | None,
    max_payload: int,
    policy: ScrubPolicy = DEFAULT,
) -> Outgoing:
    """Scrub, trim to ``max_payload`` bytes and key one report; raises Undecodable."""
    scrubbed = scrub_body(load_object(payload), policy)
    return _keyed(scrubbed, names, environment, max_payload)


def outgoing_calls(
    body: dict[str, JSONValue],
    names: Names,
    environment: str | None,
    max_payload: int,
    policy: ScrubPolicy = DEFAULT,
) -> Outgoing:
    """The same of a report that is decoded, without the arguments that scrubbing changes.

    A call with other values is none. Changes ``body``.
    """
    frames = body.get("frames")
    given = [
        (frame, repr(frame["arguments"]))
        for frame in (frames if isinstance(frames, list) else [])
        if isinstance(frame, dict) and frame.get("arguments") is not None
    ]
    scrub_body(body, policy)
    for frame, before in given:
        if repr(frame["arguments"]) != before:
            frame["arguments"] = None
    return _keyed(body, names, environment, max_payload)


def _keyed(
    body: dict[str, JSONValue], names: Names, environment: str | None, max_payload: int
) -> Outgoing:
    scrubbed, is_whole = _encoded(body)
    trimmed = fitted(scrubbed, max_payload - ROOM_FOR_HEADERS)
    is_trimmed = trimmed != scrubbed
    # Keyed is what is sent: where that is not what is at hand, it is read.
    report = report_of(body) if is_whole and not is_trimmed else parse_report(trimmed)
    found = keys(report, namespace=names.namespace, environment=environment or "")
    return Outgoing(
        subject=names.errors(environment),
        msg_id=names.message_id(environment, found.signature),
        payload=trimmed,
        report=report,
        signature=found.signature,
        issue=found.issue_key,
        is_trimmed=is_trimmed,
    )


def _encoded(body: dict[str, JSONValue]) -> tuple[bytes, bool]:
    """The body as JSON, and whether that says all of it: half a character becomes a mark."""
    text = json.dumps(body, ensure_ascii=False)
    try:
        return text.encode(), True
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace"), False
