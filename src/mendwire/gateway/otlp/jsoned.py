"""Export requests from JSON, in OTLP's own mapping: ids in hex, enums as numbers, camelCase.

Records are first found and only then decoded, one at a time, as with protobuf.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, TypeVar

import msgspec

from mendwire.errors import Undecodable
from mendwire.gateway.otlp.gathering import DAMAGED, TOO_MANY_EVENTS, Gathering, is_quiet
from mendwire.gateway.otlp.records import (
    MAX_EVENTS,
    MAX_PUNCTUATION,
    MAX_RECORD,
    Decoded,
    Exceptional,
    LogRecord,
    Source,
    Span,
)
from mendwire.gateway.otlp.values import (
    DEEPER,
    EXCEPTION,
    MAX_ATTRIBUTES,
    MAX_BODY,
    MAX_DEPTH,
    MAX_ITEMS,
    MAX_KEY,
    MAX_LOOKED_AT,
    MAX_TEXT,
    identifier,
    number_of,
    room_for,
    text_of,
)
from mendwire.model.report import JSONValue

_MAX_DIGITS: Final = 20
_NULL: Final = msgspec.Raw(b"null")
_BROKEN: Final = (msgspec.DecodeError, msgspec.ValidationError, RecursionError, UnicodeError)

Whole = int | float | str | None
"""A number of 64 bits: senders write it as a text or as a number."""
T = TypeVar("T")


class _Message(msgspec.Struct, rename="camel", gc=False):
    """Null means absent, as in protobuf's JSON; unknown fields are passed over."""


class _Array(_Message):
    values: list[_Value] | None = None


class _Pairs(_Message):
    values: list[_Pair] | None = None


class _Value(_Message):
    string_value: str | None = None
    int_value: Whole = None
    bool_value: bool | None = None
    double_value: float | str | None = None
    array_value: _Array | None = None
    kvlist_value: _Pairs | None = None
    bytes_value: str | None = None


class _Pair(_Message):
    key: str | None = None
    value: _Value | None = None


class _Event(_Message):
    name: str | None = None
    time_unix_nano: Whole = None
    attributes: list[_Pair] | None = None


class _Span(_Message):
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None
    kind: Whole = None
    attributes: list[_Pair] | None = None
    events: list[_Event] | None = None


class _Log(_Message):
    trace_id: str | None = None
    span_id: str | None = None
    time_unix_nano: Whole = None
    observed_time_unix_nano: Whole = None
    severity_number: Whole = None
    severity_text: str | None = None
    body: _Value | None = None
    attributes: list[_Pair] | None = None


class _Resource(_Message):
    attributes: list[_Pair] | None = None


class _Scope(_Message):
    name: str | None = None


class _ScopeGroup(_Message):
    scope: _Scope | None = None
    spans: list[msgspec.Raw] | None = None
    log_records: list[msgspec.Raw] | None = None


class _ResourceGroup(_Message):
    resource: msgspec.Raw = _NULL
    scope_spans: list[_ScopeGroup] | None = None
    scope_logs: list[_ScopeGroup] | None = None


class _Request(_Message):
    resource_spans: list[_ResourceGroup] | None = None
    resource_logs: list[_ResourceGroup] | None = None


_request = msgspec.json.Decoder(_Request)
_resource = msgspec.json.Decoder(_Resource | None)
_span = msgspec.json.Decoder(_Span)
_log = msgspec.json.Decoder(_Log)


def decode_traces(body: bytes) -> Decoded[Span]:
    """The spans with exceptions; raises Undecodable."""
    gathering: Gathering[Span] = Gathering()
    for group in _read(body).resource_spans or ():
        resource = _resource_of(group)
        for scope in group.scope_spans or ():
            source = _source(resource, scope)
            for raw in scope.spans or ():
                if _may_have_exceptions(raw) and gathering.has_room(memoryview(raw).nbytes):
                    try:
                        _take_span(_span.decode(raw), source, gathering)
                    except _BROKEN:
                        gathering.reject(DAMAGED)
    return gathering.decoded()


def decode_logs(body: bytes) -> Decoded[LogRecord]:
    """The log records that may tell of an error; raises Undecodable."""
    gathering: Gathering[LogRecord] = Gathering()
    for group in _read(body).resource_logs or ():
        resource = _resource_of(group)
        for scope in group.scope_logs or ():
            source = _source(resource, scope)
            for raw in scope.log_records or ():
                if gathering.has_room(memoryview(raw).nbytes):
                    try:
                        _take_log(_log.decode(raw), source, gathering)
                    except _BROKEN:
                        gathering.reject(DAMAGED)
    return gathering.decoded()


