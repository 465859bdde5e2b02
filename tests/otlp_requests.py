"""OTLP requests for tests: written once, as the JSON mapping has them, sent in both encodings."""

from __future__ import annotations

import base64
import json
from typing import Any

from google.protobuf import json_format  # type: ignore[import-untyped]  # has no stubs of its own
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

Object = dict[str, Any]
TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = "eee19b7ec3c1b174"
TIME = 1_764_080_000_123_456_789


def value(plain: object) -> Object:
    """A plain value as an ``AnyValue``."""
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, dict):
        return {"kvlistValue": {"values": pairs(plain)}}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value(item) for item in plain]}}
    return {} if plain is None else {"stringValue": str(plain)}


def pairs(plain: Object) -> list[Object]:
    return [{"key": key, "value": value(item)} for key, item in plain.items()]


def exception(kind: str, message: str, stack: str = "", **more: object) -> Object:
    """The attributes of an exception."""
    given = {"type": kind, "message": message, "stacktrace": stack}
    return {f"exception.{key}": text for key, text in given.items() if text} | more


def span(
    *events: Object, trace_id: str = TRACE, attributes: Object | None = None, **more: object
) -> Object:
    """A span on which exceptions with these attributes were recorded."""
    return {
        "traceId": trace_id,
        "spanId": SPAN,
        "name": "GET /pay",
        "kind": 2,
        "attributes": pairs(attributes or {}),
        "events": [
            {"name": "exception", "timeUnixNano": str(TIME), "attributes": pairs(event)}
            for event in events
        ],
        **more,
    }


def log(body: object, attributes: Object | None = None, **more: object) -> Object:
    """A log record of severity ERROR."""
    return {
        "timeUnixNano": str(TIME),
        "severityNumber": 17,
        "body": value(body),
        "attributes": pairs(attributes or {}),
        "traceId": TRACE,
        "spanId": SPAN,
        **more,
    }


def traces(*spans: Object, resource: Object | None = None, scope: str = "shop.http") -> Object:
    inner = [{"scope": {"name": scope}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": _resource(resource), "scopeSpans": inner}]}


def logs(*records: Object, resource: Object | None = None, scope: str = "shop.pay") -> Object:
    inner = [{"scope": {"name": scope}, "logRecords": list(records)}]
    return {"resourceLogs": [{"resource": _resource(resource), "scopeLogs": inner}]}


def as_json(request: Object) -> bytes:
    return json.dumps(request).encode()


def as_protobuf(request: Object) -> bytes:
    """Protobuf's own JSON mapping has ids in base64, where OTLP's has them in hex."""
    kind = ExportTraceServiceRequest if "resourceSpans" in request else ExportLogsServiceRequest
    return bytes(json_format.ParseDict(_with_base64(request), kind()).SerializeToString())


def _with_base64(part: Any) -> Any:
    if isinstance(part, list):
        return [_with_base64(item) for item in part]
    if isinstance(part, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode()
            if key in {"traceId", "spanId"}
            else _with_base64(item)
            for key, item in part.items()
        }
    return part


def _resource(given: Object | None) -> Object:
    default = {"service.name": "shop", "telemetry.sdk.language": "python"}
    return {"attributes": pairs(default if given is None else given)}
