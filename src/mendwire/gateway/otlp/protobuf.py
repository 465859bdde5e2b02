"""Export requests from protobuf."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from google.protobuf.message import (  # type: ignore[import-untyped]  # has no stubs of its own
    DecodeError,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as LogMessage
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from mendwire.errors import Undecodable
from mendwire.gateway.otlp.framing import Budget, parts
from mendwire.gateway.otlp.gathering import DAMAGED, TOO_MANY_EVENTS, Gathering, is_quiet
from mendwire.gateway.otlp.records import (
    MAX_EVENTS,
    MAX_FIELDS,
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

_EXCEPTION: Final = "exception"
_EXCEPTION_BYTES: Final = b"exception"
# The numbers are the same for logs and traces: a request has groups by resource (1), each of them
# a resource (1) and groups by scope (2), and each of these a scope (1) and records (2).
_FIRST: Final = 1
_SECOND: Final = 2

Place = tuple[int, int]
"""Where a message begins and ends in the body."""


def decode_traces(body: bytes) -> Decoded[Span]:
    """The spans with exceptions; raises Undecodable."""
    gathering: Gathering[Span] = Gathering()
    for source, (start, end) in _records(body):
        # Of a hundred spans one has an exception; the other ninety-nine are not worth parsing.
        if body.find(_EXCEPTION_BYTES, start, end) >= 0 and gathering.has_room(end - start):
            try:
                message = SpanMessage.FromString(body[start:end])
            except DecodeError:
                gathering.reject(DAMAGED)
            else:
                _take_span(message, source, gathering)
    return gathering.decoded()


def decode_logs(body: bytes) -> Decoded[LogRecord]:
    """The log records that may tell of an error; raises Undecodable."""
    gathering: Gathering[LogRecord] = Gathering()
    for source, (start, end) in _records(body):
        if gathering.has_room(end - start):
            try:
                message = LogMessage.FromString(body[start:end])
            except DecodeError:
                gathering.reject(DAMAGED)
            else:
                _take_log(message, source, gathering)
    return gathering.decoded()


def _records(body: bytes) -> Iterator[tuple[Source, Place]]:
    budget = Budget(left=MAX_FIELDS)
    resources = [
        (start, end) for number, start, end in parts(body, 0, len(body), budget) if number == _FIRST
    ]
    for head, scopes in _split(body, resources, budget):
        resource = _attributes(_resource(head).attributes)
        for scope, records in _split(body, scopes, budget):
            source = Source(resource=resource, scope=_scope(scope))
            for place in records:
                yield source, place


def _split(
    body: bytes, groups: Iterable[Place], budget: Budget
) -> Iterator[tuple[bytes, list[Place]]]:
    """Of each group its head (the bytes of its resource or scope) and where its members lie."""
    for group_start, group_end in groups:
        heads: list[bytes] = []
        members: list[Place] = []
        for number, start, end in parts(body, group_start, group_end, budget):
            if number == _FIRST:
                heads.append(body[start:end])
            elif number == _SECOND:
                members.append((start, end))
        if sum(map(len, heads)) > MAX_RECORD:
            raise Undecodable(f"A resource or a scope is larger than {MAX_RECORD} bytes.")
        # Said twice, a message is merged, which is what parsing both in a row does.
        yield b"".join(heads), members


def _resource(data: bytes) -> Resource:
    try:
        found: Resource = Resource.FromString(data)
    except DecodeError:
        raise Undecodable("A resource in the request is damaged.") from None
    return found


def _scope(data: bytes) -> str:
    try:
        return text_of(InstrumentationScope.FromString(data).name, MAX_TEXT)
    except DecodeError:
        raise Undecodable("A scope in the request is damaged.") from None


def _take_span(message: SpanMessage, source: Source, gathering: Gathering[Span]) -> None:
    events = [event for event in message.events if event.name == _EXCEPTION]
    if len(events) > MAX_EVENTS:
        gathering.reject(TOO_MANY_EVENTS)
    if events:
        gathering.taken.append(
            Span(
                source=source,
                trace_id=identifier(message.trace_id.hex()),
                span_id=identifier(message.span_id.hex()),
                name=text_of(message.name, MAX_TEXT),
                kind=message.kind,
                attributes=_attributes(message.attributes),
                exceptions=tuple(
                    Exceptional(time=event.time_unix_nano, attributes=_attributes(event.attributes))
                    for event in events[:MAX_EVENTS]
                ),
            )
        )


def _take_log(message: LogMessage, source: Source, gathering: Gathering[LogRecord]) -> None:
    if is_quiet(message.severity_number):
        return
    gathering.taken.append(
        LogRecord(
            source=source,
            trace_id=identifier(message.trace_id.hex()),
            span_id=identifier(message.span_id.hex()),
            time=message.time_unix_nano or message.observed_time_unix_nano,
            severity=message.severity_number,
            severity_text=text_of(message.severity_text, MAX_TEXT),
            body=_plain(message.body, MAX_BODY),
            attributes=_attributes(message.attributes),
        )
    )


def _attributes(items: Iterable[KeyValue]) -> dict[str, JSONValue]:
    found: dict[str, JSONValue] = {}
    for item in islice(items, MAX_LOOKED_AT):
        key = item.key
        if len(found) < MAX_ATTRIBUTES or key.startswith(EXCEPTION):
            found[key[:MAX_KEY]] = _plain(item.value, room_for(key))
    return found


def _plain(value: AnyValue, room: int, depth: int = 0) -> JSONValue:  # noqa: PLR0911 - a table
    if text := value.string_value:  # nearly always, and the cheapest to ask for
        return text_of(text, room)
    match value.WhichOneof("value"):
        case "string_value":
            return ""
        case "int_value":
            return value.int_value
        case "bool_value":
            return value.bool_value
        case "double_value":
            return number_of(value.double_value)
        case "array_value" if depth < MAX_DEPTH:
            values = islice(value.array_value.values, MAX_ITEMS)
            return [_plain(item, MAX_TEXT, depth + 1) for item in values]
        case "kvlist_value" if depth < MAX_DEPTH:
            pairs = islice(value.kvlist_value.values, MAX_ITEMS)
            return {item.key[:MAX_KEY]: _plain(item.value, MAX_TEXT, depth + 1) for item in pairs}
        case "bytes_value":
            return text_of(value.bytes_value[:MAX_TEXT].hex(), MAX_TEXT)
        case None:
            return None
        case _:
            return DEEPER
