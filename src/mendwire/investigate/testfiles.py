"""Which files are tests, and whether a change makes them weaker instead of better."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from mendwire.investigate.patch import FilePatch
from mendwire.investigate.patterns import matching
from mendwire.model.project import JUDGE_FILES

TEST_FILES: Final = (
    "test_*.py",
    "*_test.py",
    "tests.py",
    "test.py",
    "conftest.py",
    "tests/**",
    "test/**",
    "__tests__/**",
    "__snapshots__/**",
    "__mocks__/**",
    "testdata/**",
    "spec/**",
    "*.test.*",
    "*.spec.*",
    "*-test.?js",
    "*-test.js",
    "*_test.go",
)
"""What test runners take for tests, and where tests keep what they read."""

_COLLECTION: Final = re.compile(
    r"^\s*(?:python_files|testpaths)\s*=\s*(?P<rest>.*(?:\n[ \t]+.*|\n\s*[\"'].*)*)", re.MULTILINE
)
_NARROWER: Final = tuple(
    (what, re.compile(pattern))
    for what, pattern in (
        (
            "skips a test",
            r"\bmark\.skip|\b(?:pytest|unittest)\.skip|@skip|\bskipTest\b|\bSkipTest\b",
        ),
        ("skips a test", r"\bimportorskip\b|\bfrom\s+(?:pytest|unittest)\s+import\b.*\bskip"),
        (
            "skips a test",
            r"\bx(?:it|describe|test|specify)\s*\(|\.(?:skip|todo|fixme|failing)\s*\(",
        ),
        ("skips a test", r"\b[tb]\.Skip(?:Now|f)?\b|\btesting\.Short\(\)|\bskip\s*:\s*true\b"),
        ("expects a test to fail", r"\bxfail\b|\bexpectedFailure\b"),
        (
            "runs only some tests",
            r"\b(?:describe|it|test|suite|context)\.only\b|\bf(?:it|describe)\(",
        ),
        ("runs only some tests", r"\bonly\s*:\s*true\b"),
        ("asserts nothing", r"\bassert\s*\(?\s*(?:True|1|not\s+False)\s*\)?\s*(?:,|#|;|$)"),
        ("asserts nothing", r"\bassertTrue\(\s*True\s*\)|\b(?:expect|assert)\(\s*true\s*\)"),
        ("hides tests from collection", r"\b__test__\b|\bcollect_ignore|\bload_tests\b"),
        (
            "loads a plugin into the run",
            r"\bdef\s+pytest_|\bpytest_plugins\b|\bhookimpl\b|\b_pytest\b",
        ),
        ("ends the run", r"\bpytest\.exit\b|\bos\._exit\b|\bsys\.exit\b|\bSystemExit\b"),
        ("ends the run", r"\bprocess\.exit\b|\bos\.Exit\b"),
    )
)


def patterns_of(base: Mapping[str, str]) -> tuple[str, ...]:
    """The conventions and, from the configuration at base, what the project adds to them.

    ``base`` maps paths of configuration files to their text.
    """
    told: list[str] = []
    for name in ("pytest.ini", ".pytest.ini", "tox.ini", "setup.cfg", "pyproject.toml"):
        for found in _COLLECTION.finditer(base.get(name, "")):
            kind = "python_files" if "python_files" in found[0] else "testpaths"
            told += _told(found["rest"], kind)
    return (*TEST_FILES, *told)


def _told(rest: str, kind: str) -> list[str]:
    words = [word.strip("/") for word in re.split(r"[\s,\[\]\"']+", rest.partition("=")[0])]
    names = [word for word in words if re.fullmatch(r"[\w*][\w.*/\-]*", word)]
    # A project may collect doctests from its sources: those stay sources.
    if kind == "testpaths":
        return [f"/{name}/**" for name in names if re.search("test|spec|check", name)]
    return [name for name in names if name not in {"*", "**", "*.py"}]


def is_test(path: str, patterns: tuple[str, ...] = TEST_FILES) -> bool:
    """Whether ``path`` is a test, or lies where tests keep what they read."""
    return matching(path, patterns) is not None


def is_judge_file(path: str) -> bool:
    """Whether ``path`` decides which tests run and how."""
    return matching(path, JUDGE_FILES) is not None


def weakened(file: FilePatch, patterns: tuple[str, ...], *, additive: bool) -> tuple[str, ...]:
    """Why this section weakens the tests, one sentence each; empty when it does not."""
    if file.old is not None and is_test(file.old, patterns):
        if file.new is None:
            return (f"The test file {file.old} is deleted.",)
        if file.new != file.old and not file.copied:
            return (f"The test file {file.old} is moved to {file.new}.",)
        if file.removed or file.binary:
            return (f"Lines of the existing test file {file.old} are changed or removed.",)
    path = file.new or file.old or ""
    if not is_test(path, patterns):
        return ()
    if not additive:
        return (f"The change touches the tests ({path}), which policy does not allow.",)
    return tuple(
        dict.fromkeys(
            f"A line added to {path} {what}."
            for line in file.added
            for what, pattern in _NARROWER
            if pattern.search(line)
        )
    )
