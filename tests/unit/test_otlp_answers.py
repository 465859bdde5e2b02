"""Answers in the sender's encoding; what may be kept later is never called a partial success."""

from __future__ import annotations

import json

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from mendwire.errors import Refused, Undecodable
from mendwire.gateway.haul import Result
from mendwire.gateway.otlp.answers import JSON, PROTOBUF, accepted, encoding_of, refused
from mendwire.gateway.otlp.reading import ExportHaul
from mendwire.gateway.otlp.records import Signal
from mendwire.gateway.otlp.routes import ExportFace


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("application/x-protobuf", PROTOBUF),
        ("application/protobuf", PROTOBUF),
        ("Application/JSON; charset=utf-8", JSON),
        ("text/plain", ""),
        ("", ""),
    ],
)
def test_encodings(content_type: str, encoding: str) -> None:
    assert encoding_of(content_type) == encoding


@pytest.mark.parametrize("signal", Signal)
def test_a_full_success_says_nothing(signal: Signal) -> None:
    assert accepted(signal, PROTOBUF) == b""
    assert accepted(signal, JSON) == b"{}"


@pytest.mark.parametrize("size", [0, 1, 127, 128, 300, 20_000])
def test_a_status_of_any_length(size: int) -> None:
    sentence = "x" * size
    assert json.loads(refused(JSON, sentence)) == {"message": sentence}
    # The error message of a partial success is field 2 too, so its message reads a Status.
    body = refused(PROTOBUF, sentence)
    partial = ExportTraceServiceResponse().partial_success
    partial.ParseFromString(body)
    assert partial.error_message == sentence


def test_what_was_refused_for_good_is_counted_with_what_was_cut() -> None:
    haul = ExportHaul(rejected=2, reason="A record cannot be decoded.")
    results = [Result(), Result(problem=Undecodable("No report."))]
    answer = ExportFace(Signal.TRACES, JSON).accepted(haul, results)
    assert json.loads(answer.body)["partialSuccess"] == {
        "rejectedSpans": "3",
        "errorMessage": "A record cannot be decoded.",
    }


def test_what_may_be_stored_later_asks_for_another_try() -> None:
    full = Refused("The spool is full.", status=503, reason="spool_full", retry_after_s=30)
    with pytest.raises(Refused) as caught:
        ExportFace(Signal.LOGS, PROTOBUF).accepted(ExportHaul(), [Result(), Result(problem=full)])
    assert caught.value is full
