"""The text of a stack is the one that Python prints, though it is made later and elsewhere."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from mendwire.capture.guard import Guard
from mendwire.capture.occurrence import taken
from mendwire.capture.stack_text import stack_text
from mendwire.capture.written import body_of


def plainly() -> None:
    raise ValueError("plain")


def without_text() -> None:
    raise KeyError


def over_lines() -> None:
    raise OSError("first\nsecond")


def recursing(depth: int = 30) -> int:
    return recursing(depth - 1) if depth else 1 // 0


def caused() -> None:
    try:
        plainly()
    except ValueError as problem:
        raise RuntimeError("caused") from problem


def in_context() -> None:
    try:
        caused()
    except RuntimeError:
        without_text()


def suppressed() -> None:
    try:
        plainly()
    except ValueError:
        raise RuntimeError("alone") from None


def noted() -> None:
    problem = ValueError("with notes")
    problem.add_note("one")
    problem.add_note("two\nlines")
    raise problem


def _raised(work: Callable[[], object]) -> Exception:
    try:
        work()
    except Exception as problem:  # noqa: BLE001 - whichever it is
        return problem
    raise AssertionError


def grouped() -> None:
    inner = _raised(lambda: _group("inner", [caused, noted]))
    raise ExceptionGroup("outer", [_raised(plainly), inner, _raised(over_lines)])


def _group(name: str, works: list[Callable[[], object]]) -> None:
    raise ExceptionGroup(name, [_raised(work) for work in works])


def grouped_in_context() -> None:
    try:
        grouped()
    except ExceptionGroup:
        _group("later", [plainly])


def many() -> None:
    _group("many", [plainly] * 17)


def caused_by_a_group() -> None:
    try:
        grouped()
    except ExceptionGroup as problem:
        raise RuntimeError("after the group") from problem


def not_python() -> None:
    compile("x = (1,\n  y z)\n", "shop.py", "exec")


def badly_indented() -> None:
    compile("if x:\ny\n", "shop.py", "exec")


class Own(Exception):
    pass


def own() -> None:
    raise Own("mine")


@pytest.mark.parametrize(
    "work",
    [
        plainly,
        without_text,
        over_lines,
        recursing,
        caused,
        in_context,
        suppressed,
        noted,
        grouped,
        grouped_in_context,
        caused_by_a_group,
        not_python,
        badly_indented,
        own,
    ],
)
def test_the_text_is_pythons_own(work: Callable[[], object]) -> None:
    problem = _raised(work)
    printed = "".join(traceback.format_exception(problem))
    assert stack_text(taken(problem, {}, {}, Guard()).link) == printed


def test_of_a_large_group_the_first_are_shown_and_the_rest_is_said() -> None:
    text = stack_text(taken(_raised(many), {}, {}, Guard()).link)
    assert "+---------------- 15 ----------------" in text
    assert "and 2 more exceptions" in text


def test_a_chain_that_bites_its_tail_ends() -> None:
    one, other = _raised(plainly), _raised(own)
    one.__cause__, other.__cause__ = other, one
    assert stack_text(taken(one, {}, {}, Guard()).link).count("direct cause") == 1


def test_exceptions_without_traceback_and_with_odd_notes() -> None:
    problem = ValueError("never raised")
    problem.__notes__ = [1, "shown"]  # type: ignore[list-item]  # as a host might
    assert stack_text(taken(problem, {}, {}, Guard()).link) == "ValueError: never raised\nshown\n"


def test_a_source_file_that_changed_is_read_again(tmp_path: Path) -> None:
    source = tmp_path / "changing.py"
    found: dict[str, Callable[[], None]] = {}
    source.write_text("def f():\n    raise ValueError('one')\n")
    exec(compile(source.read_text(), str(source), "exec"), found)  # noqa: S102 - our own text
    for name in ("one", "another"):
        source.write_text(f"def f():\n    raise ValueError('{name}')\n")
        os.utime(source, (len(name), len(name)))
        body = body_of(taken(_raised(found["f"]), {}, {}, Guard()), str(tmp_path), Guard())
        assert f"raise ValueError('{name}')" in str(body["stack"])
