"""From a stack to the commits that may have broken it: places, their functions, who wrote them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mendwire.errors import GitError
from mendwire.execution.git import CaseRepository
from mendwire.execution.history import Commit
from mendwire.model.layout import WHOLE, Layout
from mendwire.model.report import Frame

FRAMES: Final = 6
"""Innermost frames of the project's own code that are looked at."""
AROUND: Final = 10
"""Lines before and after the crash that count as its function where we cannot parse it."""
CANDIDATES: Final = 30


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A frame's line in the repository."""

    path: str
    line: int
    """1-based; 0 is unknown."""
    first: int
    """First line of the function around it; 0 is unknown."""
    last: int
    function: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Suspects:
    """Commits, the most likely first."""

    commits: tuple[Commit, ...]
    crash_line: Commit | None
    """Who last wrote the line that crashed."""


async def places_of(
    repository: CaseRepository, base: str, frames: Sequence[Frame], layout: Layout = WHOLE
) -> tuple[Place, ...]:
    """Where the stack's own frames are at ``base``, the crash first; others are left out."""
    tracked = await repository.list_files(base)
    found: list[Place] = []
    for frame in reversed(frames):
        path = layout.find(frame.file, tracked) if frame.in_app is not False else ""
        if path and len(found) < FRAMES:
            found.append(_place(path, frame, await repository.read_file(base, path) or b""))
    return tuple(dict.fromkeys(found))


async def suspects_of(repository: CaseRepository, base: str, places: Sequence[Place]) -> Suspects:
    """At most CANDIDATES commits: who wrote the functions on the stack, then who touched their
    files, then anybody, for what broke it may be called by them.

    Newest first within each, because what worked yesterday was broken since.
    """
    paths = tuple(dict.fromkeys(place.path for place in places))
    history = await repository.log(base, paths, limit=CANDIDATES)
    recent = await repository.log(base, limit=CANDIDATES)
    by_line = {
        (place.path, line): sha
        for place in places
        for line, sha in await _wrote(repository, base, place)
    }
    blamed = set(by_line.values())
    known = {commit.sha: commit for commit in (*history, *recent)}
    older = [await repository.commit_info(sha) for sha in blamed - known.keys()]
    known |= {commit.sha: commit for commit in older}
    writers = [commit for commit in known.values() if commit.sha in blamed]
    writers.sort(key=lambda commit: commit.written_at, reverse=True)
    ordered = dict.fromkeys([*writers, *history, *recent])
    crash = by_line.get((places[0].path, places[0].line)) if places else None
    return Suspects(
        commits=tuple(ordered)[:CANDIDATES],
        crash_line=known[crash] if crash is not None else None,
    )


async def _wrote(repository: CaseRepository, base: str, place: Place) -> list[tuple[int, str]]:
    if not place.first:
        return []
    try:
        lines = await repository.blame(base, place.path, place.first, place.last)
    except GitError:
        return []  # the running code has another length than the file at base
    return [(blamed.line, blamed.commit) for blamed in lines]


def _place(path: str, frame: Frame, content: bytes) -> Place:
    total = len(content.splitlines())
    extent = _function(content, frame) if path.endswith(".py") else None
    if extent is None and 0 < frame.line <= total:
        extent = (max(frame.line - AROUND, 1), min(frame.line + AROUND, total))
    first, last = extent or (0, 0)
    line = frame.line if first <= frame.line <= last else 0
    return Place(path=path, line=line, first=first, last=last, function=frame.function)


def _function(content: bytes, frame: Frame) -> tuple[int, int] | None:
    """Lines of the innermost function around the frame's line, or else of that name."""
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError):
        return None
    functions = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    name = frame.function.rpartition(".")[2]
    extents = [(_start(node), node.end_lineno or node.lineno, node.name) for node in functions]
    around = [item for item in extents if item[0] <= frame.line <= item[1]]
    # The deployed code may be older than base: a name that fits beats a line that does not.
    named = [item for item in around if item[2] == name]
    named = named or [item for item in extents if item[2] == name]
    chosen = max(named or around, default=None)
    return chosen[:2] if chosen else None


def _start(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
