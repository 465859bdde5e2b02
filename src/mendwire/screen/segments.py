"""A report cut into the pieces a reader would see as one utterance each.

A whole report is never judged at once: an instruction drowns in a stack trace, and a classifier
learns the trace's template. Frames are set apart, for their grammar leaves no room for prose; a
line that only looks like a frame is text like any other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport, Frame, JSONValue

_PATH = r"[\w./\\@+~$<>:\[\]()-]{1,300}"
_NAME = r"[\w.$<>*:\[\]#/()~`,&'-]{1,200}"
FRAME: Final = re.compile(
    rf"""(?x) \s*(?:
      File\ "(?P<py>{_PATH})",\ line\ (?P<py_line>\d{{1,9}})(?:,\ in\ (?P<py_function>{_NAME}))?
    | at\ (?:async\ |new\ )?(?P<js_function>{_NAME})
      \ \((?P<js>{_PATH}?):(?P<js_line>\d{{1,9}})(?::\d{{1,9}})?\)
    | at\ (?P<js2>{_PATH}?):(?P<js2_line>\d{{1,9}})(?::\d{{1,9}})?
    | at\ (?P<java_function>[\w.$<>/@]{{1,200}})
      \((?P<java>[\w.$-]{{1,120}}?)(?::(?P<java_line>\d{{1,9}}))?\)
    | at\ (?P<net_function>{_NAME})\ in\ (?P<net>{_PATH}):line\ (?P<net_line>\d{{1,9}})
    | (?:from\ )?(?P<rb>{_PATH}?):(?P<rb_line>\d{{1,9}}):in\ [`'](?P<rb_function>{_NAME}?)'
    | \#\d{{1,4}}\ (?P<php>{_PATH}?)\((?P<php_line>\d{{1,9}})\):\ (?P<php_function>{_NAME})
    | (?P<go>/?[\w./@+~-]{{1,300}}\.go):(?P<go_line>\d{{1,9}})(?:\ \+0x[0-9a-f]{{1,16}})?
    | Traceback\ \(most\ recent\ call\ last\): | [\^~\s]+
    )\s*"""
)
_QUOTED: Final = re.compile(r"\"([^\"\n]{12,4000})\"|'([^'\n]{12,4000})'|`([^`\n]{12,4000})`")
_CODE_FIELDS: Final = frozenset({"code", "context_line", "pre_context", "post_context", "source"})
_PLAIN_KEY: Final = re.compile(r"[\w.$:@/-]{1,64}")
MAX_LEAVES: Final = 2_000
_MAX_FRAME_LINE: Final = 1_000
_MIN_SAYING: Final = 12


class Kind(StrEnum):
    """What a piece of text is; ``decide`` weighs what was found by it."""

    MESSAGE = "message"
    STACK = "stack"
    QUOTED = "quoted"
    FIELD = "field"
    REACHABLE = "reachable"
    """A field that a stranger fills in over the network: a header, a query, a body."""
    CODE = "code"
    NAME = "name"
    """Identifiers, with their words set apart."""


_REACHABLE: Final = re.compile(
    r"(?i)user[-_ ]?agent|referr?er|header|cookie|query|body|form|payload|param|comment|input|"
    r"prompt|url|path|breadcrumb|search|subject|title|name"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One piece of a report."""

    where: str
    """The field it stands in, e.g. ``context.headers.user-agent``; safe to print."""
    text: str
    kind: Kind


def segments(report: ErrorReport) -> list[Segment]:
    """Every text of a report that an agent could come to see, in the order of the fields."""
    return list(_of_report(report))


def text_segments(text: str, where: str = "text") -> list[Segment]:
    """The same for a text of unknown form, such as a raw traceback."""
    return list(_of_trace(text, where, Kind.MESSAGE))


def body_segments(body: Mapping[str, JSONValue]) -> list[Segment]:
    """The same for any JSON object."""
    return list(_of_leaves(body, "report"))


def stack_frames(stack: str) -> tuple[Frame, ...]:
    """The frames of a textual stack, outermost first, as far as their lines keep to a grammar."""
    frames: list[Frame] = []
    outermost_last = False
    for line in stack.splitlines()[:5_000]:
        match = FRAME.fullmatch(line) if len(line) <= _MAX_FRAME_LINE else None
        if match is None or match.lastgroup is None:
            continue
        parts = {name: text for name, text in match.groupdict().items() if text}
        language = min(parts, key=len)
        outermost_last = outermost_last or language != "py"
        frames.append(
            Frame(
                file=parts[language],
                line=int(parts.get(f"{language}_line", "0")),
                function=parts.get(f"{language}_function", ""),
            )
        )
    return tuple(reversed(frames) if outermost_last else frames)


def joined_words(name: str) -> str:
    """``ignoreAll_rules`` -> ``ignore All rules``: names can be made to say something."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    return re.sub(r"[\W_]+", " ", apart)


def _of_report(report: ErrorReport) -> Iterator[Segment]:
    yield from _of_trace(report.error, "error", Kind.MESSAGE)
    if report.message_template and report.message_template != report.error:
        yield from _of_text(report.message_template, "message_template", Kind.MESSAGE)
    yield from _of_trace(report.stack, "stack", Kind.STACK)
    for number, part in enumerate(report.fingerprint):
        yield Segment(where=f"fingerprint[{number}]", text=part, kind=Kind.FIELD)
    for number, frame in enumerate(report.frames):
        yield from _of_leaves(frame.arguments, f"frames[{number}].arguments")
        if frame.code:
            yield Segment(where=f"frames[{number}].code", text=frame.code, kind=Kind.CODE)
    yield from _of_leaves(report.context, "context")
    yield from _of_names(report)


def _of_names(report: ErrorReport) -> Iterator[Segment]:
    short = ("type", "code", "release", "environment", "service", "language", "level")
    for field in (*short, "trace_id", "timestamp"):
        text = getattr(report, field)
        if len(text) > _MIN_SAYING:
            yield Segment(where=field, text=joined_words(text), kind=Kind.NAME)
            if field not in short or not _PLAIN_KEY.fullmatch(text):
                yield Segment(where=field, text=text, kind=Kind.FIELD)
    for number, frame in enumerate(report.frames):
        text = " ".join(filter(None, (frame.file, frame.function, frame.module)))
        yield Segment(where=f"frames[{number}]", text=joined_words(text), kind=Kind.NAME)
        if not all(map(_plain, (frame.file, frame.function, frame.module))):
            yield Segment(where=f"frames[{number}]", text=text, kind=Kind.FIELD)


def _plain(name: str) -> bool:
    return not name or _PLAIN_KEY.fullmatch(name) is not None


def _of_trace(text: str, where: str, kind: Kind) -> Iterator[Segment]:
    if not text:
        return
    if "\n" not in text and not FRAME.fullmatch(text[:2000]):
        yield from _of_text(text, where, kind)
        return
    prose: list[str] = []
    names: list[str] = []
    for line in text.splitlines():
        frame = FRAME.fullmatch(line) if len(line) <= _MAX_FRAME_LINE else None
        if frame is None:
            prose.append(line.strip())
        elif frame.lastgroup:
            names.extend(filter(None, frame.groups()))
    if prose:
        yield from _of_text("\n".join(prose), where, kind)
    if names:
        yield Segment(where=f"{where} frames", text=joined_words(" ".join(names)), kind=Kind.NAME)


def _of_text(text: str, where: str, kind: Kind) -> Iterator[Segment]:
    yield Segment(where=where, text=text, kind=kind)
    for number, quoted in enumerate(_QUOTED.finditer(text)):
        if number == 50:  # noqa: PLR2004 - the whole text is scanned in any case
            break
        inside = quoted.group(quoted.lastindex or 0)
        if " " in inside:
            yield Segment(where=where, text=inside, kind=Kind.QUOTED)


def _of_leaves(value: JSONValue | Mapping[str, JSONValue], where: str) -> Iterator[Segment]:
    stack: list[tuple[object, str, str]] = [(value, where, "")]
    count = 0
    while stack and count < MAX_LEAVES:
        item, path, key = stack.pop()
        if isinstance(item, Mapping):
            for name, child in reversed(list(item.items())):
                stack.append((child, f"{path}.{printable(str(name), 40)}", str(name)))
                if not _PLAIN_KEY.fullmatch(str(name)):
                    stack.append((str(name), f"{path} key", ""))
        elif isinstance(item, list):
            stack.extend((child, f"{path}[]", key) for child in reversed(item))
        elif isinstance(item, str) and item:
            count += 1
            yield from _of_leaf(item, path, key)
    if stack:
        rest = " ".join(str(item) for item, _, _ in stack)
        yield Segment(where=f"{where} rest", text=rest, kind=Kind.FIELD)


def _of_leaf(text: str, path: str, key: str) -> Iterator[Segment]:
    if key in _CODE_FIELDS:
        yield Segment(where=path, text=text, kind=Kind.CODE)
    elif "\n" in text:
        yield from _of_trace(text, path, Kind.FIELD)
    else:
        reachable = _REACHABLE.search(path) is not None
        yield Segment(where=path, text=text, kind=Kind.REACHABLE if reachable else Kind.FIELD)
