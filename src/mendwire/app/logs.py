"""Events as log lines on standard error: readable on a terminal, JSON for machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Literal

import structlog

from mendwire.model.printable import printable
from mendwire.telemetry import emit, here, subscribed

Style = Literal["auto", "console", "json"]


@contextmanager
def logged(style: Style = "auto") -> Iterator[None]:
    """Write every event as one line while the block runs."""
    is_terminal = sys.stderr.isatty()
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=is_terminal and not os.environ.get("NO_COLOR"))
        if style == "console" or (style == "auto" and is_terminal)
        else structlog.processors.JSONRenderer()
    )
    log = structlog.wrap_logger(
        structlog.PrintLogger(sys.stderr),
        processors=[
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.add_log_level,
            _what_first,
            renderer,
        ],
    )

    def on_event(event: str, fields: dict[str, object]) -> None:
        span = here()
        trace = {} if span is None else {"trace_id": span.trace_id, "span_id": span.span_id}
        log.info(event, **{name: _safe(value) for name, value in {**fields, **trace}.items()})

    with subscribed(on_event):
        yield


def tell(lines: Iterable[str], style: Style) -> None:
    """Say what people should know: an event each where every line is to be JSON, else as it is."""
    for line in lines:
        if style == "json":
            emit("process.told", text=line)
        else:
            sys.stderr.write(f"mendwire: {line}\n")


def _what_first(
    _logger: object, _method: str, entry: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Whoever reads JSON lines sees first when it was and what."""
    first = ("timestamp", "level", "event")
    return {name: entry[name] for name in first} | {
        name: value for name, value in entry.items() if name not in first
    }


def _safe(value: object) -> object:
    """Foreign text may stand in a field: no escape sequence reaches a terminal."""
    return printable(value, 2_000) if isinstance(value, str) else value
