"""A report brought down to the record that both keys are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from mendwire.model.report import UNKNOWN_RELEASE, ErrorReport, Frame
from mendwire.model.signature.v1.blocks import REMEMBERED, STACKS, Block, Call
from mendwire.model.signature.v1.headlines import headline, last_name
from mendwire.model.signature.v1.masking import shortened, template
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.places import place, plain_name
from mendwire.model.signature.v1.record import Canonical
from mendwire.model.signature.v1.stacks import blocks_in
from mendwire.model.signature.v1.tables import CAPS
from mendwire.model.signature.v1.titles import without_stamp

_FRAMES: Final = CAPS["frames"]
_CYCLE: Final = CAPS["cycle"]
_MINIFIED: Final = CAPS["minified_column"]
_CAUSES: Final = CAPS["causes"]
_FIRST_LINE: Final = CAPS["line"]
_TITLE: Final = 200
_PATH: Final = CAPS["path"]
_NAME: Final = CAPS["name"]
_PLACES: Final = "#0123456789"
_LONGEST_LINE: Final = 999_999_999

_SHORT: Final = 8 * 1024
"""Characters of a stack whose calls are remembered as a whole."""

Path = tuple[tuple[str, str], ...]
Spot = tuple[tuple[str, str], str]
"""Path below its root and function, and the line as it is hashed."""


def canonical(report: ErrorReport) -> Canonical:
    """The record that is hashed; ``mendwire signature --explain`` shows it."""
    text = stack_text(report)
    blocks = blocks_in(text)[0] if text else []
    kind, message = type_and_message(report, blocks)
    calls, crash_line = _way(report, blocks, is_short=len(text) <= _SHORT)
    if report.stack and not report.frames and not _has_calls(blocks):
        message = (
            f"{message}\n{report.stack}"  # of no known form: rather a repeat than an error lost
        )
    causes = blocks[1 : _CAUSES + 1]
    places = [_last(_kept(_of_calls(cause.calls))) for cause in causes]
    lines = [line for _, line in places]
    if not (kind or message or report.frames or report.message_template) and blocks:
        lines += _lines(blocks[0])
    return Canonical(
        service=report.service,
        release=report.release or UNKNOWN_RELEASE,
        types=(kind, *[cause.type for cause in causes]),
        calls=calls,
        crash_line=crash_line,
        code=report.code,
        template=shortened(report.message_template) or template(message),
        causes=_told(causes, places) if causes else (),
        cause_lines=tuple(lines),
        fingerprint=report.fingerprint,
    )


def _lines(block: Block) -> list[str]:
    """The line of each of the project's own calls, for a stack without a word of what happened."""
    return [line for _, line in dict.fromkeys(_kept(_of_calls(block.calls)))][-_FRAMES:]


def _told(causes: Sequence[Block], places: Sequence[Spot]) -> tuple[tuple[str, str, str], ...]:
    room = CAPS["cause_parts"] // len(causes)
    return tuple(
        [
            (path, name, template(cause.message, room))
            for ((path, name), _), cause in zip(places, causes, strict=True)
        ]
    )


def _has_calls(blocks: Sequence[Block]) -> bool:
    """Whether a stack of a known form was found; places in other text are only a guess."""
    if not blocks:
        return False
    first = blocks[0]
    return not first.is_guessed and (bool(first.calls) or any(block.calls for block in blocks))


def stack_text(report: ErrorReport) -> str:
    """The textual stack, which some publishers put into the message."""
    return report.stack or (report.error if "\n" in report.error else "")


def type_and_message(report: ErrorReport, blocks: Sequence[Block]) -> tuple[str, str]:
    """The exception's type, and its message without it, so that both ways of writing read alike."""
    error = shortened(without_stamp(report.error))
    first = blocks[0] if blocks else None
    found = headline(error.partition("\n")[0][:_FIRST_LINE])
    kind = report.type or (found[0] if found else "") or (first.type if first else "")
    told = _told_by_stack(report, error, first) if first else None
    if told is not None:
        return kind, told
    if first and not report.type and _is_cause(error, blocks):
        return first.type, first.message
    text = error
    for name in (kind, last_name(kind)):
        if name and text.startswith(name) and text[len(name) : len(name) + 1] in {":", ""}:
            text = text[len(name) + 1 :]
            break
    else:
        text = _without_lead(text, found)
    text = _without_place(text.strip(" \t\r\n"))
    return kind, _with_own(text, first) if first else text


def _with_own(text: str, first: Block) -> str:
    """What a log says of an error, and what the exception below says itself."""
    return text if _beginning(first.message) in text else f"{text}\n{first.message}"


def _beginning(message: str) -> str:
    """The first line of a message that is not blank."""
    return message.lstrip("\n").partition("\n")[0]


def _is_cause(error: str, blocks: Sequence[Block]) -> bool:
    """Whether the given line is that of a cause: PHP writes what happened first first."""
    kinds = [block.type for block in blocks]
    if len(kinds) == 1 or not kinds[0]:
        return False
    title = error.partition("\n")[0][:_FIRST_LINE]
    found = headline(title) or headline(title, certain=True)
    return found is not None and found[0] != kinds[0] and found[0] in kinds


