"""What a case is about in the code, compared with others: the same place, the same lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final

from mendwire.model.report import ErrorReport
from mendwire.model.signature import parse_frames
from mendwire.model.work import Change, Finding

_HUNK: Final = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_MOST_FILES: Final = 20
_Lines = tuple[str, int, int]
"""A file before the change, its first line there and the line after its last."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where research says that the fix belongs."""

    places: frozenset[tuple[str, str]]
    """(file, function): the function of the error's own call in that file, or empty."""
    guilty: str
    """The commit that broke it, if one was found."""
    files: frozenset[str]


def target_of(finding: Finding, report: ErrorReport) -> Target:
    """Of what research found and where the error happened."""
    named = finding.files[:_MOST_FILES]
    frames = [one for one in reversed(parse_frames(report)) if one.in_app is not False]
    functions: dict[str, str] = {}
    for frame in frames:
        functions.setdefault(_name(frame.file), frame.function)
    return Target(
        places=frozenset((file, functions.get(_name(file), "")) for file in named),
        guilty=finding.guilty_commit,
        files=frozenset(named),
    )


def same_target(one: Target, other: Target) -> bool:
    """Whether a fix of one may well be the fix of the other: to be tried, not believed."""
    if one.places & other.places:
        return True
    return bool(one.guilty) and one.guilty == other.guilty and bool(one.files & other.files)


def touches_the_same(one: Change, other: Change, *, same_base: bool) -> bool:
    """Whether two changes meet in the same lines, so that git could not merge both.

    By line numbers where they start from the same commit, else by the lines they remove.
    """
    if not set(one.files) & set(other.files):
        return False
    if same_base:
        mine, theirs = tuple(_hunks(one.patch)), tuple(_hunks(other.patch))
        return any(
            a == b and first < their_end and their_first < end
            for a, first, end in mine
            for b, their_first, their_end in theirs
        )
    return bool(_removed(one.patch) & _removed(other.patch))


def _hunks(patch: str) -> Iterator[_Lines]:
    file = ""
    for line in patch.splitlines():
        if line.startswith("--- "):
            file = line[4:].partition("\t")[0].removeprefix("a/")
        elif found := _HUNK.match(line):
            first, count = int(found[1]), int(found[2] or 1)
            yield file, first, first + max(count, 1)


def _removed(patch: str) -> frozenset[tuple[str, str]]:
    file, removed = "", set()
    for line in patch.splitlines():
        if line.startswith("--- "):
            file = line[4:].partition("\t")[0].removeprefix("a/")
        elif line.startswith("-") and line[1:].strip():
            removed.add((file, line[1:].strip()))
    return frozenset(removed)


def _name(file: str) -> str:
    return PurePosixPath(file.replace("\\", "/")).name
