"""What a log record says: how loud, in which words, and from which template."""

from __future__ import annotations

from typing import Final

from mendwire.gateway.otlp.gathering import ERROR, is_quiet
from mendwire.gateway.otlp.records import Attributes, LogRecord
from mendwire.gateway.otlp.values import MAX_BODY, text_of
from mendwire.model.report import JSONValue

_FATAL: Final = 21
_LEVELS: Final = {
    "error": "error",
    "err": "error",
    "severe": "error",
    "crit": "fatal",
    "critical": "fatal",
    "fatal": "fatal",
    "alert": "fatal",
    "emerg": "fatal",
    "emergency": "fatal",
    "panic": "fatal",
    "trace": "quiet",
    "debug": "quiet",
    "fine": "quiet",
    "info": "quiet",
    "information": "quiet",
    "notice": "quiet",
    "warn": "quiet",
    "warning": "quiet",
}
_TEMPLATES: Final = ("message_template.text", "log.record.template", "{OriginalFormat}")
"""Serilog's and older .NET's, the one proposed for the conventions, and Microsoft's logging."""
_MINED: Final = "<*>"
"""The mark of a template that a collector guessed from the messages it saw, and may guess anew."""
_SAID_IN: Final = ("message", "msg", "error", "err", "event", "log", "text")


def severity_of(record: LogRecord) -> str:
    """``error``, ``fatal``, ``quiet`` for less, or empty when the record does not say."""
    if is_quiet(record.severity):
        return "quiet"
    if record.severity >= ERROR:
        return "fatal" if record.severity >= _FATAL else "error"
    return _LEVELS.get(record.severity_text.strip().lower(), "")


def readable(body: JSONValue) -> str:
    """The record's body as text: of a structure its message, else all its fields."""
    if isinstance(body, dict):
        for name in _SAID_IN:
            said = body.get(name)
            if isinstance(said, str) and said.strip():
                return said
        return text_of(" ".join(f"{key}={readable(body[key])}" for key in sorted(body)), MAX_BODY)
    if isinstance(body, list):
        return text_of(" ".join(map(readable, body)), MAX_BODY)
    return "" if body is None else str(body)


def template_of(attributes: Attributes) -> str:
    """The message before its values were put in, where the logger kept it."""
    for name in _TEMPLATES:
        found = attributes.get(name)
        if isinstance(found, str) and found.strip() and _MINED not in found:
            return found
    return ""
