"""The error report: one occurrence as a server saw it, parsed at the edge into a frozen record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mendwire.errors import Undecodable

JSONValue = None | bool | int | float | str | list["JSONValue"] | dict[str, "JSONValue"]

UNKNOWN_RELEASE: Final = "unknown"
MAX_FRAMES: Final = 200
MAX_DEPTH: Final = 64


class Trust(StrEnum):
    """How far the source of a report is trusted (rules B2)."""

    TRUSTED = "trusted"
    LOW = "low"


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One call on the stack; in ``ErrorReport.frames`` the outermost is first, the crash last."""

    file: str = ""
    """Path as the server saw it, or relative to the repository."""
    line: int = 0
    """1-based; 0 is unknown."""
    column: int = 0
    """1-based; 0 is unknown. Tells calls apart where a bundle has one line."""
    function: str = ""
    """Qualified name where the language gives one."""
    module: str = ""
    """Import path, where the language has them."""
    in_app: bool | None = None
    """True for the project's own code, False for a library's, None when the source did not say."""
    code: str = ""
    """The source line, trimmed."""
    arguments: Mapping[str, JSONValue] | None = None
    """The call's arguments where all of them were plain data; else None."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrorReport:
    """One occurrence of an error. Unknown top-level fields stay in the stored bytes only."""

    error: str
    """The message, usually ``Type: text``."""
    stack: str = ""
    """The stack as text, as the runtime prints it."""
    timestamp: str = ""
    """ISO 8601 as the source gave it: for display alone (rules A10)."""
    context: Mapping[str, JSONValue] = field(default_factory=dict)
    """file, line, request_id and whatever else the publisher put there."""
    type: str = ""
    code: str = ""
    """errno, SQLSTATE, HTTP status or the like, when the publisher gives one."""
    message_template: str = ""
    """The message before its values were put in."""
    fingerprint: tuple[str, ...] = ()
    frames: tuple[Frame, ...] = ()
    """Outermost first, crash last; empty when only the textual stack is known."""
    release: str = UNKNOWN_RELEASE
    environment: str = ""
    service: str = ""
    language: str = ""
    level: str = "error"
    trace_id: str = ""


def load_object(payload: bytes) -> dict[str, JSONValue]:
    """Decode one JSON object; raises Undecodable with a sentence that says what is wrong."""
    try:
        value = json.loads(payload.decode("utf-8"))
    except UnicodeDecodeError:
        raise Undecodable("The message is not UTF-8 text; publish a JSON object.") from None
    except RecursionError:
        raise Undecodable("The message is nested too deeply to be a report.") from None
    except ValueError as problem:
        message = f"The message is not JSON ({problem}); publish a JSON object."
        raise Undecodable(message) from None
    if not isinstance(value, dict):
        message = f"The message is JSON but a {type(value).__name__}, not an object."
        raise Undecodable(message)
    # No deeper than it has brackets: only a report with many of them is walked through.
    if payload.count(b"{") + payload.count(b"[") >= MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise Undecodable("The message is nested too deeply to be a report.")
    return value


def parse_report(payload: bytes) -> ErrorReport:
    """Read a report in the wire's JSON; raises Undecodable.

    Missing and mistyped optional fields are read as absent: a server in trouble publishes what it
    has. Only a message with neither ``error`` nor ``stack`` text is refused.
    """
    return report_of(load_object(payload))


def report_of(body: Mapping[str, JSONValue]) -> ErrorReport:
    """The same from an object already decoded."""
    context = body.get("context")
    context = context if isinstance(context, dict) else {}
    error, stack = _text(body.get("error")), _text(body.get("stack"))
    if not error.strip() and not stack.strip():
        raise Undecodable("The report has neither an 'error' text nor a 'stack'.")
    fingerprint = body.get("fingerprint")
    frames = body.get("frames")
    return ErrorReport(
        error=error if error.strip() else stack.strip().splitlines()[-1],
        stack=stack,
        timestamp=_text(body.get("timestamp")),
        context=context,
        type=_text(body.get("type")),
        code=_text(body.get("code")),
        message_template=_text(body.get("message_template")),
        fingerprint=tuple(map(_text, fingerprint[:20])) if isinstance(fingerprint, list) else (),
        frames=_frames(frames) if isinstance(frames, list) else (),
        release=_text(body.get("release")) or _text(context.get("release")) or UNKNOWN_RELEASE,
        environment=_text(body.get("environment")),
        service=_text(body.get("service")),
        language=_text(body.get("language")),
        level=_text(body.get("level")) or "error",
        trace_id=_text(body.get("trace_id")),
    )


def _frames(items: list[JSONValue]) -> tuple[Frame, ...]:
    half = MAX_FRAMES // 2
    kept = items if len(items) <= MAX_FRAMES else items[:half] + items[-half:]
    return tuple(_frame(item) for item in kept if isinstance(item, dict))


def _frame(item: Mapping[str, JSONValue]) -> Frame:
    get = item.get
    file, function, module, code = get("file"), get("function"), get("module"), get("code")
    in_app, arguments = get("in_app"), get("arguments")
    # A report has many frames, and nearly all of their fields are texts: each is asked once.
    return Frame(
        file=file if isinstance(file, str) else _text(file),
        line=_ordinal(get("line")),
        column=_ordinal(get("column")),
        function=function if isinstance(function, str) else _text(function),
        module=module if isinstance(module, str) else _text(module),
        in_app=in_app if isinstance(in_app, bool) else None,
        code=code if isinstance(code, str) else _text(code),
        arguments=arguments if isinstance(arguments, dict) else None,
    )


def _ordinal(value: JSONValue) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: JSONValue) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _depth(value: JSONValue) -> int:
    deepest, stack = 0, [(value, 1)]
    while stack:
        item, level = stack.pop()
        deepest = max(deepest, level)
        if level > MAX_DEPTH:
            break
        if isinstance(item, dict):
            stack.extend((child, level + 1) for child in item.values())
        elif isinstance(item, list):
            stack.extend((child, level + 1) for child in item)
    return deepest
