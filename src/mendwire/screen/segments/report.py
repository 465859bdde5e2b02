"""A report as the pieces that a reader would see as one utterance each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from mendwire.model.report import ErrorReport, JSONValue
from mendwire.screen.segments.leaves import Leaf, leaves_in, together
from mendwire.screen.segments.names import in_a_row, joined_words
from mendwire.screen.segments.segment import Kind, Segment
from mendwire.screen.segments.trace import of_text, of_trace

_CODE_FIELDS: Final = frozenset({"code", "context_line", "pre_context", "post_context", "source"})
_NAME_FIELDS: Final = frozenset({"file", "filename", "abs_path", "function", "module"})
"""What frames are called, in bodies of any form."""
_CALLED: Final = re.compile(r"(?=.{1,300}\Z)[\w$<>@~+-]{0,48}(?:[.:/\\#][\w$<>@~+-]{0,48})*")
_PLAIN: Final = re.compile(r"[\w.$:@/-]{0,64}")
_SHORT: Final = ("type", "code", "release", "environment", "service", "language", "level")
_MIN_SAYING: Final = 12
_TIME: Final = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?"
)
_ID: Final = re.compile(r"[0-9a-fA-F-]+")
_LONGEST_ID: Final = 40
_MIN_HIDDEN: Final = 6
"""Letters written as hexadecimal that may be a word."""


def segments(report: ErrorReport) -> list[Segment]:
    """Every text of a report that an agent could come to see, in the order of the fields."""
    return list(_of_report(report))


def text_segments(text: str, where: str = "text") -> list[Segment]:
    """The same for a text of unknown form, such as a raw traceback."""
    return list(of_trace(text, where, Kind.MESSAGE)) if text else []


def body_segments(body: Mapping[str, JSONValue]) -> list[Segment]:
    """The same for any JSON object."""
    return list(_of_value(body, "report"))


def _of_report(report: ErrorReport) -> Iterator[Segment]:
    if report.error:
        yield from of_trace(report.error, "error", Kind.MESSAGE)
    if report.message_template and report.message_template != report.error:
        yield from of_text(report.message_template, "message_template", Kind.MESSAGE)
    if report.stack:
        yield from of_trace(report.stack, "stack", Kind.STACK)
    for number, part in enumerate(report.fingerprint):
        yield Segment(where=f"fingerprint[{number}]", text=part, kind=Kind.FIELD)
    for number, frame in enumerate(report.frames):
        if frame.arguments:
            yield from _of_value(frame.arguments, f"frames[{number}].arguments")
        if frame.code:
            yield Segment(where=f"frames[{number}].code", text=frame.code, kind=Kind.CODE)
    if report.context:
        yield from _of_value(report.context, "context")
    yield from _of_names(report)


def _of_names(report: ErrorReport) -> Iterator[Segment]:
    for name in (*_SHORT, "trace_id", "timestamp"):
        text = getattr(report, name)
        if len(text) > _MIN_SAYING and not _says_nothing(text):
            yield Segment(where=name, text=joined_words(text), kind=Kind.NAME)
            if name not in _SHORT or not _PLAIN.fullmatch(text):
                yield Segment(where=name, text=text, kind=Kind.FIELD)
    for number, frame in enumerate(report.frames):
        names = (frame.file, frame.function, frame.module)
        text = " ".join(filter(None, names))
        yield Segment(where=f"frames[{number}]", text=joined_words(text), kind=Kind.NAME)
        if not all(map(_CALLED.fullmatch, filter(None, names))):
            yield Segment(where=f"frames[{number}]", text=text, kind=Kind.FIELD)


def _of_value(value: JSONValue | Mapping[str, JSONValue], where: str) -> Iterator[Segment]:
    said: list[Leaf] = []
    names: list[str] = []
    code: list[str] = []
    for leaf in leaves_in(value, where):
        if leaf.key in _CODE_FIELDS:
            yield Segment(where=leaf.path, text=leaf.text, kind=Kind.CODE)
            code.append(leaf.text)
        elif leaf.key in _NAME_FIELDS and _CALLED.fullmatch(leaf.text):
            yield Segment(where=leaf.path, text=joined_words(leaf.text), kind=Kind.NAME)
            names.append(leaf.text)
        else:
            said.append(leaf)
            if not _says_nothing(leaf.text):
                yield from of_trace(leaf.text, leaf.path, leaf.kind)
    yield from together(said, where)
    if len(names) > 1:
        yield Segment(where=f"{where} names", text=in_a_row(names), kind=Kind.NAME)
    if len(code) > 1:
        yield Segment(where=f"{where} code", text="\n".join(code), kind=Kind.CODE)


def _says_nothing(text: str) -> bool:
    """Times, numbers and ids, which are in every report others: but not what hides letters."""
    if len(text) > _LONGEST_ID or not text[0].isalnum():
        return False
    if _TIME.fullmatch(text):
        return True
    if not _ID.fullmatch(text):
        return False
    digits = text.replace("-", "")
    hidden = bytes.fromhex(digits[: len(digits) // 2 * 2])
    return len(hidden) < _MIN_HIDDEN or not (hidden.isascii() and hidden.decode().isprintable())
