"""From Sentry's event to the body of a report."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from mendwire.errors import Undecodable
from mendwire.gateway.chain import Exceptions, Raised, read_chain
from mendwire.gateway.frames import Folded, Seen, flat, read_frames, text
from mendwire.gateway.parcel import bounded
from mendwire.gateway.rendering import Drafted, render
from mendwire.model.report import JSONValue
from mendwire.model.signature import capped

_LANGUAGES: Final = {
    "node": "javascript",
    "csharp": "dotnet",
    "native": "c",
    "cocoa": "swift",
    "objc": "swift",
}
_LOUD: Final = frozenset({"error", "fatal", "critical"})
_MESSAGE: Final = 16_000
_SHORT: Final = 300
_BREADCRUMBS: Final = 20
_LOCALS_BYTES: Final = 1_000
_HEADERS: Final = 20


class Event(msgspec.Struct):
    """The fields that are read; the rest is passed over without being made into objects."""

    event_id: Any = None
    timestamp: Any = None
    platform: Any = None
    level: Any = None
    logger: Any = None
    logentry: Any = None
    message: Any = None
    exception: Any = None
    stacktrace: Any = None
    threads: Any = None
    fingerprint: Any = None
    release: Any = None
    dist: Any = None
    environment: Any = None
    server_name: Any = None
    transaction: Any = None
    tags: Any = None
    contexts: Any = None
    request: Any = None
    breadcrumbs: Any = None
    type: Any = None


class Usual(Event):
    """An event whose exceptions have their usual form: nothing is made of what is not read."""

    exception: Exceptions | None = None


_usual = msgspec.json.Decoder(Usual)
_decoder = msgspec.json.Decoder(Event)


def read_event(payload: bytes) -> Event:
    """Raises Undecodable for what is no JSON object."""
    try:
        return _usual.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _read_laxly(payload)


def _read_laxly(payload: bytes) -> Event:
    """Python's SDK writes NaN, and others lone surrogates, neither of which is JSON."""
    try:
        found = _loaded(payload)
    except (ValueError, RecursionError):
        raise Undecodable("The event is no JSON object.") from None
    if not isinstance(found, dict):
        raise Undecodable("The event is JSON but no object.")
    return Event(**{name: found.get(name) for name in Event.__struct_fields__})


def _loaded(payload: bytes) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(payload.decode("utf-8", "replace"), parse_constant=_nothing)


def _nothing(_text: str) -> None:
    """What stands for NaN and Infinity."""


def body_of(event: Event) -> dict[str, JSONValue] | None:
    """The report; None for an event that is no error: a message below ``error``, or nothing."""
    chain = read_chain(event.exception)
    message, template = _message(event)
    level = text(event.level, _SHORT).lower() or "error"
    # A text captured with its stack comes as an exception without a type.
    is_error = any(one.type for one in chain)
    if not is_error and (level not in _LOUD or not (message or template or chain)):
        return None
    main = chain[0] if chain else Raised(type="", value=message, stack=[])
    if not main.stack:
        main.stack = _other_stack(event)
    platform = text(event.platform, _SHORT).lower()
    language = _LANGUAGES.get(platform, platform)
    frames = flat(main.stack)
    body: dict[str, JSONValue] = {
        "error": main.headline or message or "Error",
        "stack": render(chain, language) if len(chain) > 1 else "",
        "timestamp": _time(event.timestamp),
        "context": _context(event, main, frames, message if chain else ""),
        "type": main.type,
        "code": _code(main.mechanism),
        "message_template": "" if chain else template,
        "fingerprint": _fingerprint(event.fingerprint),
        "frames": [seen.fields for seen in frames],
        "release": text(event.release, _SHORT),
        "environment": text(event.environment, _SHORT),
        "language": language if language != "other" else "",
        "level": level,
        "trace_id": text(_inside(event.contexts, "trace", "trace_id"), 64),
        "locals": _locals(frames),
    }
    body = {name: value for name, value in body.items() if value not in ("", [], {}, None)}
    return body if len(chain) > 1 else Drafted(body, main, language)


def _message(event: Event) -> tuple[str, str]:
    """(The message, its template where values were put into one)."""
    for entry in (event.logentry, event.message):
        if isinstance(entry, dict):
            raw, formatted = (
                text(entry.get("message"), _MESSAGE),
                text(entry.get("formatted"), _MESSAGE),
            )
            is_template = bool(entry.get("params")) or bool(formatted and raw and formatted != raw)
            if raw or formatted:
                return formatted or raw, raw if is_template else ""
        elif isinstance(entry, str) and entry:
            return capped(entry, _MESSAGE), ""
    return "", ""


