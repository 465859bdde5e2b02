"""How fast export requests become reports, beside the parser that it cannot be faster than.

    python -m benchmarks.otlp

A batch of 20 records as an exporter sends it: with 12 attributes each, an exception on all of them
or on one of them, a stack of 15 calls. One core; no HTTP, no scrubbing, no signature.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue

from mendwire.gateway.otlp import protobuf
from mendwire.gateway.otlp.mapping import map_logs, map_spans
from mendwire.gateway.otlp.merging import merge

RECORDS = 20
ATTRIBUTES = 12
SECONDS = 1.0
STACK = "Traceback (most recent call last):\n" + "".join(
    f'  File "/app/shop/module_{number}.py", line {number + 10}, in function_{number}\n'
    f"    return function_{number + 1}(order, customer)\n"
    for number in range(15)
)


def fill(attributes: object, pairs: Iterable[tuple[str, str]]) -> None:
    for key, text in pairs:
        pair: KeyValue = attributes.add()  # type: ignore[attr-defined]  # protobuf has no stubs
        pair.key = key
        pair.value.string_value = text


def usual(number: int) -> list[tuple[str, str]]:
    return [(f"attribute.number_{one}", f"value {one} of {number}") for one in range(ATTRIBUTES)]


def raised(number: int) -> list[tuple[str, str]]:
    return [
        ("exception.type", "shop.PaymentError"),
        ("exception.message", f"order {number}"),
        ("exception.stacktrace", f"{STACK}shop.PaymentError: order {number}\n"),
    ]


def spans(with_exception: int) -> bytes:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    fill(group.resource.attributes, [("service.name", "shop"), ("service.version", "1")])
    scope = group.scope_spans.add()
    for number in range(RECORDS):
        span = scope.spans.add()
        span.trace_id, span.span_id = number.to_bytes(15) + b"t", number.to_bytes(7) + b"s"
        span.name = "GET /orders"
        fill(span.attributes, usual(number))
        if number < with_exception:
            event = span.events.add()
            event.name = "exception"
            fill(event.attributes, raised(number))
    return bytes(request.SerializeToString())


def logs() -> bytes:
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    fill(group.resource.attributes, [("service.name", "shop"), ("service.version", "1")])
    scope = group.scope_logs.add()
    for number in range(RECORDS):
        record = scope.log_records.add()
        record.trace_id, record.severity_number = number.to_bytes(15) + b"t", 17
        record.body.string_value = f"order {number} failed"
        fill(record.attributes, usual(number) + raised(number))
    return bytes(request.SerializeToString())


def rate(work: Callable[[], object], seconds: float) -> float:
    """Records a second, the best of five tries."""
    best = 0.0
    for _ in range(5):
        rounds, began = 0, time.perf_counter()
        while not rounds or time.perf_counter() - began < seconds / 5:
            work()
            rounds += 1
        best = max(best, rounds * RECORDS / (time.perf_counter() - began))
    return best


def traces_of(body: bytes) -> object:
    return merge(map_spans(protobuf.decode_traces(body).records))


def logs_of(body: bytes) -> object:
    return merge(map_logs(protobuf.decode_logs(body).records))


def main() -> None:
    parser = argparse.ArgumentParser(description="Export requests decoded and mapped per second.")
    parser.add_argument("--quick", action="store_true", help="see that it works, measure nothing")
    seconds = 0.0 if parser.parse_args().quick else SECONDS
    print(f"{'batch of 20':34}{'bytes':>8}{'ours/s':>11}{'parser alone/s':>16}")
    for name, body, parse, ours in (
        ("spans, each with an exception", spans(RECORDS), ExportTraceServiceRequest, traces_of),
        ("spans, one with an exception", spans(1), ExportTraceServiceRequest, traces_of),
        ("records, each with an exception", logs(), ExportLogsServiceRequest, logs_of),
    ):
        floor = rate(lambda body=body, parse=parse: parse.FromString(body), seconds)  # type: ignore[misc]  # bound
        mine = rate(lambda body=body, ours=ours: ours(body), seconds)  # type: ignore[misc]  # bound
        print(f"{name:34}{len(body):8}{mine:11,.0f}{floor:16,.0f}")


if __name__ == "__main__":
    main()
