"""Test commands by runner: which one it is, and how it is made to report outside the tree."""

from __future__ import annotations

import re
from pathlib import Path, PurePath
from typing import Final

from mendwire.execution.process import Completed
from mendwire.execution.reports import (
    Report,
    read_file,
    read_go,
    read_junit,
    read_tap,
    read_unittest,
)
from mendwire.model.project import Runner

REPORT: Final = "report"
"""Name of the report file in the aux folder of a run."""
_PYTHON: Final = re.compile(r"\{python\}|python(?:\d(?:\.\d+)?)?")
_PYTEST: Final = (
    *("-p", "no:cacheprovider", "-o", "junit_family=xunit2", "--maxfail=0"),
    "--confcutdir={tree}",
    f"--junitxml={{aux}}/{REPORT}",
)


def runner_of(command: tuple[str, ...]) -> Runner:
    """Which test runner ``command`` calls directly; COMMAND when that cannot be told."""
    if not command:
        return Runner.COMMAND
    first = PurePath(command[0]).name
    if first in {"pytest", "py.test"}:
        return Runner.PYTEST
    if _is_python(command) and command[1:2] == ("-m",):
        modules: dict[tuple[str, ...], Runner] = {
            ("pytest",): Runner.PYTEST,
            ("unittest",): Runner.UNITTEST,
        }
        return modules.get(command[2:3], Runner.COMMAND)
    if first == "go" and command[1:2] == ("test",):
        return Runner.GO
    return {"npm": Runner.NPM, "make": Runner.MAKE}.get(first, Runner.COMMAND)


def is_plain_python(command: tuple[str, ...]) -> bool:
    """Whether ``command`` runs a script, ``-c`` or ``-m`` with Python, so that a witness can."""
    if not _is_python(command) or runner_of(command) is not Runner.COMMAND:
        return False
    return any(word in {"-c", "-m"} or not word.startswith("-") for word in command[1:2])


def _is_python(command: tuple[str, ...]) -> bool:
    return bool(command) and _PYTHON.fullmatch(PurePath(command[0]).name) is not None


def reporting(command: tuple[str, ...], runner: Runner) -> tuple[str, ...]:
    """``command`` changed so that it tells tests apart, where its runner can."""
    if runner is Runner.PYTEST:
        return (*command, *_PYTEST)
    if runner is Runner.UNITTEST:
        return (command[0], "{aux}/judge/unittest_report.py", f"{{aux}}/{REPORT}", *command[3:])
    if runner is Runner.GO and "-json" not in command:
        return (*command[:2], "-json", "-count=1", *command[2:])
    return command


def read_report(runner: Runner, done: Completed, aux: Path) -> Report | None:
    """What a run reported; None where the runner has no ids. Raises UnreadableReport."""
    if runner is Runner.PYTEST:
        return read_junit(read_file(aux / REPORT))
    if runner is Runner.UNITTEST:
        return read_unittest(read_file(aux / REPORT))
    if runner is Runner.GO:
        return read_go(done.text)
    return read_tap(done.text)
