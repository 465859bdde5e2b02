"""Frames as foreign SDKs send them, read with suspicion, and deep recursions folded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mendwire.model.report import ErrorReport, Frame
from mendwire.model.signature import parse_frames

MOST_FRAMES: Final = 200
MOST_READ: Final = 10_000
"""Frames of one stack that are looked at; a 1 MiB event holds fewer that say anything."""
_SHALLOW: Final = 48
_LONGEST_CYCLE: Final = 8
_NAME: Final = 400
_PATH: Final = 600
_CODE: Final = 300
_ANONYMOUS: Final = frozenset({"?", "<anonymous>", "<unknown>", "[unknown]"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A frame with what only the rendering and the stored part need."""

    frame: Frame
    path: str
    """The absolute path where there is one, else the file."""
    locals: Any = None
    """Its variables as the SDK wrote them down; not read yet."""


@dataclass(slots=True)
class Folded:
    """A run of frames, and how often it was repeated right after itself."""

    frames: list[Seen] = field(default_factory=list)
    repeats: int = 0


def read_frames(stacktrace: Any) -> list[Folded]:  # noqa: ANN401 - anything a client sent
    """Outermost first, as Sentry has them; cycles of up to eight frames once."""
    given = stacktrace.get("frames") if isinstance(stacktrace, dict) else None
    frames = [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
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


def _cycles(frames: list[dict[str, Any]]) -> list[tuple[int, int, int]]:
    """(start, stop, repeats) of runs; frames are compared by numbers, so this stays cheap."""
    numbers: dict[tuple[object, ...], int] = {}
    row = [
        numbers.setdefault(
            (str(f.get("filename")), str(f.get("function")), str(f.get("lineno"))), len(numbers)
        )
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


def _seen(item: dict[str, Any]) -> Seen:
    file, absolute = text(item.get("filename"), _PATH), text(item.get("abs_path"), _PATH)
    module = text(item.get("module"), _NAME)
    function = text(item.get("function"), _NAME)
    in_app = item.get("in_app")
    frame = Frame(
        file=file or absolute or text(item.get("package"), _PATH),
        line=ordinal(item.get("lineno")),
        column=ordinal(item.get("colno")),
        function="" if function in _ANONYMOUS else function,
        module=module,
        in_app=in_app if isinstance(in_app, bool) else _guess(absolute, module),
        code=text(item.get("context_line"), _CODE).strip(),
    )
    return Seen(frame=frame, path=absolute or frame.file, locals=item.get("vars"))


def _guess(absolute: str, module: str) -> bool | None:
    """False where the whole path shows a library; a relative one, as Python sends, does not."""
    if not absolute:
        return None
    probe = ErrorReport(error="-", frames=(Frame(file=absolute, module=module),))
    return False if parse_frames(probe)[0].in_app is False else None


def text(value: Any, limit: int) -> str:  # noqa: ANN401 - anything a client sent
    """Text of at most ``limit`` characters, numbers too; empty for anything else."""
    if isinstance(value, str):
        return value[:limit]
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def ordinal(value: Any) -> int:  # noqa: ANN401 - anything a client sent
    """A positive whole number, also written as text; else 0."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 1 << 31:
        return value
    return 0
