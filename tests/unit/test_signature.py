"""The two keys of an error: what must change them, what must not, and that nothing breaks them."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.model.report import ErrorReport, Frame
from mendwire.model.signature import crash_frame, error_type, issue_key, parse_frames, signature
from mendwire.model.signature.v1.masking import template

ROOTS = ("/app", "/srv/shop/current", "/home/deploy/releases/20261120143311", "/opt/shop")


def key(report: ErrorReport, namespace: str = "shop", environment: str = "staging") -> str:
    return signature(report, namespace=namespace, environment=environment)


def python_report(
    *,
    root: str = "/app",
    message: str = "no price for user_63880",
    kind: str = "KeyError",
    line: int = 12,
    function: str = "total",
    release: str = "r1",
    depth: int = 3,
) -> ErrorReport:
    again = f'  File "{root}/cart.py", line 30, in walk\n    walk(rest)\n' * depth
    stack = (
        "Traceback (most recent call last):\n"
        f'  File "{root}/main.py", line 4, in <module>\n    main()\n'
        f"{again}"
        f'  File "{root}/cart.py", line {line}, in {function}\n    return prices[item]\n'
        "           ~~~~~~^^^^^^\n"
        f"{kind}: {message}\n"
    )
    return ErrorReport(error=f"{kind}: {message}", stack=stack, release=release)


@given(st.text(max_size=400), st.text(max_size=2000), st.text(max_size=50), st.text(max_size=20))
def test_any_text_has_keys(error: str, stack: str, kind: str, code: str) -> None:
    report = ErrorReport(error=error, stack=stack, type=kind, code=code)
    assert len(key(report)) == len(issue_key(report)) == 32
    assert key(report) == key(report)


@given(
    st.lists(
        st.sampled_from(
            [
                "Traceback (most recent call last):",
                '  File "/app/a.py", line 3, in f',
                "    f(x)",
                "    ~~~^",
                "    at f (/app/a.js:1:2)",
                "\tat a.B.c(B.java:3)",
                "Caused by: a.E: x",
                "  | ValueError: x",
                "  +-+---------------- 1 ----------------",
                "main.f(0x1)",
                "\t/app/main.go:10 +0x3f",
                "a.rb:3:in `f': x (E)",
                "During handling of the above exception, another exception occurred:",
                "",
                "KeyError: 'x'",
            ]
        ),
        max_size=25,
    )
)
def test_any_order_of_lines_has_keys(lines: list[str]) -> None:
    report = ErrorReport(error="x", stack="\n".join(lines))
    assert len(key(report)) == 32
    parse_frames(report)
    crash_frame(report)


@given(
    st.sampled_from(ROOTS),
    st.sampled_from(ROOTS),
    st.integers(10, 10**9),
    st.integers(10, 10**9),
    st.integers(2, 40),
    st.integers(2, 40),
)
def test_root_user_and_depth_do_not_count(
    one_root: str, other_root: str, one: int, other: int, shallow: int, deep: int
) -> None:
    first = python_report(root=one_root, message=f"no price for user_{one}", depth=shallow)
    second = python_report(root=other_root, message=f"no price for user_{other}", depth=deep)
    assert key(first) == key(second)
    assert issue_key(first) == issue_key(second)


@given(
    st.uuids(),
    st.uuids(),
    st.integers(1, 60_000),
    st.integers(1, 60_000),
    st.ip_addresses(v=4, network="10.1.0.0/16"),
    st.ip_addresses(v=4, network="203.0.113.0/24"),
    st.datetimes(),
    st.datetimes(),
)
def test_identifiers_in_a_message_do_not_count(
    one_id: object,
    other_id: object,
    one_pid: int,
    other_pid: int,
    one_ip: object,
    other_ip: object,
    one_time: object,
    other_time: object,
) -> None:
    text = "request {} of process {} from {} at {} (0x7f{:012x})"
    first = text.format(one_id, one_pid, one_ip, one_time.isoformat()[:19], one_pid)  # type: ignore[attr-defined]  # a datetime
    second = text.format(other_id, other_pid, other_ip, other_time.isoformat()[:19], other_pid)  # type: ignore[attr-defined]  # a datetime
    assert template(first) == template(second)


@pytest.mark.parametrize(
    "changed",
    [
        python_report(kind="LookupError"),
        python_report(line=13),
        python_report(function="sum_up"),
        python_report(release="r2"),
        python_report(message="no stock for user_63880"),
        replace(python_report(), code="404"),
        replace(python_report(), service="billing"),
        replace(python_report(), message_template="no price for %s"),
        replace(python_report(), fingerprint=("mine",)),
        replace(python_report(), fingerprint=("{{ default }}", "mine")),
    ],
)
def test_what_makes_another_error_changes_the_signature(changed: ErrorReport) -> None:
    assert key(changed) != key(python_report())


def test_namespace_environment_and_source_separate() -> None:
    report = python_report()
    keys = {
        key(report),
        key(report, namespace="other"),
        key(report, environment="production"),
        signature(report, namespace="shop", environment="staging", source="low"),
    }
    assert len(keys) == 4


def test_the_issue_key_leaves_release_and_lines_out() -> None:
    assert issue_key(python_report()) == issue_key(python_report(release="r2", line=99))
    assert issue_key(python_report()) != issue_key(python_report(function="other"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("process returned 3", "process returned 4"),
        ("HTTP 404 from upstream", "HTTP 500 from upstream"),
        ("HRESULT: 0x80070005", "HRESULT: 0x80004005"),
        ("status -2147024891", "status -2147024894"),
        ("Connection to 10.0.0.1:5432 refused", "Connection to 10.0.0.1:6379 refused"),
        ("KeyError: 'email'", "KeyError: 'phone'"),
        ("ORA-01017: denied", "ORA-12154: denied"),
        ("signal 11", "signal 6"),
        ("error_17 happened", "error_18 happened"),
        ("field addr1 missing", "field addr2 missing"),
        ("cannot open /etc/app/a.conf", "cannot open /etc/app/b.conf"),
    ],
)
def test_what_classifies_is_never_masked(one: str, other: str) -> None:
    assert template(one) != template(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("order 17 is empty", "order 4711 is empty"),
        ("took 12 ms", "took 30061 ms"),
        ("mail to a@b.example failed", "mail to c.d@e.example failed"),
        ("GET https://h/a/1?x=2", "GET https://h/a/77?x=2"),
        ("commit 1f0c9d2ab", "commit 77aa01b"),
        ("Index 5 out of range [5]", "Index 7 out of range [7]"),
        ("user_id=3", "user_id=77"),
        ("at 0x4f317c", "at 0x4f320b"),
    ],
)
def test_what_is_proven_an_identifier_is_masked(one: str, other: str) -> None:
    assert template(one) == template(other)


def test_with_and_without_the_type_in_front_is_one_error() -> None:
    written = python_report()
    split = replace(written, error="no price for user_63880", type="KeyError")
    assert key(written) == key(split)


def test_structured_frames_go_before_the_text() -> None:
    frames = (Frame(file="a.py", line=1, function="f"), Frame(file="b.py", line=2, function="g"))
    report = replace(python_report(), frames=frames)
    assert [frame.file for frame in parse_frames(report)] == ["a.py", "b.py"]
    assert crash_frame(report) == replace(frames[1], in_app=True)


def test_the_context_is_the_last_resort_for_a_place() -> None:
    report = ErrorReport(error="boom", context={"file": "app/cart.py", "line": "31"})
    found = crash_frame(report)
    assert found is not None
    assert (found.file, found.line) == ("app/cart.py", 31)
    assert crash_frame(ErrorReport(error="boom")) is None


def test_a_bundle_in_one_line_is_told_apart_by_columns() -> None:
    def minified(column: int) -> ErrorReport:
        return ErrorReport(error="TypeError: x", stack=f"at f (https://h/app.js:1:{column})")

    assert key(minified(1234)) != key(minified(5678))


def test_the_type_is_found_in_either_place() -> None:
    assert error_type(ErrorReport(error="x", type="E")) == "E"
    assert (
        error_type(ErrorReport(error="app.errors.OutOfStock: none left")) == "app.errors.OutOfStock"
    )
    assert error_type(replace(python_report(), error="failed")) == "KeyError"
    assert error_type(ErrorReport(error="something broke")) == ""


@pytest.mark.parametrize(
    "hostile",
    [
        "at ((((" * 40_000,
        "at (((( (\n" * 30_000,
        "a.py:1\n" * 40_000,
        "1." * 150_000,
        "a@" * 150_000,
        "id id " * 50_000,
        "Caused by: A: b\n" * 18_000,
        'Traceback (most recent call last)\n  File "a", line 1, in b\n' * 5_000,
        "http://" * 40_000,
    ],
)
def test_a_hostile_text_takes_time_in_proportion(hostile: str) -> None:
    report = ErrorReport(error=hostile, stack=hostile)
    started = time.process_time()
    key(report)
    assert time.process_time() - started < 2
