"""From a span's exception or a log record to the body of a report.

A log record is an error from severity ERROR on; one that does not say its severity, when it has an
exception. Lower ones are let go, exceptions in them too: the specification gives handled exceptions
these severities. So are spans with status ERROR and no exception, which have neither a type nor a
stack nor anything else to begin with.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mendwire.gateway.otlp.context import (
    code_place,
    log_context,
    source_context,
    span_context,
)
from mendwire.gateway.otlp.naming import bare, named
from mendwire.gateway.otlp.records import Attributes, Exceptional, LogRecord, Source, Span
from mendwire.gateway.otlp.sighting import Sighting, sighting
from mendwire.gateway.otlp.speech import readable, severity_of, template_of
from mendwire.gateway.otlp.values import MAX_TEXT, text_of
from mendwire.model.report import ErrorReport, JSONValue
from mendwire.model.signature import error_type, parse_frames

Body = dict[str, JSONValue]

_LANGUAGES: Final = {"nodejs": "javascript", "webjs": "javascript", "cpp": "c++"}
_UNNAMED: Final = "unknown_service"
_LAST: Final = 253_402_300_799 * 10**9
"""Nanoseconds until the year 10000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapped:
    """A report, and by what its exception is known again."""

    body: Body
    seen: Sighting | None
    """None outside of a trace: nothing says that two such are one."""


def map_spans(spans: Iterable[Span]) -> Iterator[Mapped]:
    """One report for each exception of each span."""
    for span in spans:
        for event in span.exceptions:
            body = _of_event(span, event)
            if body is not None:
                yield Mapped(body=body, seen=_seen(body))


def map_logs(records: Iterable[LogRecord]) -> Iterator[Mapped]:
    """One report for each record that tells of an error."""
    for record in records:
        body = _of_log(record)
        if body is not None:
            yield Mapped(body=body, seen=_seen(body))


def _of_event(span: Span, event: Exceptional) -> Body | None:
    raised = _exception(event.attributes, span.source)
    if raised is None:
        return None
    context = code_place(event.attributes, is_crash=not raised["stack"])
    context |= source_context(span.source)
    context |= span_context(span, event.attributes)
    return _body(raised, span.source, event.time, "error", span.trace_id, context)


def _of_log(record: LogRecord) -> Body | None:
    level = severity_of(record)
    raised = _exception(record.attributes, record.source)
    if level == "quiet" or (raised is None and not level):
        return None
    message = readable(record.body)
    context: Body = {}
    if raised is None:
        raised = _spoken(message, template_of(record.attributes))
    else:
        context["log_message"] = text_of(message, MAX_TEXT)
    if not raised["error"]:
        return None
    context |= code_place(record.attributes, is_crash=not raised["stack"])
    context |= source_context(record.source)
    context |= log_context(record)
    return _body(raised, record.source, record.time, level or "error", record.trace_id, context)


def _exception(attributes: Attributes, source: Source) -> Body | None:
    """What the exception attributes say; None where there is neither a type nor a message."""
    kind, message, stack = (
        _text(attributes.get(f"exception.{name}")) for name in ("type", "message", "stacktrace")
    )
    if not kind.strip() and not message.strip() and not stack.strip():
        return None
    kind, message = named(kind, message, stack, _language(source))
    error = f"{kind}: {message}" if kind and message else kind or message
    return {"error": error or stack.strip().splitlines()[-1], "stack": stack, "type": kind}


def _spoken(message: str, template: str) -> Body:
    """A record without an exception: its text, which may be a stack that was read from a file."""
    text = message.strip()
    if "\n" in text:
        read = ErrorReport(error="", stack=text)
        kind = error_type(read)
        if kind and parse_frames(read):
            lines = (line.strip() for line in text.splitlines())
            headline = next((line for line in lines if line.startswith(kind)), kind)
            return {"error": headline, "stack": text, "type": kind}
    return {"error": text, "stack": "", "message_template": template}


def _body(
    raised: Body, source: Source, time: int, level: str, trace_id: str, context: Body
) -> Body:
    resource = source.resource
    release = _text(resource.get("service.version")) or _text(resource.get("vcs.ref.head.revision"))
    environment = _text(resource.get("deployment.environment.name")) or _text(
        resource.get("deployment.environment")
    )
    body: Body = {
        **raised,
        "timestamp": _time(time),
        "release": release,
        "environment": environment,
        "service": _service(resource),
        "language": _language(source),
        "level": level,
        "trace_id": trace_id,
    }
    kept: Body = {name: value for name, value in body.items() if value != ""}
    kept["context"] = {
        name: value for name, value in context.items() if value not in ("", None, {})
    }
    return kept


def _seen(body: Body) -> Sighting | None:
    trace_id, kind, error = (_text(body.get(name)) for name in ("trace_id", "type", "error"))
    if not trace_id or not kind:
        return None
    return sighting(
        trace_id=trace_id,
        service=_text(body.get("service")),
        kind=bare(kind),
        message=error.removeprefix(kind),
        stack=_text(body.get("stack")),
    )


def _service(resource: Attributes) -> str:
    name, space = _text(resource.get("service.name")), _text(resource.get("service.namespace"))
    if not name or name.startswith(_UNNAMED):
        return ""
    return f"{space}/{name}" if space else name


def _language(source: Source) -> str:
    given = _text(source.resource.get("telemetry.sdk.language"))
    return _LANGUAGES.get(given, given)


def _time(nanoseconds: int) -> str:
    if not 0 < nanoseconds < _LAST:
        return ""
    seconds, rest = divmod(nanoseconds, 10**9)
    moment = datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // 1000)
    return moment.isoformat(timespec="milliseconds")


def _text(value: JSONValue) -> str:
    if isinstance(value, str):
        return value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
