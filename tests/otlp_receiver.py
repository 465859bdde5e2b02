"""Where spans arrive in tests: a real HTTP server that reads OTLP by its own messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Span:
    """One span as a backend sees it."""

    name: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    role: str
    """Which process of ours sent it; empty for a program that is none of ours."""
    links: tuple[tuple[str, str], ...]
    """Trace and span."""
    failed: bool
    began_ns: int
    ended_ns: int


@dataclass(kw_only=True)
class Receiver:
    """What came so far; ``status`` is what it answers."""

    port: int = 0
    status: int = 200
    elsewhere: str = ""
    """Where a redirect leads."""
    spans: list[Span] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    raw: bytes = b""
    _came: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def named(self, name: str, **attributes: object) -> list[Span]:
        """Those of that name, whose attributes are so."""
        wanted = {f"mendwire.{key}": value for key, value in attributes.items()}
        found = (one for one in self.spans if one.name == name)
        return [one for one in found if wanted.items() <= one.attributes.items()]

    def one(self, name: str, **attributes: object) -> Span:
        """The only one of that name; waits for it."""
        self.until(lambda: bool(self.named(name, **attributes)))
        (found,) = self.named(name, **attributes)
        return found

    def above(self, span: Span) -> list[str]:
        """Names of the spans that it is a part of, the nearest first, as far as they came."""
        by_id = {one.id: one for one in self.spans}
        names = []
        while span.parent in by_id:
            span = by_id[span.parent]
            names.append(span.name)
        return names

    def until(self, holds: Callable[[], bool]) -> None:
        with self._came:
            assert self._came.wait_for(holds, PATIENCE_S), [one.name for one in self.spans]

    def take(self, body: bytes, headers: dict[str, str]) -> None:
        request = ExportTraceServiceRequest.FromString(body)
        with self._came:
            self.headers.append(headers)
            if self.status != 200:
                return
            self.raw += body
            for group in request.resource_spans:
                role = _attributes(group.resource).get("mendwire.role", "")
                found = (span for scope in group.scope_spans for span in scope.spans)
                self.spans.extend(_span(span, role) for span in found)
            self._came.notify_all()


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A backend while the block runs."""
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            made.take(body, {name.lower(): text for name, text in self.headers.items()})
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(made.status)
            self.send_header("Content-Type", "application/x-protobuf")
            if made.elsewhere:
                self.send_header("Location", made.elsewhere)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _span(span: Any, role: str) -> Span:
    return Span(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_attributes(span),
        role=role,
        links=tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
        failed=span.status.code == 2,
        began_ns=span.start_time_unix_nano,
        ended_ns=span.end_time_unix_nano,
    )


def _attributes(holder: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for pair in holder.attributes:
        kind = pair.value.WhichOneof("value")
        value: Any = getattr(pair.value, kind) if kind else None
        if kind == "array_value":
            value = tuple(item.string_value for item in value.values)
        found[pair.key] = value
    return found
