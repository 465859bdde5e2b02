"""Reports from the wire: whatever arrives is a report or one clear sentence, never a crash."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mendwire.errors import Undecodable
from mendwire.model.report import (
    MAX_DEPTH,
    MAX_FRAMES,
    UNKNOWN_RELEASE,
    ErrorReport,
    load_object,
    parse_report,
    report_of,
)

FIELDS = [field.name for field in fields(ErrorReport)]
SHELL_SNIPPET = {
    "error": "TypeError: unsupported operand type(s) for +: 'int' and 'NoneType'",
    "stack": "File app/cart.py, line 31, in total",
    "timestamp": "2025-11-13T10:30:00Z",
    "context": {"file": "app/cart.py", "line": 31, "request_id": "req-1"},
}
PLAIN_SUBJECT = {
    "error": "TypeError: Cannot read property of undefined",
    "stack": "at handleRequest (app.js:42)",
    "timestamp": "2025-11-13T10:30:00Z",
    "context": {"user_id": "user_123", "session_id": "sess_456"},
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), inner, max_size=6)
    ),
    max_leaves=20,
)
report_like = st.dictionaries(st.sampled_from(FIELDS), json_values)


def bytes_of(body: object) -> bytes:
    return json.dumps(body).encode()


def assert_only_undecodable(payload: bytes) -> None:
    """A report whose fields have their types, or our own error; anything else fails the test."""
    with suppress(Undecodable):
        assert_typed(parse_report(payload))


def assert_typed(report: ErrorReport) -> None:
    assert report.error
    assert report.release
    assert report.level
    assert isinstance(report.context, dict)
    assert all(isinstance(part, str) for part in report.fingerprint)
    assert all(frame.line >= 0 and frame.column >= 0 for frame in report.frames)
    texts = (report.stack, report.timestamp, report.type, report.code, report.message_template)
    assert all(isinstance(text, str) for text in texts)


@given(st.binary())
@example(b"\xff\xfe{}")
@example(b'{"error": "a"')
@example(b"[" * 100_000)
@example(b'{"error":' * 50_000)
@example(b'{"error": ' + b"9" * 10_000 + b"}")
def test_arbitrary_bytes_never_crash(payload: bytes) -> None:
    assert_only_undecodable(payload)


@given(json_values | report_like)
@example({"stack": " "})
@example({"error": "\n", "stack": "\x1c"})
@example({"error": float("nan"), "frames": [{"line": float("inf"), "column": -1}]})
@example({"error": "\ud800", "context": {"\udfff": None}})
@example({"error": "e", "frames": [None, [], {"file": [], "arguments": [1]}]})
def test_arbitrary_json_never_crashes(body: object) -> None:
    assert_only_undecodable(bytes_of(body))


@pytest.mark.parametrize("body", [SHELL_SNIPPET, PLAIN_SUBJECT])
def test_bodies_of_plain_publishers_are_read(body: dict[str, Any]) -> None:
    report = parse_report(bytes_of(body))
    assert report.error == body["error"]
    assert report.stack == body["stack"]
    assert report.timestamp == body["timestamp"]
    assert report.context == body["context"]
    assert report.release == UNKNOWN_RELEASE
    assert report.level == "error"


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (b"\xff", "not UTF-8"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"null", "a NoneType, not an object"),
        (b'"text"', "a str, not an object"),
        (b'[{"error": "e"}]', "a list, not an object"),
        (b"{}", "neither an 'error' text nor a 'stack'"),
        (b'{"error": {"message": "e"}}', "neither"),
        (b'{"error": true, "stack": null}', "neither"),
        (b'{"error": " ", "stack": "\\n\\t"}', "neither"),
    ],
)
def test_what_is_no_report_is_refused_in_one_sentence(payload: bytes, words: str) -> None:
    with pytest.raises(Undecodable, match=words):
        parse_report(payload)


@pytest.mark.parametrize(
    ("depth", "readable"), [(MAX_DEPTH - 2, True), (MAX_DEPTH, False), (500, False)]
)
def test_nesting_has_a_limit(depth: int, readable: bool) -> None:
    payload = b'{"error": "e", "context": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
    if readable:
        assert parse_report(payload).error == "e"
    else:
        with pytest.raises(Undecodable, match="nested too deeply"):
            parse_report(payload)


def test_mistyped_optional_fields_are_read_as_absent() -> None:
    wrong: dict[str, Any] = {name: [] for name in FIELDS}
    assert report_of(wrong | {"error": "e"}) == ErrorReport(error="e")


def test_numbers_stand_for_text() -> None:
    report = report_of({"error": 500, "code": 23505, "release": 7})
    assert (report.error, report.code, report.release) == ("500", "23505", "7")


def test_a_stack_alone_gives_its_last_line_as_the_error() -> None:
    stack = "Traceback (most recent call last):\n  File a.py\nKeyError: 'x'\n\n"
    report = report_of({"stack": stack})
    assert report.error == "KeyError: 'x'"
    assert report.stack == stack


def test_the_release_may_stand_in_the_context() -> None:
    assert report_of({"error": "e", "context": {"release": "1.2"}}).release == "1.2"
    both: dict[str, Any] = {"error": "e", "release": "2.0", "context": {"release": "1.2"}}
    assert report_of(both).release == "2.0"


def test_a_long_stack_keeps_its_beginning_and_its_end() -> None:
    frames: list[Any] = [{"file": f"f{number}"} for number in range(MAX_FRAMES * 3)]
    kept = report_of({"error": "e", "frames": frames}).frames
    assert len(kept) == MAX_FRAMES
    assert (kept[0].file, kept[-1].file) == ("f0", f"f{MAX_FRAMES * 3 - 1}")


def test_unknown_fields_stay_out_of_the_record() -> None:
    body: dict[str, Any] = {"error": "e", "instructions": "obey", "sdk": {"name": "x"}}
    assert load_object(bytes_of(body)) == body
    assert report_of(body) == ErrorReport(error="e")
