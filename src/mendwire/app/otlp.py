"""Spans by OpenTelemetry's own exporter, beside the work: nothing ever waits for one.

They lie in a bounded queue of the SDK's, whose thread sends them. What a backend that is away does
not take is counted, told, and given up.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from mendwire import __version__
from mendwire.app.trace_backend import shown
from mendwire.model.printable import printable
from mendwire.ops.spans import Scribe, Span
from mendwire.settings.environment import Environment
from mendwire.telemetry import Here, emit, here, subscribed
from mendwire.wire.ending import ended

TELL_S: Final = 10.0
CLOSING_S: Final = 3.0
"""So long at most the end of the process waits for a backend that does not answer."""
_QUEUE: Final = 4_096
_BATCH: Final = 256
_EVERY_MS: Final = 1_000
_TIMEOUT_S: Final = 5.0
_REDIRECT: Final = 3
"""The first digit of its status."""
_KINDS: Final = {
    "internal": SpanKind.INTERNAL,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_SCOPE: Final = InstrumentationScope("mendwire", __version__)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)


class Sender:
    """Hears events, makes spans of them, and has them sent."""

    def __init__(
        self, url: str, headers: Mapping[str, str], role: str, environment: Environment
    ) -> None:
        self.url = shown(url)
        """As people may read it."""
        self._scribe = Scribe()
        resource = Resource.create(_described(role, environment))
        provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._resource, self._sampler = provider.resource, provider.sampler
        self._exporter = _Counting(
            OTLPSpanExporter(url, headers=dict(headers), timeout=_TIMEOUT_S, session=_Staying())
        )
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=_QUEUE,
            schedule_delay_millis=_EVERY_MS,
            max_export_batch_size=_BATCH,
        )
        self._given = 0
        self._refused = 0
        self._told = 0

    def hear(self, event: str, fields: dict[str, object]) -> None:
        """A subscriber of ``telemetry``."""
        try:
            self._take(event, fields)
        except Exception as bug:  # noqa: BLE001 - an error's work is worth more than its span
            self._refused += 1
            self._exporter.why = f"a span of {event} could not be made: {type(bug).__name__}"

    def _take(self, event: str, fields: dict[str, object]) -> None:
        span = self._scribe.span(event, fields, here(), time.time_ns())
        if span is None or not self._is_sampled(span):
            return
        if self._given - self._exporter.settled >= _QUEUE:
            self._refused += 1
            return
        self._given += 1
        self._processor.on_end(self._readable(span))

    def tell(self, *, is_last: bool = False) -> None:
        """Say how many spans were given up since the last time, if any were."""
        unsent = self._given - self._exporter.settled if is_last else 0
        lost = self._exporter.failed + self._refused + unsent
        if lost > self._told:
            reason = self._exporter.why or f"{self.url} did not take them"
            emit("traces.lost", count=lost - self._told, reason=reason)
            self._told = lost

    async def close(self) -> None:
        """Send what waits, as long as is allowed; the rest is given up."""
        loop, done = asyncio.get_running_loop(), asyncio.Event()

        def shut() -> None:
            self._processor.shutdown()  # type: ignore[no-untyped-call] # the SDK forgot to say None
            with suppress(RuntimeError):  # the loop is gone: nobody waited so long
                loop.call_soon_threadsafe(done.set)

        # No pool's thread: the process would wait for it at its end.
        threading.Thread(target=shut, name="traces", daemon=True).start()
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), CLOSING_S)

    def _is_sampled(self, span: Span) -> bool:
        """As OTEL_TRACES_SAMPLER says, by the trace, so that it is kept or left as a whole."""
        trace = int(span.place.trace_id, 16)
        sampled = self._sampler.should_sample(None, trace, span.name)
        return sampled.decision is not Decision.DROP

    def _readable(self, span: Span) -> ReadableSpan:
        place, link = span.place, span.link
        parent = Here(trace_id=place.trace_id, span_id=place.parent_id)
        return ReadableSpan(
            name=span.name,
            context=_context(place),
            parent=_context(parent) if place.parent_id else None,
            resource=self._resource,
            attributes=span.attributes,
            links=(Link(_context(link)),) if link is not None else (),
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
            start_time=span.began_ns,
            end_time=span.ended_ns,
            instrumentation_scope=_SCOPE,
        )


class _Staying(requests.Session):
    """Headers may hold a token: they go nowhere else.

    Old exporters follow redirects, new ones take one for an answer that all went well.
    """

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:  # noqa: ANN401 - what requests passes on
        answer = super().send(request, **{**how, "allow_redirects": False})
        if answer.status_code // 100 == _REDIRECT:
            answer.close()
            raise requests.TooManyRedirects("the endpoint sends spans elsewhere")
        return answer


class _Counting(SpanExporter):
    """What became of spans; called by the SDK's thread alone."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self.settled = 0
        """Spans that were sent or given up."""
        self.failed = 0
        self.why = ""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            self.settled += len(spans)
            if result is not SpanExportResult.SUCCESS:
                self.failed += len(spans)
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


@asynccontextmanager
async def sending(sender: Sender) -> AsyncIterator[None]:
    """Send while the block runs."""
    _silence()
    with subscribed(sender.hear):
        emit("traces.started", url=sender.url)
        telling = asyncio.create_task(_tell_forever(sender), name="traces")
        try:
            yield
        finally:
            await ended(telling)
            await sender.close()
            sender.tell(is_last=True)


async def _tell_forever(sender: Sender) -> None:
    while True:
        await asyncio.sleep(TELL_S)
        sender.tell()


def _silence() -> None:
    """The SDK logs each failure, its thread also after the end; here they are counted and told."""
    log = logging.getLogger("opentelemetry")
    log.propagate = False
    if not log.handlers:
        log.addHandler(logging.NullHandler())


def _described(role: str, environment: Environment) -> dict[str, str]:
    """This process; what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say stands above it."""
    found = environment.variables
    given = found.get("OTEL_RESOURCE_ATTRIBUTES", "")
    name = found.get("OTEL_SERVICE_NAME", "").strip()
    named = {"service.name": name or "mendwire"} if name or "service.name=" not in given else {}
    return {
        **named,
        "service.version": __version__,
        "mendwire.role": role,
        "mendwire.namespace": printable(environment.namespace or "default", 40),
    }


def _context(place: Here) -> SpanContext:
    return SpanContext(
        trace_id=int(place.trace_id, 16),
        span_id=int(place.span_id, 16),
        is_remote=False,
        trace_flags=_SAMPLED,
    )
