"""Sentry's events as reports: tables of what SDKs send, and anything that they might."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import Refused, Undecodable
from mendwire.gateway.events import body_of, read_event
from mendwire.gateway.keys import Key
from mendwire.gateway.parcels import Parcel, parcel
from mendwire.gateway.plain import parse_reports
from mendwire.gateway.sentry import Envelopes, parse_store
from mendwire.model.names import Names
from mendwire.model.report import JSONValue, Trust, parse_report, report_of
from mendwire.model.scrub import scrub_policy
from mendwire.model.signature import canonical, signature

SHOP = Names(namespace="shop")
KEY = Key(
    id="k",
    name="shop",
    project=1,
    digest="d",
    environments=("staging", "production"),
    service="shop",
    trust=Trust.TRUSTED,
)
LOW = Key(id="l", name="page", project=2, digest="e", environments=("production",), service="page")


def frame(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "filename": f"shop/f{number}.py",
        "abs_path": f"/srv/app/shop/f{number}.py",
        "function": f"f{number}",
        "module": f"shop.f{number}",
        "lineno": number,
        "context_line": f"    f{number + 1}()",
        "in_app": True,
    } | more


def error(kind: str = "ValueError", value: str = "no", **more: Any) -> dict[str, Any]:
    return {"type": kind, "value": value, "stacktrace": {"frames": [frame(1), frame(2)]}} | more


def body(event: dict[str, Any]) -> dict[str, Any]:
    found = body_of(read_event(json.dumps(event).encode()))
    assert found is not None
    return found


def sent(event: dict[str, Any], key: Key = KEY) -> Parcel:
    return parcel(body(event), key, SHOP, 1 << 20)


def stack(event: dict[str, Any]) -> str:
    return parse_report(sent(event).payload).stack


def test_the_text_of_a_stack_is_scrubbed_too() -> None:
    frames = [frame(1, context_line='connect(password="hunter2")', vars={"password": "hunter2"})]
    for chain in ([error()], [error("OSError"), error()]):
        for one in chain:
            one |= {"value": "token=ghp_" + "a1" * 18, "stacktrace": {"frames": frames}}
        payload = sent(python(*chain)).payload
        assert "Traceback" in stack(python(*chain))
        assert b"hunter2" not in payload
        assert b"ghp_" not in payload


def python(*values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"platform": "python", "exception": {"values": list(values)}} | more


def test_a_plain_exception() -> None:
    event = python(
        error(module="shop.errors"),
        event_id="ab" * 16,
        timestamp=1_800_000_000.5,
        release="shop@1",
        server_name="web-1",
        environment="production",
        contexts={"trace": {"trace_id": "c" * 32}, "runtime": {"name": "CPython", "version": "3"}},
        tags=[["color", "red"]],
    )
    found = body(event)
    assert found["type"] == "shop.errors.ValueError"
    assert found["error"] == "shop.errors.ValueError: no"
    assert found["timestamp"] == "2027-01-15T08:00:00.500+00:00"
    assert found["frames"][-1] == {
        "file": "shop/f2.py",
        "line": 2,
        "function": "f2",
        "module": "shop.f2",
        "code": "f3()",
        "in_app": True,
    }
    assert stack(event).splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "shop/f1.py", line 1, in f1',
        "    f2()",
    ]
    assert found["trace_id"] == "c" * 32
    assert found["context"]["host"] == "web-1"
    assert found["context"]["tags"] == {"color": "red"}
    assert (found["context"]["file"], found["context"]["line"]) == ("shop/f2.py", 2)


@pytest.mark.parametrize(
    ("source", "said"),
    [("__cause__", "direct cause"), ("__context__", "During handling")],
)
def test_pythons_causes_are_told_as_python_does(source: str, said: str) -> None:
    cause = error(
        "KeyError", "'x'", mechanism={"exception_id": 1, "parent_id": 0, "source": source}
    )
    main = error(mechanism={"exception_id": 0})
    found = body(python(cause, main))
    assert found["type"] == "ValueError"
    assert said in found["stack"]
    assert canonical(report_of(found)).types == ("ValueError", "KeyError")


def test_a_group_is_drawn_with_its_members() -> None:
    group = error(
        "ExceptionGroup", "two", mechanism={"exception_id": 0, "is_exception_group": True}
    )
    members = [
        error(
            kind, "m", mechanism={"exception_id": n, "parent_id": 0, "source": f"exceptions[{n}]"}
        )
        for n, kind in enumerate(("OSError", "KeyError"), start=1)
    ]
    found = body(python(*members[::-1], group))
    assert "  + Exception Group Traceback" in found["stack"]
    assert found["type"] == "ExceptionGroup"
    types = canonical(report_of(found)).types
    assert types[0] == "ExceptionGroup"
    assert set(types[1:]) == {"OSError", "KeyError"}


def test_javascript_and_its_cause() -> None:
    frames = [frame(1, filename="/srv/app/cart.js", colno=7, function="?")]
    event = {
        "platform": "node",
        "exception": {
            "values": [
                error("TypeError", "inner", stacktrace={"frames": frames}),
                error("Error", "outer", stacktrace={"frames": frames}),
            ]
        },
    }
    found = body(event)
    assert found["language"] == "javascript"
    assert found["stack"].splitlines()[:2] == ["Error: outer", "    at /srv/app/cart.js:1:7"]
    assert "function" not in found["frames"][0]
    assert canonical(report_of(found)).types == ("Error", "TypeError")


def test_a_deep_recursion_is_folded_and_its_depth_says_nothing() -> None:
    def deep(count: int) -> dict[str, Any]:
        frames = [frame(1), *([frame(2), frame(3)] * count), frame(4)]
        return python(error("RecursionError", "deep", stacktrace={"frames": frames}))

    found = body(deep(500))
    assert len(found["frames"]) == 4
    assert "[Previous 2 lines repeated 499 more times]" in stack(deep(500))
    assert sent(deep(500)).msg_id == sent(deep(400)).msg_id


def test_three_values_of_in_app() -> None:
    lib = frame(3, filename="json/x.py", abs_path="/usr/lib/python3.11/json/x.py", in_app=None)
    own = frame(4, in_app=None)
    frames = [frame(1, in_app=False), lib, own]
    found = body(python(error(stacktrace={"frames": frames})))["frames"]
    assert [one.get("in_app") for one in found] == [False, False, None]


@pytest.mark.parametrize(
    ("event", "error_text", "template"),
    [
        (
            {"logentry": {"message": "order %s", "formatted": "order 7", "params": [7]}},
            "order 7",
            "order %s",
        ),
        ({"logentry": {"message": "plain", "params": []}}, "plain", None),
        ({"message": "old way"}, "old way", None),
        ({"message": {"message": "a {}", "formatted": "a 1"}}, "a 1", "a {}"),
    ],
)
def test_messages(event: dict[str, Any], error_text: str, template: str | None) -> None:
    found = body({"level": "error", **event})
    assert (found["error"], found.get("message_template")) == (error_text, template)


def test_the_log_line_beside_an_exception_is_no_template_of_it() -> None:
    event = python(error(), logentry={"message": "order %s", "formatted": "order 7", "params": [7]})
    found = body(event)
    assert "message_template" not in found
    assert found["context"]["log_message"] == "order 7"


@pytest.mark.parametrize(
    "event",
    [
        {"level": "info", "message": "hello"},
        {"level": "warning", "logentry": {"message": "hm"}},
        {},
        {"exception": {"values": []}},
        {
            "level": "info",
            "exception": {"values": [{"value": "hi", "mechanism": {"synthetic": True}}]},
        },
    ],
)
def test_what_is_no_error_is_left_out(event: dict[str, Any]) -> None:
    assert body_of(read_event(json.dumps(event).encode())) is None


def test_what_breaks_json_is_read_all_the_same() -> None:
    payload = b'{"exception":{"values":[{"type":"E","value":"\\ud800 x"}]},"tags":{"a":NaN}}'
    event = read_event(payload)
    found = body_of(event)
    assert found is not None
    assert parse_report(parcel(found, KEY, SHOP, 1 << 20).payload).error.endswith("x")


@pytest.mark.parametrize("place", ["message", "release", "function", "vars"])
def test_bytes_that_are_no_text_are_read_all_the_same(place: str) -> None:
    payload = json.dumps(
        {
            "logentry": {"message": "MESSAGE"},
            "release": "RELEASE",
            "exception": {
                "values": [
                    error(stacktrace={"frames": [frame(function="FUNCTION", vars={"n": "VARS"})]})
                ]
            },
        }
    ).encode()
    payload = payload.replace(place.upper().encode(), b"\xff\xfe%s" % place.encode())
    (found,) = parse_store(payload).bodies
    assert isinstance(found, dict)
    assert place in parcel(found, KEY, SHOP, 1 << 20).payload.decode()


def test_an_envelope_whose_header_is_no_text_is_refused() -> None:
    for data in (b'{"event_id":"\xff"}\n', b'{}\n{"type":"\xff"}\n{}'):
        reader = Envelopes(1 << 20)
        with pytest.raises(Refused, match="no JSON object"):
            reader.feed(data)
    told = Envelopes(1 << 20)
    told.feed(b'{}\n{"type":"client_report"}\n{"discarded_events":[{"reason":"\xff"}]}\n')
    assert told.finish().discarded == []


def test_variables_are_kept_but_are_no_arguments() -> None:
    event = python(error(stacktrace={"frames": [frame(1, vars={"n": "1", "password": "hunter2"})]}))
    stored = json.loads(sent(event).payload)
    assert stored["locals"]["values"]["n"] == "1"
    assert "hunter2" not in json.dumps(stored)
    assert all("arguments" not in one for one in stored["frames"])


def test_environment_and_service_are_the_keys() -> None:
    made = sent(python(error(), environment="Production"))
    assert made.subject == "shop.errors.production"
    assert json.loads(made.payload)["service"] == "shop"
    assert sent(python(error(), environment="unheard")).subject == "shop.errors.staging"


def test_low_trust_is_marked_and_meets_no_trusted_signature() -> None:
    event = python(error(), environment="production")
    low = sent(event, LOW)
    same = Key(
        **{name: getattr(LOW, name) for name in ("id", "name", "project", "digest")},
        environments=("production",),
        service="page",
        trust=Trust.TRUSTED,
    )
    assert low.headers["Mendwire-Trust"] == "low"
    assert "Mendwire-Trust" not in sent(event, same).headers
    assert low.msg_id != sent(event, same).msg_id
    assert low.headers["Mendwire-Issue"].endswith("-l")
    record = canonical(parse_report(low.payload))
    strict = signature(record, namespace="shop", environment="production", source="-l")
    assert low.msg_id == f"shop-production-{strict}"


def test_a_fingerprint_of_low_trust_splits_and_never_merges() -> None:
    one = python(error("A"), fingerprint=["checkout"])
    other = python(error("B"), fingerprint=["checkout"])
    assert sent(one).msg_id == sent(other).msg_id
    assert sent(one, LOW).msg_id != sent(other, LOW).msg_id
    assert sent(one, LOW).msg_id != sent(python(error("A")), LOW).msg_id


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                (
                    "values",
                    "frames",
                    "stacktrace",
                    "type",
                    "value",
                    "mechanism",
                    "exception_id",
                    "parent_id",
                    "source",
                    "vars",
                    "filename",
                    "lineno",
                    "function",
                    "message",
                    "formatted",
                    "params",
                    "trace",
                    "name",
                    "headers",
                    "url",
                )
            )
            | st.text(max_size=5),
            inner,
            max_size=5,
        )
    ),
    max_leaves=25,
)
FIELDS = st.sampled_from(
    (
        "exception",
        "logentry",
        "message",
        "level",
        "platform",
        "tags",
        "contexts",
        "request",
        "breadcrumbs",
        "threads",
        "stacktrace",
        "fingerprint",
        "timestamp",
        "release",
        "environment",
        "server_name",
        "event_id",
        "type",
    )
)


@given(event=st.dictionaries(FIELDS, ANYTHING, max_size=8))
def test_any_event_becomes_a_report_or_nothing(event: dict[str, Any]) -> None:
    found = body_of(read_event(json.dumps(event).encode()))
    if found is not None:
        parse_report(parcel(found, LOW, SHOP, 1 << 20).payload)


@given(payload=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(payload: bytes) -> None:
    with suppress(Refused, Undecodable):
        parse_store(payload)
    with suppress(Refused, Undecodable):
        parse_reports(payload)


def test_what_is_scrubbed_is_the_operators_decision() -> None:
    policy = scrub_policy({"emails": "keep", "keys": ["tax_no"]})
    told: dict[str, JSONValue] = {
        "error": "E: ada@shop.example",
        "context": {"taxNo": "12-34"},
        "release": "1",
    }
    found = json.loads(parcel(told, KEY, SHOP, 1 << 20, policy).payload)
    assert found["error"] == "E: ada@shop.example"
    assert found["context"]["taxNo"] == "[scrubbed:named]"
