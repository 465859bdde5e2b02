"""What a report says of a request, and what it never says."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.capture import trail
from mendwire.capture.guard import Guard
from mendwire.capture.logs import OFF, level_of
from mendwire.capture.requests import of_django, of_environ, of_scope
from mendwire.errors import ConfigError

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", None),
        ("a=1&b=2&a=3", "a, b"),
        ("user%5Bname%5D=x", "user[name]"),
        ("abcdef0123456789", None),  # may be a value
        ("a+b=1&%00=2&ok=3", "ok"),
        ("x" * 100 + "=1", None),
        ("&".join(f"n{n}=1" for n in range(60)), ", ".join(f"n{n}" for n in range(50))),
    ],
)
def test_of_a_query_the_names_alone(query: str, names: str | None) -> None:
    found = of_environ({"QUERY_STRING": query}).context["request"]
    assert isinstance(found, dict)
    assert found.get("query") == names


@pytest.mark.parametrize(
    ("given_id", "kept"),
    [("req-17", "req-17"), ("a b", None), ("x" * 129, None), ("", None), ("a\nb", None)],
)
def test_a_request_id_is_one_short_word(given_id: str, kept: str | None) -> None:
    assert of_environ({"HTTP_X_REQUEST_ID": given_id}).context.get("request_id") == kept


@pytest.mark.parametrize(
    ("header", "trace"),
    [
        (f"00-{TRACE}-00f067aa0ba902b7-01", TRACE),
        (f"cc-{TRACE}-00f067aa0ba902b7-01-of-later-versions", TRACE),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", ""),
        (f"00-{TRACE.upper()}-00f067aa0ba902b7-01", ""),
        ("nonsense", ""),
    ],
)
def test_a_trace_is_that_of_the_standard(header: str, trace: str) -> None:
    scope = {"type": "http", "headers": [(b"traceparent", header.encode())]}
    assert of_scope(scope).trace_id == trace
    assert of_environ({"HTTP_TRACEPARENT": header}).trace_id == trace


def test_what_a_route_calls_secret_is_not_in_the_path() -> None:
    match = SimpleNamespace(route="reset/<uidb64>/<token>", kwargs={"uidb64": "MQ", "token": "c-1"})
    request = SimpleNamespace(method="GET", path="/reset/MQ/c-1", META={}, resolver_match=match)
    assert of_django(request).context["request"] == {
        "method": "GET",
        "path": "/reset/{uidb64}/{token}",
        "route": "reset/<uidb64>/<token>",
    }


def test_a_path_is_read_as_its_server_meant_it() -> None:
    environ = {"SCRIPT_NAME": "/shop", "PATH_INFO": "/caf\xc3\xa9", "REQUEST_METHOD": "GET"}
    assert of_environ(environ).context["request"] == {"method": "GET", "path": "/shop/café"}


odd: st.SearchStrategy[Any] = st.none() | st.text() | st.binary() | st.integers()


@given(
    st.dictionaries(
        st.sampled_from(["method", "path", "query_string", "route", "path_params", "headers"]), odd
    )
)
def test_nothing_odd_gets_out_of_the_guard(scope: dict[str, Any]) -> None:
    with trail.inside(trail.opened(lambda: of_scope(scope))):
        trail.tag("kept", 1)
        found = trail.surroundings(Guard()).context
    assert found["kept"] == 1


def test_levels_are_numbers_and_names() -> None:
    assert [level_of(one) for one in (None, 30, "error", "WARNING")] == [OFF, 30, 40, 30]
    with pytest.raises(ConfigError):
        level_of("loud")
