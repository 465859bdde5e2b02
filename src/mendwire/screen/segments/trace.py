"""Text of many lines: frames apart, and what is said between them as a whole and by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mendwire.screen.segments.frames import frame_in, names_in
from mendwire.screen.segments.inside import inside
from mendwire.screen.segments.names import in_a_row
from mendwire.screen.segments.segment import Kind, Part, Segment

_MIN_GAPS: Final = 3
"""Spaces of a line that says something by itself."""
_MAX_SAYINGS: Final = 60
_LONG: Final = 240
"""Characters in which one line can drown."""


Line = tuple[str, int]
"""A line, and where it stands in its field."""


def of_trace(text: str, where: str, kind: Kind) -> Iterator[Segment]:
    """A text that may hold a stack: its prose, its lines of code, and the names of its frames."""
    if "\n" not in text and "\r" not in text:
        frame = frame_in(text)
        if frame is None:
            yield from of_text(text, where, kind)
        else:
            yield from _named(names_in(frame), where)
        return
    prose, code, names = _sorted(text)
    if prose:
        whole = _together(prose, where, kind)
        yield whole
        yield from inside(whole)
        if len(whole.text) > _LONG:
            yield from _sayings(prose, where, kind)
    if code:
        source = _together(code, f"{where} code", Kind.CODE, where)
        yield source
        yield from inside(source)
    yield from _named(names, where)


def of_text(text: str, where: str, kind: Kind) -> Iterator[Segment]:
    """A text without frames, and what it quotes."""
    whole = Segment(where=where, text=text, kind=kind)
    yield whole
    yield from inside(whole)


def _sorted(text: str) -> tuple[list[Line], list[Line], list[str]]:
    prose: list[Line] = []
    code: list[Line] = []
    names: list[str] = []
    start = 0
    indent = -1
    for raw in text.splitlines(keepends=True):
        bare = raw.strip()
        if bare:
            deep = raw.index(bare)
            frame = frame_in(bare)
            if frame is None:
                # Python shows a frame's line of code beneath it, deeper than the frame.
                into = code if 0 <= indent < deep else prose
                into.append((raw.rstrip("\r\n"), start))
            elif bare[0] not in "^~":
                indent = deep if bare[:6] == 'File "' else -1
                names += names_in(frame)
        start += len(raw)
    return prose, code, names


def _together(lines: list[Line], where: str, kind: Kind, origin: str = "") -> Segment:
    parts: list[Part] = []
    at = 0
    if len(lines) == 1:
        line, start = lines[0]
        bare = line.strip()
        return Segment(where=where, text=bare, kind=kind, start=start + line.index(bare))
    for line, start in lines:
        parts.append(Part(at=at, where=origin or where, start=start))
        at += len(line) + 1
    text = "\n".join([line for line, _ in lines])
    return Segment(where=where, text=text, kind=kind, parts=parts)


def _sayings(lines: list[Line], where: str, kind: Kind) -> Iterator[Segment]:
    """Lines that say something by themselves: an instruction must not drown in the others."""
    if len(lines) < 2:  # noqa: PLR2004 - it is the whole
        return
    said = [line for line in lines if line[0].count(" ") >= _MIN_GAPS]
    for line, start in said[:_MAX_SAYINGS]:
        bare = line.lstrip()
        yield Segment(where=where, text=bare, kind=kind, start=start + len(line) - len(bare))


def _named(names: list[str], where: str) -> Iterator[Segment]:
    if names:
        yield Segment(where=f"{where} frames", text=in_a_row(names), kind=Kind.NAME)
