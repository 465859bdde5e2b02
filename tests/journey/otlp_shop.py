"""A program with OpenTelemetry's SDK that breaks in several ways.

otlp_shop.py batched    spans and log records leave together, as is the default
otlp_shop.py singly     each span and each record is a request of its own
"""

from __future__ import annotations

import contextlib
import logging
import sys

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, SimpleLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

IS_BATCHED = sys.argv[1] == "batched"

resource = Resource.create(
    {
        "service.name": "shop",
        "service.version": "1.4.2",
        "deployment.environment.name": "production",
        "host.name": "web1",
    }
)
spans = TracerProvider(resource=resource)
spans.add_span_processor(
    BatchSpanProcessor(OTLPSpanExporter())
    if IS_BATCHED
    else SimpleSpanProcessor(OTLPSpanExporter())
)
records = LoggerProvider(resource=resource)
records.add_log_record_processor(
    BatchLogRecordProcessor(OTLPLogExporter())
    if IS_BATCHED
    else SimpleLogRecordProcessor(OTLPLogExporter())
)
log = logging.getLogger("shop")
log.addHandler(LoggingHandler(logger_provider=records))
log.propagate = False
tracer = spans.get_tracer("shop.tracing")


class PaymentError(Exception):
    """No module but ``__main__``: a span says so, a traceback does not."""


def charge(order: int) -> None:
    with tracer.start_as_current_span("charge", attributes={"order.id": order}):
        try:
            dict[str, int]()["coverage"]
        except KeyError as cause:
            raise PaymentError("no coverage", order) from cause


def nested_and_logged() -> None:
    """One exception on three spans and in a log, which all name it differently."""
    with tracer.start_as_current_span("POST /orders", kind=trace.SpanKind.SERVER):
        try:
            with tracer.start_as_current_span("checkout"), tracer.start_as_current_span("pay"):
                charge(7)
        except PaymentError:
            log.exception("order %d was not paid", 7)


def first() -> None:
    raise ValueError("twice")


def second() -> None:
    raise ValueError("twice")


def two_in_one_trace() -> None:
    """The same type and message from two places: two errors."""
    with tracer.start_as_current_span("two") as span:
        for call in (first, second):
            try:
                call()
            except ValueError as problem:
                span.record_exception(problem)


def part_ways() -> None:
    raise ExceptionGroup("many", [ValueError("first"), KeyError("second")])


def group() -> None:
    """A log has the group's first argument for the message, without the number of its members."""
    with tracer.start_as_current_span("group"):
        try:
            part_ways()
        except ExceptionGroup:
            log.exception("some failed")
            raise


def ping(depth: int) -> None:
    pong(depth + 1)


def pong(depth: int) -> None:
    ping(depth + 1)


def recursion() -> None:
    with tracer.start_as_current_span("recursion"):
        ping(0)


def missing_file() -> None:
    """A log has the first argument for the message, which is 2."""
    with tracer.start_as_current_span("file"):
        try:
            open("/nowhere/at/all").close()  # noqa: PTH123 - it is about what it raises
        except OSError:
            log.exception("no file")
            raise


def outside() -> None:
    raise RuntimeError("outside of any span")


for scene in (nested_and_logged, two_in_one_trace, group, recursion, missing_file):
    with contextlib.suppress(Exception):  # the spans have recorded it
        scene()
try:
    outside()
except RuntimeError:
    log.critical("the worker ends", exc_info=True)
log.error("stock of %s is %d", "apples", -1)
log.warning("handled", exc_info=ValueError("let go"))
log.info("all is well")
spans.shutdown()
records.shutdown()
