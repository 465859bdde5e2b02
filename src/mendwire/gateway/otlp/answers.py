"""What a sender hears, in the encoding it spoke: an export's response, or a Status."""

from __future__ import annotations

import json
from typing import Final

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from mendwire.gateway.otlp.records import Signal

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"
_TEXT_FIELD: Final = 0x12
"""Tag of ``google.rpc.Status.message``: field 2, length-delimited."""
_MORE: Final = 0x80


def encoding_of(content_type: str) -> str:
    """PROTOBUF or JSON; empty for anything else."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/protobuf":
        return PROTOBUF
    return kind if kind in {PROTOBUF, JSON} else ""


def accepted(signal: Signal, encoding: str, *, rejected: int = 0, reason: str = "") -> bytes:
    """The answer to a request that was taken, but for ``rejected`` of its records."""
    if encoding == JSON:
        return _accepted_json(signal, rejected, reason)
    if signal is Signal.METRICS or not (rejected or reason):
        return b""
    if signal is Signal.LOGS:
        logs = ExportLogsServiceResponse()
        logs.partial_success.rejected_log_records = rejected
        logs.partial_success.error_message = reason
        return bytes(logs.SerializeToString())
    traces = ExportTraceServiceResponse()
    traces.partial_success.rejected_spans = rejected
    traces.partial_success.error_message = reason
    return bytes(traces.SerializeToString())


def _accepted_json(signal: Signal, rejected: int, reason: str) -> bytes:
    if signal is Signal.METRICS or not (rejected or reason):
        return b"{}"
    name = "rejectedLogRecords" if signal is Signal.LOGS else "rejectedSpans"
    return json.dumps({"partialSuccess": {name: str(rejected), "errorMessage": reason}}).encode()


def refused(encoding: str, sentence: str) -> bytes:
    """A ``google.rpc.Status`` with a message alone; its code is left out, as it may be."""
    if encoding == JSON:
        return json.dumps({"message": sentence}).encode()
    data = sentence.encode("utf-8", "replace")
    size, length = len(data), bytearray()
    while size >= _MORE:
        length.append(size & 0x7F | _MORE)
        size >>= 7
    return bytes([_TEXT_FIELD, *length, size]) + data
