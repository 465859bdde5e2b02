"""Suites compared by ids, and the reports those come from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.execution.commands import SuiteRun
from mendwire.execution.reports import (
    UnreadableReport,
    read_file,
    read_go,
    read_junit,
    read_tap,
    read_unittest,
)
from mendwire.execution.runners import is_plain_python, reporting, runner_of
from mendwire.investigate.suite import Baselines, disagreement, evidence, unprovable, worse
from mendwire.model.project import Runner
from mendwire.model.work import Run


def ran(
    passing: str = "", failing: str = "", code: int = 0, *, named: bool = True, problem: str = ""
) -> SuiteRun:
    run = Run(
        what="suite",
        passed=code == 0,
        exit_code=code,
        seconds=1.0,
        passing=tuple(passing),
        failing=tuple(failing),
    )
    return SuiteRun(run=run, named=named, problem=problem)


@pytest.mark.parametrize(
    ("base", "after", "why"),
    [
        (ran("abc"), ran("abc"), ""),
        (ran("abc"), ran("abcd"), ""),
        (ran("ab", "c", 1), ran("ab", "c", 1), ""),
        (ran("ab", "c", 1), ran("abc"), ""),
        (ran("abc"), ran("ab", "c", 1), "tests fail: c"),
        (ran("abc"), ran("ab"), "did not run after the change: c"),
        (ran("abc"), ran("abc", "d", 1), "tests fail: d"),
        (ran("abc"), ran("abc", code=1), "exit code 1"),
        (ran("ab", "c", 1), ran("ab", "c", 2), "exit code 2"),
        (ran("abc"), ran(problem="It vanished."), "It vanished."),
        (ran("abc"), ran(named=False), "no longer names"),
        (ran(named=False), ran(named=False), ""),
        (ran(named=False), ran(code=1, named=False), "exit code 1"),
    ],
)
def test_no_worse(base: SuiteRun, after: SuiteRun, why: str) -> None:
    assert why in worse(base, after)
    assert bool(worse(base, after)) is bool(why)


def test_a_suite_that_proves_nothing() -> None:
    assert unprovable(ran("a")) == ""
    assert unprovable(ran("a", "b", 1)) == ""
    assert unprovable(ran(named=False)) == ""
    assert "No test passes" in unprovable(ran("", "b", 1))
    assert "cannot be told" in unprovable(ran(code=1, named=False))
    assert "stopped" in unprovable(ran(problem="It was stopped."))


def test_reruns_must_agree() -> None:
    assert disagreement(ran("ab"), ran("ab")) == ""
    assert "b" in disagreement(ran("ab"), ran("a", "b", 1))
    assert disagreement(ran(named=False), ran(code=1, named=False))


def test_evidence_is_bounded_and_says_so() -> None:
    run = Run(what="x", passed=True, exit_code=0, seconds=1, passing=tuple(map(str, range(500))))
    kept = evidence(run)
    assert len(kept.passing) == 100
    assert "500 tests passed" in kept.output


def test_baselines_are_kept_whole(tmp_path: Path) -> None:
    kept = Baselines(folder=tmp_path / "b")
    assert kept.find("k") is None
    kept.keep("k", ran("ab", "c", 1))
    assert kept.find("k") == ran("ab", "c", 1)
    (tmp_path / "b" / "k.json").write_text("{")
    assert kept.find("k") is None


JUNIT = """<?xml version="1.0"?><testsuites>
<testsuite tests="4" failures="1" errors="1" skipped="1">
<testcase classname="t.a" name="one"/>
<testcase classname="t.a" name="two"><failure message="KeyError">shop/cart.py:2</failure></testcase>
<testcase classname="t.a" name="three"><skipped/></testcase>
<testcase classname="t.a" name="one"><error message="teardown"/></testcase>
</testsuite></testsuites>"""


def test_junit_is_read() -> None:
    report = read_junit(JUNIT.encode())
    assert report.passing == ()
    assert report.failing == ("t.a::one", "t.a::two")
    assert "KeyError\nshop/cart.py:2" in report.text


@pytest.mark.parametrize(
    "data",
    [
        "",
        "<testsuites>",
        JUNIT.replace('failures="1"', 'failures="0"'),
        JUNIT.replace('<failure message="KeyError">shop/cart.py:2</failure>', ""),
        '<!DOCTYPE a [<!ENTITY b "c">]><testsuites/>',
    ],
)
def test_a_report_that_does_not_agree_with_itself_is_refused(data: str) -> None:
    with pytest.raises(UnreadableReport):
        read_junit(data.encode())


@given(st.binary())
def test_no_report_crashes_its_reader(data: bytes) -> None:
    for read in (read_junit, read_unittest):
        with pytest.raises(UnreadableReport):
            read(data)
    read_tap(data.decode(errors="replace"))


def test_reports_are_plain_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "absent"):
        with pytest.raises(UnreadableReport):
            read_file(tmp_path / name)


def test_go_and_tap_are_read() -> None:
    lines = (
        '{"Action":"pass","Package":"x","Test":"TestA"}',
        '{"Action":"fail","Package":"x","Test":"TestB"}',
        '{"Action":"output","Package":"x","Output":"boom"}',
        '{"Action":"pass","Package":"x"}',
        "{broken",
    )
    report = read_go("\n".join(lines))
    assert (report.passing, report.failing, report.text) == (("x.TestA",), ("x.TestB",), "boom")
    tap = read_tap("TAP version 13\nok 1 - adds\nnot ok 2 - breaks\nok 3 - later # SKIP\n1..3\n")
    assert tap is not None
    assert (tap.passing, tap.failing) == (("0:adds",), ("0:breaks",))
    assert read_tap("ok then") is None


@pytest.mark.parametrize(
    ("command", "runner", "plain"),
    [
        ("pytest -q", Runner.PYTEST, False),
        ("{python} -m pytest", Runner.PYTEST, False),
        ("/v/bin/python3.11 -m unittest discover", Runner.UNITTEST, False),
        ("go test ./...", Runner.GO, False),
        ("npm test", Runner.NPM, False),
        ("make test", Runner.MAKE, False),
        ("{python} repro.py", Runner.COMMAND, True),
        ("python3 -c pass", Runner.COMMAND, True),
        ("{python} -m shop", Runner.COMMAND, True),
        ("{python} -W error x.py", Runner.COMMAND, False),
        ("python", Runner.COMMAND, False),
        ("./run pytest", Runner.COMMAND, False),
        ("", Runner.COMMAND, False),
    ],
)
def test_runners_are_told_from_their_commands(command: str, runner: Runner, plain: bool) -> None:
    words = tuple(command.split())
    assert runner_of(words) is runner
    assert is_plain_python(words) is plain
    assert reporting(words, runner)[: len(words[:1])] == words[:1]
