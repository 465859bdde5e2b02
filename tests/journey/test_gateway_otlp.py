"""What an exporter hears from a real gateway, answer by answer."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from google.protobuf.message import (  # type: ignore[import-untyped]  # has no stubs of its own
    Message,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from mendwire.gateway.otlp.records import MAX_RECORD
from tests.gateway_stage import GatewayStage
from tests.otlp_gateway import drain, otlp_stage
from tests.otlp_requests import (
    Object,
    as_json,
    as_protobuf,
    exception,
    log,
    logs,
    pairs,
    span,
    traces,
)

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
STACK = 'Traceback (most recent call last):\n  File "/app/a.py", line {}, in f\n    x()\n{}: {}\n'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    async with otlp_stage(tmp_path_factory.mktemp("gateway"), "shop", small="small") as made:
        yield made


@pytest.fixture
def client(stage: GatewayStage) -> Iterator[httpx.Client]:
    headers = {"X-Mendwire-Key": stage.key("shop").key}
    with httpx.Client(base_url=stage.url, headers=headers) as open_client:
        yield open_client


def post(client: httpx.Client, path: str, body: bytes, kind: str, **headers: str) -> httpx.Response:
    return client.post(path, content=body, headers={"Content-Type": kind, **headers})


def status_in(response: httpx.Response) -> str:
    """The sentence of a ``google.rpc.Status``, read as any receiver would."""
    if response.headers["content-type"] == JSON:
        return str(response.json()["message"])
    body = response.content
    assert body[0] == 0x12
    at = 2 if body[1] < 128 else 3
    return body[at:].decode()


def told_twice(client: httpx.Client) -> int:
    """How many exceptions the gateway has heard of again."""
    return int(client.get("/v1/statistics").json()["ignored"]["same_exception"])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("prefix", ["", "/otlp"])
@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_both_signals_in_both_encodings(
    stage: GatewayStage, client: httpx.Client, kind: str, prefix: str
) -> None:
    encoded = as_json if kind == JSON else as_protobuf
    name = f"E{kind[-4:]}{prefix[1:]}"
    for signal, request in (
        ("logs", logs(log("said", exception(f"{name}Log", "m")))),
        ("traces", traces(span(exception(f"{name}Span", "m")))),
    ):
        response = post(client, f"{prefix}/v1/{signal}", encoded(request), kind)
        assert response.status_code == 200
        assert response.headers["content-type"] == kind
        assert response.content == (b"{}" if kind == JSON else b"")
    found = [report["type"] for report in await drain(stage)]
    assert found == [f"{name}Log", f"{name}Span"]


@pytest.mark.asyncio(loop_scope="module")
async def test_one_exception_by_both_ways_is_one_report(
    stage: GatewayStage, client: httpx.Client
) -> None:
    stack = STACK.format(7, "shop.PaymentError", "m")
    ways = [
        ("traces", traces(span(exception("__main__.PaymentError", "m", stack)))),
        ("logs", logs(log("said", exception("PaymentError", "m", stack)))),
        ("traces", traces(span(exception("shop.PaymentError", "m", stack)))),
    ]
    for signal, request in ways:
        assert post(client, f"/v1/{signal}", as_protobuf(request), PROTOBUF).status_code == 200
    other = traces(span(exception("PaymentError", "m", STACK.format(9, "PaymentError", "m"))))
    post(client, "/v1/traces", as_json(other), JSON)
    assert len(await drain(stage)) == 2
    assert told_twice(client) == 2


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
def test_what_is_cut_is_told(client: httpx.Client, kind: str) -> None:
    request = logs(log("x" * (MAX_RECORD + 1)), log("small"))
    body = as_json(request) if kind == JSON else as_protobuf(request)
    response = post(client, "/v1/logs", body, kind, **{"Content-Encoding": "identity"})
    assert response.status_code == 200
    if kind == JSON:
        told = response.json()["partialSuccess"]
        assert told["rejectedLogRecords"] == "1"
        assert "larger" in told["errorMessage"]
    else:
        partial = ExportLogsServiceResponse.FromString(response.content).partial_success
        assert partial.rejected_log_records == 1
        assert "larger" in partial.error_message
    request = traces(span(*[exception("E", "m")] * 129))
    answer = post(client, "/v1/traces", as_protobuf(request), PROTOBUF)
    found: Message = ExportTraceServiceResponse.FromString(answer.content)
    assert found.partial_success.rejected_spans == 1


def test_gzip_and_its_bombs(client: httpx.Client) -> None:
    body = gzip.compress(as_protobuf(logs(log("packed"))))
    assert post(client, "/v1/logs", body, PROTOBUF, **{"Content-Encoding": "gzip"}).is_success
    bomb = gzip.compress(b"\x0a" * (64 * 1024 * 1024))
    response = post(client, "/v1/logs", bomb, PROTOBUF, **{"Content-Encoding": "gzip"})
    assert response.status_code == 413
    assert "more than" in status_in(response)
    assert response.headers["content-type"] == PROTOBUF


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
@pytest.mark.parametrize("signal", ["logs", "traces"])
def test_what_cannot_be_decoded_is_a_status(client: httpx.Client, kind: str, signal: str) -> None:
    for body in (b"\xff\xff\xff", b"{", b"[]" if kind == JSON else b"\x0a\x7f", b"\x00"):
        response = post(client, f"/v1/{signal}", body, kind)
        assert response.status_code == 400
        assert response.headers["content-type"] == kind
        assert status_in(response).startswith("The body is no")


def test_an_empty_request_is_a_success(client: httpx.Client) -> None:
    assert post(client, "/v1/logs", b"", PROTOBUF).status_code == 200
    assert post(client, "/v1/traces", b"{}", JSON).status_code == 200


def test_keys_and_types_that_are_not_taken(stage: GatewayStage, client: httpx.Client) -> None:
    response = post(client, "/v1/logs", b"", "text/plain")
    assert response.status_code == 415
    assert PROTOBUF in status_in(response)
    assert client.get("/v1/logs", headers={"Content-Type": JSON}).status_code == 405
    with httpx.Client(base_url=stage.url) as stranger:
        for headers in ({}, {"X-Mendwire-Key": "0" * 32}):
            response = post(stranger, "/v1/traces", b"", PROTOBUF, **headers)
            assert response.status_code == 401
            assert "key" in status_in(response)


def test_metrics_are_accepted_and_let_go(client: httpx.Client) -> None:
    assert post(client, "/v1/metrics", b"anything", PROTOBUF).content == b""
    response = post(client, "/otlp/v1/metrics", b"anything", JSON)
    assert (response.status_code, response.content) == (200, b"{}")


def test_a_quota_is_a_429_with_a_time(stage: GatewayStage, client: httpx.Client) -> None:
    small = stage.key("small").key
    request = as_protobuf(logs(*(log(f"error {letter}") for letter in "abc")))
    response = post(client, "/v1/logs", request, PROTOBUF, **{"X-Mendwire-Key": small})
    partial = ExportLogsServiceResponse.FromString(response.content).partial_success
    assert (response.status_code, partial.rejected_log_records) == (200, 1)
    response = post(client, "/v1/logs", request, PROTOBUF, **{"X-Mendwire-Key": small})
    assert response.status_code == 429
    assert int(response.headers["retry-after"]) > 0
    assert "events" in status_in(response)


@pytest.mark.asyncio(loop_scope="module")
async def test_secrets_in_attributes_do_not_reach_the_stream(
    stage: GatewayStage, client: httpx.Client
) -> None:
    await drain(stage)
    hidden: Object = {"http.request.header.authorization": "Bearer " + "bait" * 10}
    record = log("password=hunter2bait", hidden | exception("E", "for password=hunter2bait"))
    record["attributes"] += pairs({"db.password": "hunter2bait"})
    assert post(client, "/v1/logs", as_json(logs(record)), JSON).is_success
    (report,) = await drain(stage)
    assert "bait" not in json.dumps(report)


bodies = st.binary(max_size=200) | st.builds(
    lambda head, tail: head + tail,
    st.sampled_from(
        [
            as_protobuf(logs(log("x", {"a": [1]})))[:-3],
            as_json(logs(log("x")))[:-5],
            b'{"resourceSpans":[{"scopeSpans":[{"spans":[',
            b"\x0a\x04\x12\x02\x12\x00",
        ]
    ),
    st.binary(max_size=60),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    body=bodies,
    signal=st.sampled_from(["logs", "traces", "metrics"]),
    kind=st.sampled_from([PROTOBUF, JSON, "text/plain", ""]),
    encoding=st.sampled_from(["", "gzip", "br", "zstd", "deflate"]),
)
def test_no_bytes_whatsoever_are_our_failure(
    client: httpx.Client, body: bytes, signal: str, kind: str, encoding: str
) -> None:
    headers = {"Content-Encoding": encoding} if encoding else {}
    assert post(client, f"/v1/{signal}", body, kind, **headers).status_code in {200, 400, 413, 415}
