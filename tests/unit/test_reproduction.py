"""From a frame's path to a tracked file, and from captured arguments to a call."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mendwire.agents.reproduction import LIMIT, captured_reproduction
from mendwire.model.layout import best_match
from mendwire.model.report import ErrorReport, Frame

TRACKED = ("shop/cart.py", "shop/util.py", "api/util.py", "run.py", "src/app/x.py")


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("shop/cart.py", "shop/cart.py"),
        ("/srv/release-7/shop/cart.py", "shop/cart.py"),
        ("C:\\work\\shop\\cart.py", "shop/cart.py"),
        ("cart.py", "shop/cart.py"),
        ("util.py", ""),
        ("/srv/api/util.py", "api/util.py"),
        ("/srv/run.py", "run.py"),
        ("/site-packages/other/cart.py", ""),
        ("app/x.py", "src/app/x.py"),
        ("../../etc/passwd", ""),
        ("", ""),
        ("/", ""),
    ],
)
def test_tracked_file(file: str, found: str) -> None:
    assert best_match(file, TRACKED) == found


def frame(**more: object) -> Frame:
    known = Frame(file="/srv/shop/cart.py", line=3, function="total", arguments={"items": [1]})
    return replace(known, **more)  # type: ignore[arg-type]  # fields by name


def test_the_innermost_call_with_plain_arguments_is_repeated() -> None:
    outer = frame(function="bill", arguments={"name": "a"})
    lost = frame(function="total", arguments=None)
    report = ErrorReport(error="KeyError: 1", type="KeyError", frames=(outer, lost))
    made = captured_reproduction(report, "shop/cart.py")
    assert made is not None
    assert (made.origin, made.expects_type, made.expects_file) == (
        *("captured", "KeyError"),
        "shop/cart.py",
    )
    call = json.loads(dict(made.files)["call.json"])
    assert call["function"] == "bill"
    assert call["arguments"] == {"name": "a"}


@pytest.mark.parametrize(
    "changes",
    [
        {"function": "total.<locals>.inner"},
        {"function": "<module>"},
        {"function": "a;b"},
        {"file": "/usr/lib/other.py"},
        {"in_app": False},
        {"arguments": None},
        {"arguments": {"items": "x" * LIMIT}},
    ],
)
def test_what_cannot_be_called_gives_no_reproduction(changes: dict[str, object]) -> None:
    report = ErrorReport(error="KeyError: 1", frames=(frame(**changes),))
    assert captured_reproduction(report, "shop/cart.py") is None
