"""A report made ready to leave: scrubbed, within the server's limit, with its keys."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from mendwire.model.names import Names
from mendwire.model.report import ErrorReport, JSONValue, load_object, parse_report
from mendwire.model.scrub import scrub_report, scrub_value
from mendwire.model.signature import capped, keys

PUBLISHER: Final = "mendwire-python"
"""Value of ``Mendwire-Publisher``: whoever sends it counts its own repeats."""
ROOM_FOR_HEADERS: Final = 1024
_SMALLEST: Final = 200
_ROUNDS: Final = 80


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


def outgoing(payload: bytes, names: Names, environment: str | None, max_payload: int) -> Outgoing:
    """Scrub, trim to ``max_payload`` bytes and key one report; raises Undecodable."""
    scrubbed = scrub_report(payload)
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


def without_scrubbed_arguments(body: dict[str, JSONValue]) -> dict[str, JSONValue]:
    """The body without the arguments that scrubbing would change: a call with other values is none.

    Changes ``body`` in place and returns it.
    """
    frames = body.get("frames")
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, dict) and "arguments" in frame:
            arguments = frame["arguments"]
            if scrub_value(arguments) != arguments:
                frame["arguments"] = None
    return body


def fitted(payload: bytes, limit: int) -> bytes:
    """The report within ``limit`` bytes: the largest field loses its middle until it fits.

    A trimmed report carries ``"trimmed": true``. Type, release, service and the like stay.
    """
    if len(payload) <= limit:
        return payload
    body = load_object(payload)
    body["trimmed"] = True
    for _ in range(_ROUNDS):
        sizes = {name: len(_bytes(value)) for name, value in body.items()}
        largest = max(sizes, key=lambda name: sizes[name])
        excess = len(_bytes(body)) - limit
        if excess <= 0 or sizes[largest] <= _SMALLEST:
            break
        body[largest] = _smaller(body[largest], max(sizes[largest] - excess, sizes[largest] // 2))
    return _bytes(body)


def _smaller(value: JSONValue, size: int) -> JSONValue:
    """``value`` in about ``size`` bytes of JSON, without its middle."""
    if isinstance(value, str):
        # A character takes up to six bytes of JSON (an escaped control character).
        width = max(1.0, len(_bytes(value)) / max(1, len(value)))
        return capped(value, max(_SMALLEST // 4, int(size / width) - 8))
    if isinstance(value, list):
        return _smaller_list(value)
    if isinstance(value, dict) and value:
        largest = max(value, key=lambda name: len(_bytes(value[name])) + len(name))
        rest = {name: item for name, item in value.items() if name != largest}
        part = _smaller(value[largest], size - len(_bytes(rest)))
        is_text = isinstance(part, str) and len(part) > _SMALLEST
        return {**rest, largest[:_SMALLEST]: part} if is_text or part != value[largest] else rest
    return None


def _smaller_list(value: list[JSONValue]) -> JSONValue:
    """First without arguments, then without source lines, then without the middle."""
    for name in ("arguments", "code"):
        if any(isinstance(item, dict) and item.get(name) for item in value):
            return [
                {key: part for key, part in item.items() if key != name}
                if isinstance(item, dict)
                else item
                for item in value
            ]
    keep = len(value) // 4
    return [*value[:keep], *value[len(value) - keep :]] if keep else []


def _bytes(value: JSONValue) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
