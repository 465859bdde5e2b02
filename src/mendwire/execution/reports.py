"""What test runners report, read as untrusted data: ids of tests that passed and failed."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from mendwire.errors import ExecutionError

MAX_REPORT: Final = 64 * 1024 * 1024
"""Bytes of one report file."""
_TAP: Final = re.compile(
    r"^(?P<indent>\s*)(?P<not>not )?ok \d+(?: -)? (?P<name>.*?)(?P<directive> # .*)?$"
)


class UnreadableReport(ExecutionError):
    """A test runner's report is missing or not what the runner writes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One run of a suite."""

    passing: tuple[str, ...]
    """Sorted ids, each once; an id that also failed is failing."""
    failing: tuple[str, ...]
    text: str = ""
    """What the failures say."""


def read_file(path: Path) -> bytes:
    """A report the judged code may have tampered with: a plain file of bounded size, or raises."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise UnreadableReport("The test runner ended without writing its report.") from None
    with os.fdopen(opened, "rb") as stream:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise UnreadableReport("The test runner's report is not a plain file.")
        data = stream.read(MAX_REPORT + 1)
    if len(data) > MAX_REPORT:
        raise UnreadableReport("The test runner's report is too large to be one.")
    return data


def read_junit(data: bytes) -> Report:
    """JUnit XML as pytest writes it; raises UnreadableReport."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise UnreadableReport("The test report declares entities, which no test runner does.")
    try:
        root = ET.fromstring(data)  # noqa: S314 - entities were refused above
    except ET.ParseError:
        raise UnreadableReport("The test report is not XML.") from None
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    passing: list[str] = []
    failing: list[str] = []
    texts: list[str] = []
    for suite in suites:
        cases = suite.findall("testcase")
        _agree(suite, cases)
        for case in cases:
            name = f"{case.get('classname', '')}::{case.get('name', '')}"
            bad = [*case.findall("failure"), *case.findall("error")]
            texts += [f"{item.get('message', '')}\n{item.text or ''}" for item in bad]
            if bad:
                failing.append(name)
            elif case.find("skipped") is None:
                passing.append(name)
    return _report(passing, failing, "\n".join(texts))


def _agree(suite: ET.Element, cases: list[ET.Element]) -> None:
    told = [suite.get(name, "0") for name in ("failures", "errors")]
    found = [sum(len(case.findall(kind)) for case in cases) for kind in ("failure", "error")]
    if [str(count) for count in found] != told or suite.get("tests") is None:
        raise UnreadableReport("The test report's counts do not agree with its tests.")


def read_unittest(data: bytes) -> Report:
    """The JSON of ``unittest_report.py``; raises UnreadableReport."""
    try:
        told = json.loads(data)
        passing, failing = ([str(name) for name in told[key]] for key in ("passing", "failing"))
    except (ValueError, KeyError, TypeError):
        raise UnreadableReport("The test report is not what the test runner writes.") from None
    return _report(passing, failing)


def read_go(output: str) -> Report:
    """The lines of ``go test -json``; raises UnreadableReport when there are none."""
    results: dict[str, str] = {}
    texts: list[str] = []
    for event in _events(output):
        name = str(event.get("Package", "")) + (f".{event['Test']}" if event.get("Test") else "")
        action = event.get("Action")
        if action in {"pass", "fail", "skip"} and (event.get("Test") or action == "fail"):
            results[name] = str(action)
        if action in {"output", "build-output"}:
            texts.append(str(event.get("Output", "")))
    if not results:
        raise UnreadableReport("go test reported no test.")
    return _report(
        [name for name, action in results.items() if action == "pass"],
        [name for name, action in results.items() if action == "fail"],
        "".join(texts),
    )


def _events(output: str) -> Iterable[dict[str, object]]:
    for line in output.splitlines():
        if line.startswith("{"):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def read_tap(output: str) -> Report | None:
    """Top-level and nested TAP results, or None where the output is no TAP."""
    if not re.search(r"^TAP version 1\d$", output, re.MULTILINE):
        return None
    passing: list[str] = []
    failing: list[str] = []
    for line in output.splitlines():
        found = _TAP.match(line)
        if found and "# SKIP" not in (found["directive"] or "").upper():
            name = f"{len(found['indent'])}:{found['name']}"
            (failing if found["not"] else passing).append(name)
    return _report(passing, failing)


def _report(passing: Iterable[str], failing: Iterable[str], text: str = "") -> Report:
    bad = set(failing)
    return Report(passing=tuple(sorted(set(passing) - bad)), failing=tuple(sorted(bad)), text=text)