def _other_stack(event: Event) -> list[Folded]:
    """Of an event whose exception has none: its own, else that of the thread that crashed."""
    if found := read_frames(event.stacktrace):
        return found if found[0].frames else []
    values = event.threads.get("values") if isinstance(event.threads, dict) else event.threads
    threads = [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []
    for wanted in ("crashed", "current"):
        for thread in threads:
            if thread.get(wanted) is True and (found := read_frames(thread.get("stacktrace"))):
                return found if found[0].frames else []
    return []


def _fingerprint(given: Any) -> list[JSONValue]:  # noqa: ANN401 - anything a client sent
    """Empty where it says nothing but the default."""
    parts: list[JSONValue] = [
        shown
        for part in (given[:20] if isinstance(given, list) else [])
        if (shown := text(part, 1000))
    ]
    is_default = all(isinstance(p, str) and p.replace(" ", "") == "{{default}}" for p in parts)
    return [] if is_default else parts


def _code(mechanism: Mapping[str, Any]) -> str:
    meta = mechanism.get("meta")
    number = _inside(meta, "errno", "number")
    return text(number, 64) or text(_inside(meta, "signal", "number"), 64)


def _context(
    event: Event, main: Raised, frames: Sequence[Seen], message: str
) -> dict[str, JSONValue]:
    last = frames[-1] if frames else None
    crash = next((seen for seen in reversed(frames) if seen.in_app is not False), last)
    place = crash.fields if crash else {}
    handled = main.mechanism.get("handled")
    span = text(_inside(event.contexts, "trace", "span_id"), 16)
    fields: dict[str, JSONValue] = {
        "file": place.get("file"),
        "line": place.get("line"),
        "host": text(event.server_name, _SHORT),
        "transaction": text(event.transaction, _SHORT),
        "logger": text(event.logger, _SHORT),
        "log_message": message[:1000],
        "event_id": text(event.event_id, 40),
        "span": {"id": span} if span else None,
        "dist": text(event.dist, _SHORT),
        "runtime": _named(event.contexts, "runtime"),
        "browser": _named(event.contexts, "browser"),
        "os": _named(event.contexts, "os"),
        "handled": handled if isinstance(handled, bool) else None,
        "tags": _tags(event.tags),
        "request": _request(event.request),
        "breadcrumbs": _breadcrumbs(event.breadcrumbs),
    }
    return {name: value for name, value in fields.items() if value not in ("", None, [], {})}


def _named(contexts: Any, which: str) -> str:  # noqa: ANN401 - anything a client sent
    name = text(_inside(contexts, which, "name"), _SHORT)
    return f"{name} {text(_inside(contexts, which, 'version'), _SHORT)}".strip()


def _tags(given: Any) -> JSONValue:  # noqa: ANN401 - anything a client sent
    pairs = given.items() if isinstance(given, dict) else given if isinstance(given, list) else ()
    return {
        text(pair[0], 64): text(pair[1], 200)
        for pair in list(pairs)[:50]
        if isinstance(pair, tuple | list) and len(pair) == 2  # noqa: PLR2004 - a pair
    }


def _request(given: Any) -> JSONValue:  # noqa: ANN401 - anything a client sent
    """Address, method and headers. Bodies, cookies and the environment stay where they were."""
    if not isinstance(given, dict):
        return {}
    headers = given.get("headers")
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    kept: JSONValue = {
        text(pair[0], 64): text(pair[1], 200)
        for pair in (pairs[:_HEADERS] if isinstance(pairs, list) else [])
        if isinstance(pair, tuple | list)
        and len(pair) == 2  # noqa: PLR2004 - a pair
        and text(pair[0], 64).lower() != "cookie"
    }
    found = {
        "url": text(given.get("url"), 2000),
        "method": text(given.get("method"), 20),
        "query": text(given.get("query_string"), 1000),
        "headers": kept,
    }
    return {name: value for name, value in found.items() if value}


def _breadcrumbs(given: Any) -> list[JSONValue]:  # noqa: ANN401 - anything a client sent
    values = given.get("values") if isinstance(given, dict) else given
    last = values[-_BREADCRUMBS:] if isinstance(values, list) else []
    return [
        {
            name: text(crumb.get(name), 200)
            for name in ("timestamp", "level", "category", "type", "message")
            if text(crumb.get(name), 200)
        }
        for crumb in last
        if isinstance(crumb, dict)
    ]


def _locals(frames: Sequence[Seen]) -> JSONValue:
    """Variables of the innermost own frame. They are no arguments: nobody says what was passed."""
    for seen in reversed(frames):
        if seen.in_app is not False and (found := _variables(seen)):
            values, _ = bounded(found, _LOCALS_BYTES)
            return {
                "function": seen.fields.get("function", ""),
                "line": seen.fields.get("line", 0),
                "values": values,
            }
    return {}


def _variables(seen: Seen) -> Any:  # noqa: ANN401 - anything a client sent
    if not isinstance(seen.vars, msgspec.Raw):
        return seen.vars
    data = bytes(seen.vars)
    try:
        return msgspec.json.decode(data) if data else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _loaded(data)


def _time(given: Any) -> str:  # noqa: ANN401 - anything a client sent
    if isinstance(given, int | float) and not isinstance(given, bool):
        try:
            return datetime.fromtimestamp(given, UTC).isoformat(timespec="milliseconds")
        except (ValueError, OverflowError, OSError):
            return ""
    return text(given, 40)


def _inside(value: Any, *names: str) -> Any:  # noqa: ANN401 - anything a client sent
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value
