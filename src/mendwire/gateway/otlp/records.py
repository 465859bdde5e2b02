"""What is read out of an OTLP request: only what a report can be made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Generic, TypeVar

from mendwire.model.report import JSONValue

Attributes = Mapping[str, JSONValue]

MAX_RECORD: Final = 1024 * 1024
"""Bytes of one span, log record or resource; larger ones are refused, the others are taken."""
MAX_FIELDS: Final = 200_000
"""Spans, log records and other parts of one request that are looked at."""
MAX_PUNCTUATION: Final = 1_500_000
"""Braces and commas of one request in JSON; there, an attribute has about four."""
MAX_TAKEN: Final = 2_000
"""Spans and log records with an error in them that are taken from one request."""
MAX_EVENTS: Final = 128
"""Exceptions that are taken from one span; the specification's own default."""


class Signal(StrEnum):
    """What a request carries, as its path names it."""

    LOGS = "logs"
    TRACES = "traces"
    METRICS = "metrics"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Who speaks: a resource and an instrumentation scope of it."""

    resource: Attributes = field(default_factory=dict)
    scope: str = ""
    """Name of the instrumentation scope; for log records mostly the logger's."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exceptional:
    """One span event that is named ``exception``."""

    time: int
    """Nanoseconds since 1970; 0 is unknown."""
    attributes: Attributes


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A span on which at least one exception was recorded."""

    source: Source
    trace_id: str
    """32 hex digits, or empty."""
    span_id: str
    """16 hex digits, or empty."""
    name: str
    kind: int
    """0 unspecified, 1 internal, 2 server, 3 client, 4 producer, 5 consumer."""
    attributes: Attributes
    exceptions: tuple[Exceptional, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRecord:
    source: Source
    trace_id: str
    """32 hex digits, or empty."""
    span_id: str
    """16 hex digits, or empty."""
    time: int
    """Nanoseconds since 1970; 0 is unknown."""
    severity: int
    """1 to 24 as the specification numbers them; 0 is unspecified."""
    severity_text: str
    body: JSONValue
    attributes: Attributes


Record = TypeVar("Record", Span, LogRecord)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decoded(Generic[Record]):
    """The errors of one request, and what was left out of it."""

    records: tuple[Record, ...] = ()
    rejected: int = 0
    """Spans or log records that were refused because of a limit or because they are damaged."""
    reason: str = ""
    """Why the first of them was; a sentence."""
