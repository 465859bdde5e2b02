"""Both encodings say the same; no bytes whatsoever do more than be refused in one sentence."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import Undecodable
from mendwire.gateway.otlp import jsoned, protobuf
from mendwire.gateway.otlp.records import MAX_EVENTS, MAX_RECORD, MAX_TAKEN, Decoded
from mendwire.gateway.otlp.values import DEEPER, MAX_ATTRIBUTES, MAX_DEPTH, MAX_ITEMS
from tests.otlp_requests import (
    SPAN,
    TIME,
    TRACE,
    Object,
    as_json,
    as_protobuf,
    exception,
    log,
    logs,
    pairs,
    span,
    traces,
    value,
)

DECODERS: list[Callable[[bytes], Decoded[Any]]] = [
    jsoned.decode_logs,
    jsoned.decode_traces,
    protobuf.decode_logs,
    protobuf.decode_traces,
]
plain = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc.", min_size=1, max_size=6), inner, max_size=4)
    ),
    max_leaves=8,
)
attributes = st.dictionaries(st.text("abc.", min_size=1, max_size=8), plain, max_size=6)


def both(request: Object) -> Decoded[Any]:
    """What the request says, which is the same in both encodings."""
    one = "traces" if "resourceSpans" in request else "logs"
    found = getattr(jsoned, f"decode_{one}")(as_json(request))
    assert found == getattr(protobuf, f"decode_{one}")(as_protobuf(request))
    assert isinstance(found, Decoded)
    return found


@given(attributes, attributes, plain)
def test_both_encodings_say_the_same(first: Object, second: Object, body: object) -> None:
    found = both(traces(span(exception("E", "m", **first), attributes=second), resource=second))
    assert len(found.records) == 1
    assert len(both(logs(log(body, first), resource=second)).records) == 1


def test_a_span_is_read() -> None:
    (found,) = both(
        traces(span(exception("E", "m"), {"a": 1}, attributes={"http.route": "/p"}))
    ).records
    assert (found.trace_id, found.span_id, found.name, found.kind) == (TRACE, SPAN, "GET /pay", 2)
    assert found.source.scope == "shop.http"
    assert found.source.resource["service.name"] == "shop"
    assert found.attributes == {"http.route": "/p"}
    assert [event.time for event in found.exceptions] == [TIME, TIME]
    assert found.exceptions[0].attributes == {"exception.type": "E", "exception.message": "m"}


def test_spans_without_exceptions_and_quiet_records_are_let_go() -> None:
    event = {"name": "cache miss about an exception", "attributes": pairs({"exception.type": "E"})}
    found = both(traces(span(), span(events=[event])))
    assert (found.records, found.rejected) == ((), 0)
    quiet = [log("x", severityNumber=number) for number in (1, 9, 13, 16)]
    assert both(logs(*quiet)).records == ()
    assert (
        len(both(logs(log("x"), log("x", severityNumber=0), log("x", severityNumber=24))).records)
        == 3
    )


def test_json_is_read_as_senders_write_it() -> None:
    """Numbers as texts or numbers, ids in any case, null for absent, fields of later versions."""
    record = log(
        "x", traceId=TRACE.upper(), timeUnixNano=TIME, severityNumber="18", later=[{"x": 1}]
    )
    record["attributes"] = [
        {"key": "a", "value": {"intValue": 7}},
        {"key": "b", "value": {"intValue": "-7"}},
        {"key": "c", "value": {"doubleValue": "NaN"}},
        {"key": "d", "value": {"bytesValue": "aGk="}},
        {"key": "e", "value": None},
        {"key": "f", "value": {"stringValue": None, "arrayValue": {}}},
        {"key": None},
    ]
    (found,) = jsoned.decode_logs(as_json(logs(record))).records
    assert (found.trace_id, found.time, found.severity) == (TRACE, TIME, 18)
    assert found.attributes == {
        "a": 7,
        "b": -7,
        "c": "NaN",
        "d": "aGk=",
        "e": None,
        "f": [],
        "": None,
    }
    assert jsoned.decode_logs(b'{"resourceLogs": null}').records == ()
    assert jsoned.decode_logs(b"{}").records == ()


@pytest.mark.parametrize("given_id", ["", "0" * 32, "zz" * 16, "abcd", "5b8efff7" * 8])
def test_ids_that_are_none_are_empty(given_id: str) -> None:
    (found,) = jsoned.decode_logs(as_json(logs(log("x", traceId=given_id)))).records
    assert found.trace_id == ""


def test_the_time_of_observation_stands_in() -> None:
    (found,) = both(logs(log("x", timeUnixNano="0", observedTimeUnixNano="5"))).records
    assert found.time == 5


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    for decode in DECODERS:
        try:
            decode(body)
        except Undecodable as problem:
            assert str(problem).endswith((".", ")"))  # noqa: PT017 - both ends are right


@given(st.data())
def test_damage_to_a_request_is_refused_or_counted(data: st.DataObject) -> None:
    request = as_protobuf(logs(log("x", {"a": [1, {"b": "c"}]}), log("y")))
    at = data.draw(st.integers(0, len(request) - 1))
    for body in (
        request[:at],
        request[:at] + bytes([data.draw(st.integers(0, 255))]) + request[at + 1 :],
    ):
        try:
            found = protobuf.decode_logs(body)
        except Undecodable:
            continue
        assert len(found.records) + found.rejected <= 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "resourceLogs",
                        "resourceSpans",
                        "scopeLogs",
                        "scopeSpans",
                        "logRecords",
                        "spans",
                        "resource",
                        "attributes",
                        "key",
                        "value",
                        "stringValue",
                        "arrayValue",
                        "values",
                        "body",
                        "events",
                        "name",
                    ]
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=20,
    )
)
def test_any_json_is_read_or_refused(request: object) -> None:
    for decode in DECODERS[:2]:
        try:
            decode(json.dumps(request).encode())
        except Undecodable as problem:
            assert "\n" not in str(problem)  # noqa: PT017 - both ends are right


def test_a_damaged_record_does_not_take_the_others_with_it() -> None:
    request = logs(log("a"), log("b"), log("c"))
    request["resourceLogs"][0]["scopeLogs"][0]["logRecords"][1]["attributes"] = "no list"
    found = jsoned.decode_logs(as_json(request))
    assert [record.body for record in found.records] == ["a", "c"]
    assert (found.rejected, found.reason) == (1, "A record cannot be decoded.")
    body = as_protobuf(logs(log("a"), log("bbbb"), log("c"))).replace(b"bbbb", b"\xff\xfe\xff\xfe")
    again = protobuf.decode_logs(body)
    assert ([record.body for record in again.records], again.rejected) == (["a", "c"], 1)


@pytest.mark.parametrize("depth", [MAX_DEPTH, 90, 5_000])
def test_nested_values_are_cut_or_refused(depth: int) -> None:
    for wrap in (
        lambda inner: {"arrayValue": {"values": [inner]}},
        lambda inner: {"kvlistValue": {"values": [{"key": "k", "value": inner}]}},
    ):
        nested: Object = value("deep")
        text = '{"stringValue":"deep"}'
        for _ in range(depth):
            text = json.dumps(wrap("@")).replace('"@"', text, 1)
        request = json.dumps(logs(log("x") | {"body": "@"})).replace('"@"', text, 1).encode()
        try:
            found = jsoned.decode_logs(request)
        except Undecodable as problem:
            assert depth > 90 and "deep" in str(problem)  # noqa: PT017, PT018 - both ends are right
            continue
        assert found.rejected or (DEEPER in str(found.records[0].body)) == (depth > MAX_DEPTH)
        if depth == MAX_DEPTH:
            for _ in range(depth):
                nested = wrap(nested)
            both(logs(log("x") | {"body": nested}))


def test_protobuf_nested_beyond_its_limit_is_one_damaged_record() -> None:
    found = protobuf.decode_logs(_nested(300))
    assert (found.records, found.rejected) == ((), 1)


def _nested(depth: int) -> bytes:
    def field(tag: int, data: bytes) -> bytes:
        size, length = len(data), b""
        while size > 127:
            length += bytes([size & 127 | 128])
            size >>= 7
        return bytes([tag]) + length + bytes([size]) + data

    body = b""
    for _ in range(depth):
        body = field(0x2A, field(0x0A, body))
    return field(0x0A, field(0x12, field(0x12, field(0x2A, body))))


def test_what_is_wide_is_cut() -> None:
    many = {f"k{number}": number for number in range(400)}
    (found,) = both(
        logs(log(list(range(400)), many | exception("E", "m" * 50_000, "s" * 500_000)))
    ).records
    assert len(found.attributes) == MAX_ATTRIBUTES + 3
    assert len(str(found.attributes["exception.message"])) == 16_000
    assert len(str(found.attributes["exception.stacktrace"])) == 256 * 1024
    assert isinstance(found.body, list)
    assert len(found.body) == MAX_ITEMS


def test_what_is_too_much_is_counted() -> None:
    found = both(logs(log("x" * (MAX_RECORD + 1)), log("y")))
    assert (len(found.records), found.rejected) == (1, 1)
    assert "larger" in found.reason
    found = both(logs(*[log("x")] * (MAX_TAKEN + 3)))
    assert (len(found.records), found.rejected) == (MAX_TAKEN, 3)
    found = both(traces(span(*[exception("E", "m")] * (MAX_EVENTS + 1))))
    assert (len(found.records[0].exceptions), found.rejected) == (MAX_EVENTS, 1)


def test_millions_of_empty_parts_take_neither_time_nor_memory() -> None:
    empty = b"\x12\x00" * 1_600_000
    bombs = [
        (protobuf.decode_traces, b"\x0a\x00" * 1_600_000),
        (protobuf.decode_traces, _headed(0x0A, _headed(0x12, empty))),
        (jsoned.decode_traces, b'{"resourceSpans":[' + b"{}," * 800_000 + b"{}]}"),
        (
            jsoned.decode_logs,
            b'{"resourceLogs":[{"scopeLogs":[{"logRecords":[' + b"0," * 1_600_000 + b"0]}]}]}",
        ),
    ]
    for decode, body in bombs:
        tracemalloc.start()
        try:
            with pytest.raises(Undecodable, match="too many parts"):
                decode(body)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert most < 100_000_000


def _headed(tag: int, data: bytes) -> bytes:
    size, length = len(data), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([tag]) + length + bytes([size]) + data


def test_heads_that_are_said_often_are_merged_within_bounds() -> None:
    one = as_protobuf(logs(log("x")))
    resource = b"\x0a\x10\x0a\x0e\x0a\x04more\x12\x06\x0a\x04said"
    merged = protobuf.decode_logs(_headed(0x0A, resource + _inner(one)))
    assert merged.records[0].source.resource == {
        "service.name": "shop",
        "telemetry.sdk.language": "python",
        "more": "said",
    }
    with pytest.raises(Undecodable, match="larger"):
        protobuf.decode_logs(_headed(0x0A, resource * 80_000))


def _inner(request: bytes) -> bytes:
    """The first resource group of a request, without its tag and length."""
    at = 1
    while request[at] > 127:
        at += 1
    return request[at + 1 :]
