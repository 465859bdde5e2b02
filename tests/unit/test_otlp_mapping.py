"""What OpenTelemetry says becomes the fields of a report."""

from __future__ import annotations

from typing import Any

import pytest

from mendwire.gateway.otlp import jsoned
from mendwire.gateway.otlp.mapping import Mapped, map_logs, map_spans
from mendwire.gateway.otlp.naming import bare, named
from mendwire.model.report import report_of
from mendwire.model.scrub import scrub_report
from tests.otlp_requests import TRACE, Object, as_json, exception, log, logs, span, traces

PYTHON = """Traceback (most recent call last):
  File "/app/shop/pay.py", line 12, in charge
    raise PaymentError("no coverage")
shop.pay.PaymentError: no coverage
"""


def python(last: str) -> str:
    """The traceback with another last line."""
    return PYTHON.replace("shop.pay.PaymentError: no coverage", last)


def mapped(request: Object) -> list[Mapped]:
    if "resourceSpans" in request:
        return list(map_spans(jsoned.decode_traces(as_json(request)).records))
    return list(map_logs(jsoned.decode_logs(as_json(request)).records))


def body(request: Object) -> dict[str, Any]:
    (one,) = mapped(request)
    report_of(one.body)
    return one.body


def test_an_exception_on_a_span() -> None:
    event = exception(
        "shop.pay.PaymentError", "no coverage", PYTHON, **{"exception.escaped": "True", "order": 7}
    )
    found = body(
        traces(
            span(
                event,
                attributes={
                    "http.route": "/pay/{id}",
                    "http.response.status_code": 500,
                    "db.system.name": "postgresql",
                },
            ),
            resource={
                "service.name": "checkout",
                "service.namespace": "eu",
                "service.version": "1.4.2",
                "vcs.ref.head.revision": "abc",
                "deployment.environment.name": "staging",
                "telemetry.sdk.language": "python",
                "host.name": "web1",
            },
        )
    )
    assert found == {
        "error": "shop.pay.PaymentError: no coverage",
        "type": "shop.pay.PaymentError",
        "stack": PYTHON,
        "timestamp": "2025-11-25T14:13:20.123+00:00",
        "release": "1.4.2",
        "environment": "staging",
        "service": "eu/checkout",
        "language": "python",
        "level": "error",
        "trace_id": TRACE,
        "context": {
            "host": "web1",
            "escaped": True,
            "span": {
                "name": "GET /pay",
                "kind": "server",
                "id": "eee19b7ec3c1b174",
                "scope": "shop.http",
            },
            "attributes": {
                "order": 7,
                "http.route": "/pay/{id}",
                "http.response.status_code": 500,
                "db.system.name": "postgresql",
            },
        },
    }


def test_an_exception_in_a_log() -> None:
    attributes = exception(
        "PaymentError",
        "no coverage",
        PYTHON,
        **{"code.filepath": "/app/shop/http.py", "code.lineno": 40, "code.function": "view"},
    )
    found = body(logs(log("payment 42 failed", attributes, severityNumber=21)))
    assert found["error"] == "shop.pay.PaymentError: no coverage"
    assert found["level"] == "fatal"
    assert found["context"] == {
        "log_message": "payment 42 failed",
        "logged_at": "/app/shop/http.py:40 in view",
        "logger": "shop.pay",
    }


@pytest.mark.parametrize(
    "names",
    [
        ("code.file.path", "code.line.number", "code.function.name"),
        ("code.filepath", "code.lineno", "code.function"),
    ],
)
def test_a_record_without_an_exception(names: tuple[str, str, str]) -> None:
    place = dict(zip(names, ("/app/shop/stock.py", 7, "load"), strict=True))
    found = body(logs(log("no answer from stock", place | {"tenant": "t1"})))
    assert found["error"] == "no answer from stock"
    assert "type" not in found
    assert "stack" not in found
    assert found["context"] == {
        "file": "/app/shop/stock.py",
        "line": 7,
        "function": "load",
        "logger": "shop.pay",
        "attributes": {"tenant": "t1"},
    }
    assert mapped(logs(log("x")))[0].seen is None