def _told_by_stack(report: ErrorReport, error: str, first: Block) -> str | None:
    """The message as the stack has it, where it is best read there; None where it is not.

    There it stands without what surrounds it in a runtime's own line; or the given message is the
    whole text, or a line that says nothing.
    """
    lines = error.strip(" \t\r\n")
    title, _, more = lines.partition("\n")
    if more and (report.stack or not first.calls or first.is_guessed):
        return None
    if _says_nothing(title) and (first.message or not first.is_guessed):
        return first.message
    if not first.message:
        return _without_place(title.rstrip("\r")) if more else None
    if _ends_with(title, first):
        return first.message
    return f"{title}\n{first.message}" if more else None


def _says_nothing(title: str) -> bool:
    """``Unhandled Exception:``, ``====``, ``/app/x.js:12``, a call, and titles of Rust and C++."""
    title = title.rstrip(" \r")
    if title.endswith((":", "=", "DEADLYSIGNAL")):
        return True
    if (title[-1:].isdigit() or title[:1] in _PLACES) and pattern("bare_place").match(title):
        return True
    head = title[:_TITLE]
    return " panicked at " in head or "terminate called " in head


def _ends_with(title: str, first: Block) -> bool:
    """Whether the line ends with the message, or with what runtimes put after it."""
    start = _beginning(first.message)
    _, found, rest = title.rpartition(start or "\n")
    rest = rest.rstrip(" \r")
    if not found:
        return False
    if rest in {"", f" ({first.type})", "):"} or rest.startswith((" ---> ", " [recovered")):
        return True
    return bool(pattern("php_end").fullmatch(rest) or pattern("perl_end").fullmatch(rest))


def _without_lead(text: str, found: tuple[str, str] | None) -> str:
    """``Uncaught TypeError: x`` without what a runtime puts before it."""
    if found is None or not found[1]:
        return text
    at = text.find(found[1])
    return text[at:] if at > 0 else text


def _without_place(text: str) -> str:
    """Without the place that Perl and PHP add to the message; the frames have it."""
    if " line " in text:
        text = pattern("perl_end").sub("", text) if " at " in text else text
    if " in /" in text:
        text = pattern("php_end").sub("", text)
    return text


def _way(report: ErrorReport, blocks: Sequence[Block], *, is_short: bool) -> tuple[Path, str]:
    """The calls that are hashed, and the line of the last."""
    if report.frames:
        return _collapsed(_kept([_of_frame(frame) for frame in report.frames]))
    if blocks and blocks[0].calls:
        calls = blocks[0].calls
        return _known_way(tuple(calls)) if is_short else _collapsed(_kept(_of_calls(calls)))
    file, line = report.context.get("file"), report.context.get("line")
    if not isinstance(file, str) or not file:
        return (), ""
    return ((place(file[-_PATH:], "")[0], ""),), context_line(line)


@lru_cache(STACKS)
def _known_way(calls: tuple[Call, ...]) -> tuple[Path, str]:
    """A server's errors come the same ways; of long stacks none is remembered."""
    return _collapsed(_kept(_of_calls(calls)))


def context_line(line: object) -> str:
    """``context.line`` as digits; empty where it is none."""
    text = str(line)[:9]
    return text if text.isascii() and text.isdigit() and text.strip("0") else ""


def _of_calls(calls: Iterable[Call]) -> list[tuple[bool, Spot]]:
    return [_of_call(call) for call in calls]


@lru_cache(REMEMBERED)
def _of_call(call: Call) -> tuple[bool, Spot]:
    file, name, line, column, module = call
    path, is_own = place(file, module)
    if column and (line in {"", "1"} or int(column) > _MINIFIED):
        line = f"{line}:{column}"
    return is_own, ((path, plain_name(name)), line)


def _of_frame(frame: Frame) -> tuple[bool, Spot]:
    is_own, spot = _of_call(
        (
            (frame.file or frame.module)[-_PATH:],
            frame.function[:_NAME],
            _digits(frame.line),
            _digits(frame.column) if 0 < frame.line <= _LONGEST_LINE else "",
            frame.module[:_PATH],
        )
    )
    return is_own if frame.in_app is None else frame.in_app, spot


def _digits(number: int) -> str:
    return str(number) if 0 < number <= _LONGEST_LINE else ""


def _kept(every: Sequence[tuple[bool, Spot]]) -> list[Spot]:
    """The project's own calls, or all of them where none is."""
    return [spot for is_own, spot in every if is_own] or [spot for _, spot in every]


def _last(spots: Sequence[Spot]) -> Spot:
    return spots[-1] if spots else (("", ""), "")


def _collapsed(spots: Sequence[Spot]) -> tuple[Path, str]:
    """Repeated cycles of up to four calls once, so that the depth of a recursion does not count.

    The line of the last stands beside them.
    """
    calls = [call for call, _ in spots]
    line = spots[-1][1] if spots else ""
    if len(set(calls)) == len(calls) <= _FRAMES:
        return tuple(calls), line
    out: list[tuple[str, str]] = []
    for call in calls:
        out.append(call)
        for size in range(1, _CYCLE + 1):
            if len(out) >= 2 * size and out[-size:] == out[-2 * size : -size]:
                del out[-size:]
                break
    if len(out) > _FRAMES:
        out = out[: _FRAMES // 2] + out[-_FRAMES // 2 :]
    return tuple(out), line
