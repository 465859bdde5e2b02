"""What else a reader is told: where it was said, in which span, with which attributes."""

from __future__ import annotations

import json
from typing import Final

from mendwire.gateway.otlp.naming import is_code
from mendwire.gateway.otlp.records import Attributes, LogRecord, Source, Span
from mendwire.gateway.otlp.values import EXCEPTION
from mendwire.model.report import JSONValue

Context = dict[str, JSONValue]

MAX_SHOWN: Final = 40
"""Attributes of one report."""
_MAX_WIDE: Final = 1_000
"""Characters of JSON that one structured attribute may take."""
_KINDS: Final = ("", "internal", "server", "client", "producer", "consumer")
_FILES: Final = ("code.file.path", "code.filepath")
_LINES: Final = ("code.line.number", "code.lineno")
_FUNCTIONS: Final = ("code.function.name", "code.function")
_RESOURCE: Final = {
    "host": ("host.name",),
    "pod": ("k8s.pod.name",),
    "container": ("container.id",),
    "runtime": ("process.runtime.name",),
    "runtime_version": ("process.runtime.version",),
}


def code_place(attributes: Attributes, *, is_crash: bool) -> Context:
    """File, line and function, as ``code.*`` names them or named them before.

    Where a stack says where the error happened, they only say where it was logged.
    """
    file, line, function = (_first(attributes, names) for names in (_FILES, _LINES, _FUNCTIONS))
    if is_crash:
        return {"file": file, "line": line, "function": function}
    return {"logged_at": f"{file}:{line or 0} in {function or '?'}" if file else ""}


def source_context(source: Source) -> Context:
    """The machine and the runtime."""
    return {name: _first(source.resource, keys) for name, keys in _RESOURCE.items()}


def span_context(span: Span, event: Attributes) -> Context:
    """The span, and what is known of its work; the event's own attributes first."""
    where: Context = {
        "name": span.name,
        "kind": _KINDS[span.kind] if 0 <= span.kind < len(_KINDS) else "",
        "id": span.span_id,
        "scope": span.source.scope,
    }
    return {
        "span": {name: text for name, text in where.items() if text},
        "escaped": _is_escaped(event),
        "attributes": attributes_of(event, span.attributes),
    }


def log_context(record: LogRecord) -> Context:
    """The logger, the body where it is a structure, and the attributes."""
    return {
        "logger": record.source.scope,
        "escaped": _is_escaped(record.attributes),
        "body": record.body if isinstance(record.body, dict | list) else None,
        "attributes": attributes_of(record.attributes),
    }


def attributes_of(*bags: Attributes) -> Context:
    """The attributes that are not told elsewhere, the first bag's before the second's."""
    shown: Context = {}
    for bag in bags:
        for key, value in bag.items():
            if len(shown) >= MAX_SHOWN:
                return shown
            if key not in shown and not _is_told(key, value):
                shown[key] = value
    return shown


def _is_told(key: str, value: JSONValue) -> bool:
    # In JavaScript a type can be an error's code, which is told nowhere else.
    if key == "exception.type":
        return not (isinstance(value, str) and is_code(value))
    is_wide = isinstance(value, dict | list) and len(json.dumps(value)) > _MAX_WIDE
    return key.startswith((EXCEPTION, "code.")) or is_wide


def _is_escaped(attributes: Attributes) -> bool | None:
    """True, or None: Python's SDK writes the word, and False also of what does escape."""
    return True if str(attributes.get("exception.escaped")).lower() == "true" else None


def _first(attributes: Attributes, names: tuple[str, ...]) -> JSONValue:
    for name in names:
        value = attributes.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool):
            return value
    return None
