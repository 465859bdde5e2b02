"""A report made ready to leave: scrubbed, within the server's limit, with its keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mendwire.model.fitting import ROOM_FOR_HEADERS, fitted
from mendwire.model.names import Names
from mendwire.model.report import ErrorReport, JSONValue, parse_report
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_report, scrub_value
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
    scrubbed = scrub_report(payload, policy)
    trimmed = fitted(scrubbed, max_payload - ROOM_FOR_HEADERS)
    report = parse_report(trimmed)
    found = keys(report, namespace=names.namespace, environment=environment or "")
    return Outgoing(
        subject=names.errors(environment),
        msg_id=names.message_id(environment, found.signature),
        payload=trimmed,
        report=report,
        signature=found.signature,
        issue=found.issue_key,
        is_trimmed=trimmed != scrubbed,
    )


def without_scrubbed_arguments(
    body: dict[str, JSONValue], policy: ScrubPolicy = DEFAULT
) -> dict[str, JSONValue]:
    """The body without the arguments that scrubbing would change: a call with other values is none.

    Changes ``body`` in place and returns it.
    """
    frames = body.get("frames")
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, dict) and "arguments" in frame:
            arguments = frame["arguments"]
            if scrub_value(arguments, policy) != arguments:
                frame["arguments"] = None
    return body
