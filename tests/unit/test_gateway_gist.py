"""Of a stack that is written from frames a short part is read like the whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mendwire.gateway.chain import Raised
from mendwire.gateway.frames import Folded, read_frames
from mendwire.gateway.gist import gist
from mendwire.gateway.rendering import render
from mendwire.model.report import ErrorReport, Frame, report_of
from mendwire.model.signature import canonical, raised_in

PIECES = [
    *("shop/a.py", "f", "x()", " ", "\n", "\t", '"', ":", "(", ")", "[", "]", "\x1b[1m", "\r", "|"),
    *("Traceback (most recent call last):", '  File "x.py", line 3, in f', "Caused by: a.B: c"),
    *(" ---> A.B: c", "[cause]: E: x", "Next X: y in /b.php:4", "PHP Fatal error:  ", "] PHP "),
    *("+---------------- 2 ----------------", "E: ", "a.b.C", ":in `g'", "#0 ", "goroutine 1"),
    *("--- End of inner exception stack trace ---", " panicked at ", " called at x.pl line 3", "@"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=4).map("".join)
FRAMES = st.fixed_dictionaries(
    {
        "filename": st.just("shop/a.py") | TEXTS,
        "function": st.sampled_from(["f", "Shop.pay", ""]) | TEXTS,
        "context_line": st.sampled_from(["x()", ""]) | TEXTS,
        "lineno": st.integers(0, 40),
        "colno": st.integers(0, 3),
        "in_app": st.booleans(),
    }
)
LANGUAGES = st.sampled_from(["python", "javascript", "java", "dotnet", "ruby", ""])


def written(error: str, frames: list[dict[str, Any]], language: str) -> ErrorReport:
    """A report as the gateway makes it, before scrubbing."""
    stack: list[Folded] = read_frames({"frames": frames})
    seen = canonical_frames(stack)
    text = render([Raised(type="", value=error, stack=stack)], language)
    return ErrorReport(error=error, stack=text, frames=seen)


def canonical_frames(stack: list[Folded]) -> tuple[Frame, ...]:
    fields = [seen.fields for run in stack for seen in run.frames]
    return report_of({"error": "x", "frames": list(fields)}).frames


@settings(max_examples=400, deadline=None)
@given(
    error=TEXTS.filter(str.strip),
    frames=st.lists(FRAMES, min_size=1, max_size=6),
    language=LANGUAGES,
)
@example(
    error="E: no ---> A.B: c",
    frames=[{"filename": "a", "function": "f", "lineno": 1}] * 2,
    language="dotnet",
)
def test_what_is_left_out_changes_no_record(
    error: str, frames: list[dict[str, Any]], language: str
) -> None:
    whole = written(error, frames, language)
    short = canonical(replace(whole, stack=gist(whole.stack, error)))
    assert short.causes or short == canonical(whole)


@pytest.mark.parametrize("language", ["python", "javascript", "java"])
def test_of_many_plain_frames_one_is_left(language: str) -> None:
    frames = [
        {"filename": f"shop/a{n}.py", "function": f"f{n}", "lineno": n, "context_line": "g()"}
        for n in range(1, 40)
    ]
    whole = written("shop.E: no\nmore", frames, language)
    short = gist(whole.stack, whole.error)
    assert len(raised_in(whole.stack)[0].frames) == 39
    assert len(raised_in(short)[0].frames) == 1
    assert canonical(replace(whole, stack=short)) == canonical(whole)