@pytest.mark.parametrize(
    ("severity", "text", "is_exception", "level"),
    [
        (17, "", False, "error"),
        (20, "", False, "error"),
        (24, "", False, "fatal"),
        (0, "CRITICAL", False, "fatal"),
        (0, " Error ", False, "error"),
        (0, "", True, "error"),
        (0, "", False, None),
        (0, "WARN", True, None),
        (0, "strange", False, None),
        (13, "", True, None),
        (9, "ERROR", False, None),
    ],
)
def test_how_loud_a_record_must_be(
    severity: int, text: str, is_exception: bool, level: str | None
) -> None:
    attributes = exception("E", "m") if is_exception else {}
    found = mapped(logs(log("x", attributes, severityNumber=severity, severityText=text)))
    assert [one.body["level"] for one in found] == ([level] if level else [])


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ({"message": "no stock", "sku": 4}, "no stock"),
        ({"event": "stock.empty", "sku": 4}, "stock.empty"),
        ({"sku": 4, "shelf": ["a", 2]}, "shelf=a 2 sku=4"),
        (["a", 1, True], "a 1 True"),
        (12, "12"),
    ],
)
def test_a_structured_body_is_readable(said: object, error: str) -> None:
    found = body(logs(log(said)))
    assert found["error"] == error
    assert ("body" in found["context"]) == isinstance(said, dict | list)


@pytest.mark.parametrize("nothing", [None, "", "  ", {}, []])
def test_a_record_that_says_nothing_is_none(nothing: object) -> None:
    assert mapped(logs(log(nothing))) == []


def test_an_event_that_says_nothing_is_none() -> None:
    assert mapped(traces(span({}, {"exception.escaped": True}))) == []
    assert body(traces(span(exception("", "alone"))))["error"] == "alone"
    assert body(traces(span(exception("Alone", ""))))["error"] == "Alone"
    assert body(traces(span(exception("", "", "Alone: at\n  at f (a.js:1:2)"))))["error"]


def test_a_stack_in_the_text_of_a_log_file() -> None:
    found = body(logs(log("ERROR in worker 3\n" + PYTHON)))
    assert found["error"] == "shop.pay.PaymentError: no coverage"
    assert found["type"] == "shop.pay.PaymentError"
    assert found["stack"].endswith(PYTHON.strip())


@pytest.mark.parametrize(
    "key", ["message_template.text", "log.record.template", "{OriginalFormat}"]
)
def test_templates(key: str) -> None:
    assert (
        body(logs(log("user 7 gone", {key: "user {Id} gone"})))["message_template"]
        == "user {Id} gone"
    )
    # What a collector mined from messages changes as it sees more of them.
    assert "message_template" not in body(logs(log("user 7 gone", {key: "user <*> gone"})))
    # The template is the log's, not the exception's.
    assert "message_template" not in body(logs(log("x", {key: "x"} | exception("E", "m"))))


def test_service_and_release_where_they_are_not_set() -> None:
    found = body(
        logs(
            log("x"),
            resource={
                "service.name": "unknown_service:python",
                "vcs.ref.head.revision": "abc",
                "deployment.environment": "prod",
            },
        )
    )
    assert "service" not in found
    assert (found["release"], found["environment"]) == ("abc", "prod")


@pytest.mark.parametrize("time", [0, -1])
def test_times_that_are_none(time: int) -> None:
    assert "timestamp" not in body(logs(log("x", timeUnixNano=str(time))))


@pytest.mark.parametrize(
    ("sdk", "language"),
    [("nodejs", "javascript"), ("webjs", "javascript"), ("go", "go"), ("cpp", "c++")],
)
def test_languages(sdk: str, language: str) -> None:
    assert body(logs(log("x"), resource={"telemetry.sdk.language": sdk}))["language"] == language