def _read(body: bytes) -> _Request:
    if body.count(b"{") + body.count(b",") > MAX_PUNCTUATION:
        raise Undecodable("The request has too many parts; set a smaller batch size.")
    try:
        return _request.decode(body)
    except RecursionError:
        raise Undecodable("The request is nested too deeply.") from None
    except _BROKEN as problem:
        raise Undecodable(f"The body is no JSON of OTLP ({problem}).") from None


def _may_have_exceptions(raw: msgspec.Raw) -> bool:
    # An escaped name is legal, though no exporter writes it.
    data = bytes(raw)
    return b"exception" in data or b"\\u" in data


def _resource_of(group: _ResourceGroup) -> dict[str, JSONValue]:
    if memoryview(group.resource).nbytes > MAX_RECORD:
        raise Undecodable(f"A resource is larger than {MAX_RECORD} bytes.")
    try:
        found = _resource.decode(group.resource)
    except _BROKEN as problem:
        raise Undecodable(f"A resource in the request is damaged ({problem}).") from None
    return _attributes(found.attributes) if found else {}


def _source(resource: dict[str, JSONValue], group: _ScopeGroup) -> Source:
    name = (group.scope.name if group.scope else "") or ""
    return Source(resource=resource, scope=text_of(name, MAX_TEXT))


def _take_span(found: _Span, source: Source, gathering: Gathering[Span]) -> None:
    events = [event for event in found.events or () if event.name == "exception"]
    if len(events) > MAX_EVENTS:
        gathering.reject(TOO_MANY_EVENTS)
    if events:
        gathering.taken.append(
            Span(
                source=source,
                trace_id=identifier(found.trace_id or ""),
                span_id=identifier(found.span_id or ""),
                name=text_of(found.name or "", MAX_TEXT),
                kind=_whole(found.kind),
                attributes=_attributes(found.attributes),
                exceptions=tuple(
                    Exceptional(
                        time=_whole(event.time_unix_nano),
                        attributes=_attributes(event.attributes),
                    )
                    for event in events[:MAX_EVENTS]
                ),
            )
        )


def _take_log(found: _Log, source: Source, gathering: Gathering[LogRecord]) -> None:
    severity = _whole(found.severity_number)
    if is_quiet(severity):
        return
    gathering.taken.append(
        LogRecord(
            source=source,
            trace_id=identifier(found.trace_id or ""),
            span_id=identifier(found.span_id or ""),
            time=_whole(found.time_unix_nano) or _whole(found.observed_time_unix_nano),
            severity=severity,
            severity_text=text_of(found.severity_text or "", MAX_TEXT),
            body=_plain(found.body, MAX_BODY),
            attributes=_attributes(found.attributes),
        )
    )


def _attributes(items: Iterable[_Pair] | None) -> dict[str, JSONValue]:
    found: dict[str, JSONValue] = {}
    for item in islice(items or (), MAX_LOOKED_AT):
        key = item.key or ""
        if len(found) < MAX_ATTRIBUTES or key.startswith(EXCEPTION):
            found[key[:MAX_KEY]] = _plain(item.value, room_for(key))
    return found


def _plain(value: _Value | None, room: int, depth: int = 0) -> JSONValue:  # noqa: PLR0911 - a table
    if value is None:
        return None
    if value.string_value is not None:
        return text_of(value.string_value, room)
    if value.int_value is not None:
        return _whole(value.int_value)
    if value.bool_value is not None:
        return value.bool_value
    if value.double_value is not None:
        double = value.double_value
        return number_of(double) if isinstance(double, float) else text_of(double, MAX_TEXT)
    if depth >= MAX_DEPTH and (value.array_value or value.kvlist_value):
        return DEEPER
    if value.array_value is not None:
        values = islice(value.array_value.values or (), MAX_ITEMS)
        return [_plain(item, MAX_TEXT, depth + 1) for item in values]
    if value.kvlist_value is not None:
        pairs = islice(value.kvlist_value.values or (), MAX_ITEMS)
        return {
            (item.key or "")[:MAX_KEY]: _plain(item.value, MAX_TEXT, depth + 1) for item in pairs
        }
    return None if value.bytes_value is None else text_of(value.bytes_value, MAX_TEXT)


def _whole(value: Whole) -> int:
    """The number; 0 for what is none."""
    if isinstance(value, str):
        digits = value.removeprefix("-")
        is_number = digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS
        return int(value) if is_number else 0
    if isinstance(value, float):
        return int(value) if abs(value) < 2**64 else 0
    return value or 0
