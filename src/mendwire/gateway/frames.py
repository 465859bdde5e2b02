"""Frames as foreign SDKs send them, read with suspicion, and deep recursions folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from mendwire.model.report import JSONValue
from mendwire.model.signature import is_in_app

MOST_FRAMES: Final = 200
MOST_READ: Final = 10_000
"""Frames of one stack that are looked at; a 1 MiB event holds fewer that say anything."""
_SHALLOW: Final = 48
_LONGEST_CYCLE: Final = 8
_NAME: Final = 400
_PATH: Final = 600
_CODE: Final = 300
_ANONYMOUS: Final = frozenset({"?", "<anonymous>", "<unknown>", "[unknown]"})


class Given(msgspec.Struct):
    """The fields of Sentry's frame that are read; the rest is passed over unmade."""

    filename: Any = None
    abs_path: Any = None
    module: Any = None
    function: Any = None
    package: Any = None
    lineno: Any = None
    colno: Any = None
    in_app: Any = None
    context_line: Any = None
    vars: Any = None
    """Its variables: JSON that is not decoded yet, or decoded."""


class Unread(Given):
    """A frame as it is decoded: most variables are never looked at."""

    vars: msgspec.Raw = msgspec.Raw()


class Trace(msgspec.Struct):
    """A stack trace as it is decoded."""

    frames: list[Unread] | None = None


class Seen(msgspec.Struct):
    """A frame as it is stored, with what only the rendering and the variables need."""

    fields: dict[str, JSONValue]
    """Of the report, those that say something; scrubbed where they stand."""
    in_app: bool | None
    path: str
    """The absolute path where there is one, else the file."""
    vars: Any


@dataclass(slots=True)
class Folded:
    """A run of frames, and how often it was repeated right after itself."""

    frames: list[Seen] = field(default_factory=list)
    repeats: int = 0


def read_frames(stacktrace: Any) -> list[Folded]:  # noqa: ANN401 - anything a client sent
    """Outermost first, as Sentry has them; cycles of up to eight frames once."""
    frames = _given(stacktrace)
    if len(frames) > MOST_READ:
        frames = frames[: MOST_READ // 2] + frames[-MOST_READ // 2 :]
    runs = _cycles(frames) if len(frames) > _SHALLOW else [(0, len(frames), 0)]
    folded = [
        Folded(frames=[_seen(frame) for frame in frames[start:stop]], repeats=repeats)
        for start, stop, repeats in runs
    ]
    return _cut(folded)


def flat(folded: Sequence[Folded]) -> list[Seen]:
    """All frames without their repeats."""
    return [seen for run in folded for seen in run.frames]


def _given(stacktrace: Any) -> list[Given]:  # noqa: ANN401 - anything a client sent
    if isinstance(stacktrace, Trace):
        return list(stacktrace.frames or ())
    given = stacktrace.get("frames") if isinstance(stacktrace, dict) else None
    found = given if isinstance(given, list) else []
    names = Given.__struct_fields__
    return [Given(*map(item.get, names)) for item in found if isinstance(item, dict)]


def _cycles(frames: list[Given]) -> list[tuple[int, int, int]]:
    """(start, stop, repeats) of runs; frames are compared by numbers, so this stays cheap."""
    numbers: dict[tuple[object, ...], int] = {}
    row = [
        numbers.setdefault((str(f.filename), str(f.function), str(f.lineno)), len(numbers))
        for f in frames
    ]
    if len(numbers) == len(row):
        return [(0, len(row), 0)]
    runs: list[tuple[int, int, int]] = []
    position = plain = 0
    while position < len(row):
        size, repeats = _cycle_at(row, position)
        if not repeats:
            position += 1
            continue
        if plain < position:
            runs.append((plain, position, 0))
        runs.append((position, position + size, repeats))
        position = plain = position + size * (repeats + 1)
    if plain < len(row):
        runs.append((plain, len(row), 0))
    return runs


def _cycle_at(row: list[int], start: int) -> tuple[int, int]:
    """The cycle that begins here and how often it comes again; twice in a row is no recursion."""
    for size in range(1, _LONGEST_CYCLE + 1):
        unit = row[start : start + size]
        repeats = 0
        position = start + size
        while row[position : position + size] == unit and len(unit) == size:
            repeats += 1
            position += size
        if repeats > 1:
            return size, repeats
    return 1, 0


def _cut(folded: list[Folded]) -> list[Folded]:
    """At most ``MOST_FRAMES``, without the middle."""
    count = sum(len(run.frames) for run in folded)
    if count <= MOST_FRAMES:
        return folded
    frames = flat(folded)
    half = MOST_FRAMES // 2
    return [Folded(frames=frames[:half] + frames[-half:])]


def _seen(item: Given) -> Seen:
    file, absolute = text(item.filename, _PATH), text(item.abs_path, _PATH)
    module, function = text(item.module, _NAME), text(item.function, _NAME)
    in_app = item.in_app
    if in_app is not True and in_app is not False:
        in_app = _guess(absolute, module)
    fields: dict[str, JSONValue] = {}
    if file := file or absolute or text(item.package, _PATH):
        fields["file"] = file
    if line := ordinal(item.lineno):
        fields["line"] = line
    if column := ordinal(item.colno):
        fields["column"] = column
    if function and function not in _ANONYMOUS:
        fields["function"] = function
    if module:
        fields["module"] = module
    if code := text(item.context_line, _CODE).strip():
        fields["code"] = code
    if in_app is not None:
        fields["in_app"] = in_app
    return Seen(fields, in_app, absolute or file, item.vars)


def _guess(absolute: str, module: str) -> bool | None:
    """False where the whole path shows a library; a relative one, as Python sends, does not."""
    return False if absolute and not is_in_app(absolute, module) else None


def text(value: Any, limit: int) -> str:  # noqa: ANN401 - anything a client sent
    """Text of at most ``limit`` characters, numbers too; empty for anything else."""
    if type(value) is str:
        return value[:limit] if len(value) > limit else value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def ordinal(value: Any) -> int:  # noqa: ANN401 - anything a client sent
    """A positive whole number, also written as text; else 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31:
        return value
    return 0
