"""The shop with its real checkout, a span around it, and an SDK that reports what breaks there.

traced_shop.py opentelemetry    reports by mendwire.capture, traces with OpenTelemetry's SDK
traced_shop.py sentry           reports by sentry-sdk, which has a trace of its own
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from shop import pricing  # type: ignore[import-not-found] # the repository that it is run in


def checkout(report: Callable[[], object]) -> None:
    try:
        pricing.total(900, "SUMMER")
    except KeyError:
        report()


def with_opentelemetry() -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    import mendwire

    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    mendwire.init(service="shop", environment="production")
    with trace.get_tracer("shop").start_as_current_span("POST /checkout") as span:
        checkout(mendwire.capture)
        sys.stdout.write(f"{span.get_span_context().trace_id:032x}\n")
    assert mendwire.flush(30)
    provider.shutdown()


def with_sentry() -> None:
    import sentry_sdk

    sentry_sdk.init(release="shop@1", environment="production")
    checkout(sentry_sdk.capture_exception)
    traceparent = sentry_sdk.get_traceparent()
    assert traceparent is not None
    sys.stdout.write(traceparent.split("-")[0] + "\n")
    sentry_sdk.flush(30)


if sys.argv[1] == "sentry":
    with_sentry()
else:
    with_opentelemetry()
