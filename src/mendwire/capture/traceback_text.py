"""Raw text from a pipe, a traceback or some log lines, as the body of a report."""

from __future__ import annotations

import re
import time
from typing import Final

from mendwire.capture.moment import moment
from mendwire.model.report import ErrorReport, Frame, JSONValue
from mendwire.model.signature import (
    MAX_LINE,
    MAX_STACK,
    Raised,
    capped,
    crash_frame,
    raised_in,
)

_LOUD: Final = re.compile(
    r"\b(?:ERROR|FATAL|CRITICAL|PANIC|panic|error|Error|Exception|fatal|failed)\b"
)
_LANGUAGES: Final = {
    ".py": "python",
    ".js": "javascript",
    ".mjs": "javascript",
    ".cjs": "javascript",
    ".ts": "typescript",
    ".java": "java",
    ".kt": "kotlin",
    ".go": "go",
    ".rb": "ruby",
    ".php": "php",
    ".rs": "rust",
    ".cs": "csharp",
}


def body_of_text(text: str) -> dict[str, JSONValue]:
    """The report of a traceback or of log lines; ``text`` has at least one visible character.

    The message is the exception's own line where a stack format is known, else the first line that
    names an error, else the last one. Of a text over 256 kB the middle is left out.
    """
    stack = capped(text.strip("\n"), MAX_STACK)
    raised = raised_in(stack)
    crash = crash_frame(ErrorReport(error="", stack=stack))
    body: dict[str, JSONValue] = {
        "error": _message(raised, stack),
        "stack": stack,
        "timestamp": moment(time.time()),
        "context": {"file": crash.file, "line": crash.line} if crash else {},
    }
    if raised and raised[0].type:
        body["type"] = raised[0].type
    if language := _language(crash):
        body["language"] = language
    return body


def _message(raised: list[Raised], stack: str) -> str:
    first = raised[0] if raised else None
    if first and first.type:
        return f"{first.type}: {first.message}" if first.message else first.type
    if first and first.message and first.frames:
        return first.message
    lines = [line.strip()[:MAX_LINE] for line in stack.splitlines() if line.strip()]
    return next(filter(_LOUD.search, lines), lines[-1])


def _language(crash: Frame | None) -> str:
    if crash is None:
        return ""
    return _LANGUAGES.get(f".{crash.file.rpartition('.')[2]}", "")
