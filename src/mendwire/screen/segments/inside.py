"""What a text holds that another person may have written: quotes, queries, headers, comments."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import unquote_plus

from mendwire.screen.segments.leaves import leaves_in
from mendwire.screen.segments.segment import Kind, Segment

# What may not stand before a mark is looked for after it: so the search leaps from mark to mark.
_QUOTED: Final = re.compile(
    r'"{3}([^"]{12,8000})"{3}'
    r"|\"(?<![\w\\]\")((?:[^\"\\\n]|\\.){12,4000})\""
    r"|'(?<![\w\\]')((?:[^'\\\n]|\\.|'(?=\w)){12,4000})'(?!\w)"
    r"|`([^`\n]{12,4000})`"
)
_VALUE: Final = re.compile(r"[?&;][\w.\[\]%-]{1,64}=([^&;\s\"'<>`#]{8,4000})")
_HEADER: Final = re.compile(
    r"(?m)^[ \t]*[A-Za-z][A-Za-z0-9]{0,30}(?:-[A-Za-z0-9]{1,30}){1,6}: (.{12,4000})$"
)
_COMMENT: Final = re.compile(
    r"(?:--(?<![\w:/#-]--)|//(?<![\w:/#-]//)|\#(?<![\w:/#-]\#))[ \t]+([^\n]{12,2000})"
    r"|/\*((?:[^*/]|\*(?!/)|/(?!\*)){12,4000})\*/"
)
_OBJECT: Final = re.compile(r"[\[{]\s{0,4}(?:\"|\{)")
MAX_INSIDE: Final = 50
"""Pieces of one kind taken out of one text; the whole is judged in any case."""
_MAX_OBJECTS: Final = 4
_MIN_OBJECT: Final = 24
_DECODER: Final = json.JSONDecoder()


def inside(whole: Segment) -> Iterator[Segment]:
    """The pieces of a text that say something by themselves."""
    text = whole.text
    if '"' in text or "'" in text or "`" in text:
        yield from _taken(whole, _QUOTED, Kind.QUOTED)
    if "=" in text and ("?" in text or "&" in text):
        yield from _values(whole)
    if ": " in text and "-" in text:
        yield from _taken(whole, _HEADER, Kind.REACHABLE)
    if "--" in text or "/*" in text or "# " in text or "// " in text:
        yield from _taken(whole, _COMMENT, Kind.QUOTED)
    if "{" in text and '"' in text and len(text) >= _MIN_OBJECT:
        yield from _objects(whole)


def _taken(whole: Segment, pattern: re.Pattern[str], kind: Kind) -> Iterator[Segment]:
    for number, found in enumerate(pattern.finditer(whole.text)):
        if number == MAX_INSIDE:
            break
        group = found.lastindex or 0
        if " " not in found[group]:
            continue
        where, start, _ = whole.place(*found.span(group))
        yield Segment(where=where, text=found[group], kind=kind, start=start)


def _values(whole: Segment) -> Iterator[Segment]:
    """What a query says; decoded here, so that its parts are not read as one."""
    for number, found in enumerate(_VALUE.finditer(whole.text)):
        if number == MAX_INSIDE:
            break
        value = unquote_plus(found[1])
        if " " in value:
            where, start, _ = whole.place(*found.span(1))
            yield Segment(where=where, text=value, kind=Kind.REACHABLE, start=start)


def _objects(whole: Segment) -> Iterator[Segment]:
    """JSON within a line of a log."""
    at = 0
    for _ in range(_MAX_OBJECTS):
        opening = _OBJECT.search(whole.text, at)
        if opening is None:
            return
        try:
            value, at = _DECODER.raw_decode(whole.text, opening.start())
        except (ValueError, RecursionError):
            at = opening.start() + 1
            continue
        for leaf in leaves_in(value, whole.where):
            yield Segment(where=leaf.path, text=leaf.text, kind=leaf.kind)