JAVA = """a.b.Outer$Inner: no stock
\tat a.b.Shop.load(Shop.java:7)
Caused by: java.io.IOException: x
\t... 1 more"""
NODE = """Error: ENOENT: no such file or directory, open '/x'
    at open (node:fs:1:2)
    at load (/app/a.js:3:4)"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/a.py", line 3, in <module>
  | ExceptionGroup: many (1 sub-exception)
  +-+---------------- 1 ----------------
    | Exception Group Traceback (most recent call last):
    |   File "/app/a.py", line 1, in <module>
    | ExceptionGroup: inner (1 sub-exception)
    +-+---------------- 1 ----------------
      | ValueError: x
      +------------------------------------
"""


@pytest.mark.parametrize(
    ("kind", "message", "stack", "language", "wanted"),
    [
        ("__main__.PaymentError", "m", "", "python", ("PaymentError", "m")),
        ("builtins.ValueError", "m", "", "python", ("ValueError", "m")),
        ("__main__.PaymentError", "x", PYTHON, "", ("shop.pay.PaymentError", "no coverage")),
        ("PaymentError", "", PYTHON, "python", ("shop.pay.PaymentError", "no coverage")),
        ("OSError", "2", python("OSError: [Errno 2] gone"), "", ("OSError", "[Errno 2] gone")),
        ("E", "1 bad", python("p.E: 1 bad\na\n\n  b"), "python", ("p.E", "1 bad\na\n\n  b")),
        ("ExceptionGroup", "many", GROUP, "", ("ExceptionGroup", "many (1 sub-exception)")),
        ("a.b.Outer.Inner", "no stock", JAVA, "java", ("a.b.Outer$Inner", "no stock")),
        ("IOException", "x", JAVA, "java", ("IOException", "x")),
        ("ENOENT", "ENOENT: no such", NODE, "javascript", ("Error", "ENOENT: no such")),
        ("ERR_X", "m", "TypeError [ERR_X]: m\n    at f (a.js:1)", "javascript", ("TypeError", "m")),
        ("404", "m", "load@https://shop/a.js:1:2", "javascript", ("404", "m")),
        ("*errors.errorString", "m", "goroutine 1 [running]:", "go", ("*errors.errorString", "m")),
        ("", "m", PYTHON, "python", ("", "m")),
    ],
)
def test_the_stack_has_the_last_word(
    kind: str, message: str, stack: str, language: str, wanted: tuple[str, str]
) -> None:
    assert named(kind, message, stack, language) == wanted


@pytest.mark.parametrize(
    ("kind", "short"),
    [
        ("a.b.C", "C"),
        ("a.B$C", "C"),
        ("a::B", "B"),
        ("A\\B", "B"),
        ("*pkg/x.E", "E"),
        ("...", "..."),
        ("E.", "E"),
        ("", ""),
    ],
)
def test_bare_names(kind: str, short: str) -> None:
    assert bare(kind) == short


@pytest.mark.parametrize(
    "text", ["E: " * 80_000, "E" * 250_000, "a." * 120_000 + "E", "\nE" * 120_000, "E:\n" * 80_000]
)
def test_hostile_stacks_are_read_in_time(text: str) -> None:
    for stack in (text, "Traceback (most recent call last)\n" + text):
        for kind in ("E", "a", "x" * 1000):
            named(kind, "m", stack, "javascript")


def test_secrets_in_attributes_are_scrubbed_by_what_comes_after() -> None:
    header = {
        "http.request.header.authorization": "Bearer " + "bait" * 8,
        "app.password": "hunter2bait",
    }
    text = scrub_report(
        as_json(body(traces(span(exception("E", "m"), attributes=header))))
    ).decode()
    assert "hunter2bait" not in text
    assert "baitbait" not in text
