"""One record of a log as the body of a report, if it tells of an error.

A record says so by its level, or, where it has none, by an exception. One whose level is lower is
left alone, whatever it has: somebody dealt with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from json import JSONDecodeError, loads
from typing import Final

from mendwire.capture.log_dialects import named_by_rails, retold
from mendwire.capture.traceback_text import body_of_text
from mendwire.model.report import JSONValue
from mendwire.model.signature import Raised, raised_in

Body = dict[str, JSONValue]
_HEAD: Final = 160
"""Characters of the first line in which its level is looked for."""
_LEVELS: Final = {
    **dict.fromkeys(
        ("fatal", "critical", "crit", "crt", "panic", "emerg", "alert", "ftl", "fatal error"),
        "fatal",
    ),
    **dict.fromkeys(("error", "err", "severe"), "error"),
    **dict.fromkeys(("trace", "debug", "dbg", "info", "inf", "information", "notice"), "lower"),
    **dict.fromkeys(("warn", "warning", "wrn", "deprecated", "strict standards"), "lower"),
}
_NAMES: Final = "|".join(sorted(_LEVELS, key=len, reverse=True))
_LEVEL_AT: Final = (
    # In capitals wherever it stands; else where a level is written, or before a colon.
    re.compile(rf"(?:^|[\s\[|<(=:.\"-])({_NAMES.upper()})(?=[\s\])>:|,\"-]|$)"),
    re.compile(rf"(?i)(?:[\[<|\t]|(?:level|severity|lvl)=\"?)({_NAMES})(?=[\]>|\s\"]|$)"),
    re.compile(rf"(?i)(?:^|\s)({_NAMES}):"),
)
_GLOG: Final = re.compile(r"^([IWEFD])\d{4} \d{2}:")
_OTP_REPORT: Final = re.compile(r"^=([A-Z]+) REPORT====")
_URGENCY: Final = re.compile(r"^<([0-7])>")
_LEVEL_KEYS: Final = (
    *("level", "severity", "levelname", "lvl", "log.level", "@level", "Level", "LogLevel", "@l"),
    "severity_text",
)
_MESSAGES: Final = ("message", "msg", "event", "Message", "short_message", "@m", "@mt", "body")
_STACKS: Final = (
    *(
        "stack",
        "stack_trace",
        "stacktrace",
        "exception",
        "exc_info",
        "traceback",
        "Exception",
        "@x",
    ),
    *("error.stack_trace", "exception.stacktrace"),
)
_TYPES: Final = ("type", "name", "class", "error.type", "exception.type", "exc_type")
_TEMPLATES: Final = ("@mt", "message_template", "MessageTemplate")
_HOLDERS: Final = ("err", "error", "exception", "exc", "error.message", "Error")
_LOWEST_ERROR: Final = 50
"""In the numbers of pino and bunyan, which begin at 10."""
_SYSLOG_LOWEST: Final = 7


def body_of_record(record: str) -> Body | None:
    """The report of one record; None where it tells of no error."""
    if record[:1] == "{" and (found := _object(record)) is not None:
        return _structured(found)
    level = level_of(record)
    if level == "lower":
        return None
    text = retold(_URGENCY.sub("", record, count=1))
    is_told = any(map(_is_told, raised_in(text)))
    if not level and not is_told:
        return None
    body = _with_stack(text) if is_told else _line(text)
    return {**body, "level": "fatal"} if level == "fatal" else body


def level_of(record: str) -> str:
    """``fatal``, ``error``, ``lower``, or nothing where it says none."""
    if found := _URGENCY.match(record):
        return ("fatal", "fatal", "fatal", "error")[int(found[1])] if found[1] < "4" else "lower"
    if found := _OTP_REPORT.match(record):
        return "error" if found[1] in {"ERROR", "CRASH"} else "lower"
    if found := _GLOG.match(record):
        return {"F": "fatal", "E": "error"}.get(found[1], "lower")
    head = record.partition("\n")[0][:_HEAD]
    words = [word for pattern in _LEVEL_AT if (word := pattern.search(head))]
    first = min(words, key=lambda word: word.start(1), default=None)
    return _LEVELS[first[1].lower()] if first else ""


def _is_told(raised: Raised) -> bool:
    """Whether an exception was read there, and not only a place that any line may name."""
    return bool(raised.type or (raised.frames and raised.message)) or any(
        frame.function for frame in raised.frames
    )


def _with_stack(text: str) -> Body:
    body = body_of_text(text)
    if not body.get("type"):
        kind, message = named_by_rails(text)
        if kind:
            body |= {"type": kind, "error": f"{kind}: {message}"}
    return body


def _line(text: str) -> Body:
    """Of no stack: the first line and what is indented below it; the rest is for the reader."""
    first, *more = text.split("\n")
    told = [first, *[line.strip() for line in more if line[:1] in {" ", "\t"}]]
    rest = [line for line in more if line[:1] not in {" ", "\t", ""}]
    context: Body = {"lines": "\n".join(rest)} if rest else {}
    return {"error": " ".join(told), "timestamp": _now(), "context": context}


def _structured(found: Mapping[str, JSONValue]) -> Body | None:
    """A line of JSON, as the libraries for structured logs write it."""
    inner = _described(found)
    level = _level_named(_first(found, _LEVEL_KEYS))
    stack = _text(_first(inner, _STACKS)) or _text(_first(found, _STACKS))
    message = _message(found, inner)
    if level == "lower" or not (level or stack) or not (message or stack):
        return None
    body: Body = {"error": message, "timestamp": _now(), "context": {}}
    if stack.strip():
        body = body_of_text(stack)
        if not body.get("type"):
            body["error"] = message or body["error"]
        elif message:
            body["context"] = {**_as_object(body.get("context")), "logged": message}
    fields = {
        "type": _text(_first(inner, _TYPES)) or _text(_first(found, _TYPES[3:])),
        "code": _text(inner.get("code")),
        "message_template": _text(_first(found, _TEMPLATES)),
        "level": "fatal" if level == "fatal" else "",
    }
    return {**body, **{name: text for name, text in fields.items() if text}}


def _described(found: Mapping[str, JSONValue]) -> Mapping[str, JSONValue]:
    """The object that describes the exception, where there is one."""
    return next((one for name in _HOLDERS if isinstance(one := found.get(name), dict)), {})


def _message(found: Mapping[str, JSONValue], inner: Mapping[str, JSONValue]) -> str:
    """What was logged, with what the error itself says."""
    logged = _text(_first(found, _MESSAGES))
    told = _text(inner.get("message")) or _text(_first(found, _HOLDERS))
    told = told.partition("\n")[0]
    if not logged or not told or told in logged:
        return logged or told
    return f"{logged}: {told}"


def _level_named(value: JSONValue) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        if 0 <= value <= _SYSLOG_LOWEST:  # in GELF the smallest number is the worst
            return level_of(f"<{value}>")
        return "lower" if value < _LOWEST_ERROR else "fatal" if value > _LOWEST_ERROR else "error"
    return _LEVELS.get(_text(value).strip().lower(), "")


def _first(found: Mapping[str, JSONValue], names: tuple[str, ...]) -> JSONValue:
    return next((value for name in names if (value := found.get(name)) and value is not True), None)


def _object(text: str) -> Mapping[str, JSONValue] | None:
    try:
        found = loads(text)
    except (JSONDecodeError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _as_object(value: JSONValue) -> Body:
    return value if isinstance(value, dict) else {}


def _text(value: JSONValue) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
