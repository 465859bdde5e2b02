"""Spans on their way to a backend: by which settings, and what happens while it is away."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from mendwire.app import otlp
from mendwire.app.otlp import Sender, sending
from mendwire.app.trace_backend import endpoint_of, headers_of, shown
from mendwire.app.trace_checks import traces_taken
from mendwire.app.tracing import traced
from mendwire.errors import ConfigError
from mendwire.ops.findings import Level
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment, read_environment
from mendwire.settings.watching import Traces
from mendwire.telemetry import Here, emit, subscribed, within
from tests.otlp_receiver import Receiver, receiver

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PLACE = Here(trace_id=TRACE, span_id="00f067aa0ba902b7", began_ns=1)


@pytest.fixture
def backend() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


def surroundings(tmp_path: Path, **variables: str) -> Environment:
    return read_environment({"HOME": str(tmp_path), **variables}, tmp_path)


def config(endpoint: str = "") -> Config:
    return Config(traces=Traces(endpoint=endpoint))


def parked(case: str = "1-e1") -> None:
    emit("case.parked", case=case, reason="person", until=0)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


BASE = "OTEL_EXPORTER_OTLP_ENDPOINT"
WHOLE = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


@pytest.mark.parametrize(
    ("endpoint", "variables", "url"),
    [
        ("", {}, ""),
        ("http://one:4318", {}, "http://one:4318/v1/traces"),
        ("http://one:4318/", {}, "http://one:4318/v1/traces"),
        ("", {BASE: "http://two:4318"}, "http://two:4318/v1/traces"),
        ("http://one:4318", {BASE: "http://two:4318"}, "http://one:4318/v1/traces"),
        ("http://one:4318", {WHOLE: "http://three/x"}, "http://three/x"),
        ("http://one:4318", {"OTEL_SDK_DISABLED": "true"}, ""),
        ("http://one:4318", {"OTEL_TRACES_EXPORTER": "none"}, ""),
        ("http://one:4318", {"OTEL_TRACES_EXPORTER": "otlp"}, "http://one:4318/v1/traces"),
    ],
)
def test_where_spans_go(tmp_path: Path, endpoint: str, variables: dict[str, str], url: str) -> None:
    assert endpoint_of(config(endpoint), surroundings(tmp_path, **variables)) == url


def test_headers_are_read_as_the_standard_says(tmp_path: Path) -> None:
    found = surroundings(tmp_path, OTEL_EXPORTER_OTLP_HEADERS="X-Token=a%20b, other = c=d,")
    assert headers_of(found) == {"x-token": "a b", "other": "c=d"}
    assert headers_of(surroundings(tmp_path)) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "localhost:4317"},
        {"endpoint": "grpc://localhost:4317"},
        {"endpoint": "http://name:bait@localhost:4318"},
        {"url": "https://tempo.example.org/"},
        {"url": "javascript:alert('{trace_id}')"},
    ],
)
def test_addresses_are_checked(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="address"):
        Traces(**wrong)


def test_a_link_is_made_of_a_trace() -> None:
    traces = Traces(url="https://tempo.example.org/trace/{trace_id}?x=1")
    assert traces.link(TRACE) == f"https://tempo.example.org/trace/{TRACE}?x=1"
    assert Traces().link(TRACE) == ""


async def test_spans_arrive_with_who_sent_them(tmp_path: Path, backend: Receiver) -> None:
    found = surroundings(tmp_path, OTEL_EXPORTER_OTLP_HEADERS="x-token=bait", NATS_NAMESPACE="shop")
    async with traced(config(backend.url), found, "worker"):
        with within(PLACE):
            parked()
        parked("no trace")
    (span,) = backend.spans
    assert (span.name, span.trace, span.parent) == ("mendwire.case.parked", TRACE, PLACE.span_id)
    assert span.role == "worker"
    assert backend.headers[0]["x-token"] == "bait"
    assert b"service.name" in backend.raw


async def test_a_sampler_keeps_or_leaves_a_trace_as_a_whole(
    tmp_path: Path, backend: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    async with traced(config(backend.url), surroundings(tmp_path), "worker"):
        for _ in range(40):
            trace = os.urandom(16).hex()
            for _ in range(2):
                with within(Here(trace_id=trace, span_id="00f067aa0ba902b7")):
                    parked()
    by_trace = [span.trace for span in backend.spans]
    assert all(by_trace.count(trace) == 2 for trace in by_trace)
    assert 0 < len(by_trace) < 80


async def test_a_backend_that_is_away_costs_nothing_but_its_spans(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(otlp, "CLOSING_S", 0.2)
    monkeypatch.setattr(otlp, "_TIMEOUT_S", 1)
    monkeypatch.setattr(otlp, "_QUEUE", 50)
    monkeypatch.setattr(otlp, "_BATCH", 10)
    told: list[dict[str, Any]] = []

    def hear(event: str, fields: dict[str, object]) -> None:
        if event == "traces.lost":
            told.append(fields)

    url = f"http://127.0.0.1:{free_port()}"
    with subscribed(hear):
        async with traced(config(url), surroundings(tmp_path), "worker"):
            began = time.monotonic()
            with within(PLACE):
                for _ in range(200):
                    parked()
            worked = time.monotonic() - began
    assert sum(one["count"] for one in told) == 200
    assert "127.0.0.1" in told[-1]["reason"]
    assert worked < 60, "nothing waited for an answer"
    # What was given up goes on for a while beside us, and its pauses draw from ``random``, which
    # the tests that come after this one in the same process must have for themselves.
    left = [one for one in threading.enumerate() if one.name.startswith(("traces", "Otel"))]
    for thread in left:
        await asyncio.to_thread(thread.join, 60)
    assert not any(thread.is_alive() for thread in left)


async def test_a_backend_that_refuses_is_told_of(tmp_path: Path, backend: Receiver) -> None:
    backend.status = 400
    told: list[dict[str, Any]] = []
    sender = Sender(f"{backend.url}/v1/traces", {}, "worker", surroundings(tmp_path))
    with subscribed(lambda event, fields: told.append({"event": event, **fields})):
        async with sending(sender):
            with within(PLACE):
                parked()
    (lost,) = [one for one in told if one["event"] == "traces.lost"]
    assert lost["count"] == 1
    assert backend.headers


async def test_a_span_that_cannot_be_made_stops_nothing(tmp_path: Path, backend: Receiver) -> None:
    told: list[dict[str, Any]] = []
    with subscribed(lambda event, fields: told.append({"event": event, **fields})):
        async with traced(config(backend.url), surroundings(tmp_path), "worker"):
            with within(PLACE):
                emit("case.joined", case="1-e1")
                parked()
    assert [span.name for span in backend.spans] == ["mendwire.case.parked"]
    (lost,) = [one for one in told if one["event"] == "traces.lost"]
    assert (lost["count"], "case.joined" in lost["reason"]) == (1, True)


async def test_nothing_is_sent_where_nobody_said(tmp_path: Path) -> None:
    told: list[str] = []
    with subscribed(lambda event, _: told.append(event)):
        async with traced(config(), surroundings(tmp_path), "worker"):
            with within(PLACE):
                parked()
    assert told == ["case.parked"]


async def test_a_missing_extra_stops_only_who_asked_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "mendwire.app.otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(ConfigError, match=r"mendwire\[traces\]"):
        async with traced(config("http://127.0.0.1:4318"), surroundings(tmp_path), "worker"):
            pass
    found = surroundings(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4318")
    told: list[str] = []
    with subscribed(lambda event, _: told.append(event)):
        async with traced(config(), found, "worker"):
            await asyncio.sleep(0)
    assert told == ["traces.lost"]


async def test_the_doctor_asks_the_endpoint(tmp_path: Path, backend: Receiver) -> None:
    found = surroundings(tmp_path, OTEL_EXPORTER_OTLP_HEADERS="x-token=bait")
    (well,) = await traces_taken(config(backend.url), found)
    assert (well.level, backend.headers[-1]["x-token"]) == (Level.OK, "bait")
    for status, said in ((401, "login"), (302, "302"), (500, "500")):
        backend.status = status
        (one,) = await traces_taken(config(backend.url), found)
        assert (one.level, said in one.what) == (Level.WARN, True), one.what
    (gone,) = await traces_taken(config(f"http://127.0.0.1:{free_port()}"), found)
    assert (gone.level, "does not answer" in gone.what) == (Level.WARN, True)
    (off,) = await traces_taken(config(), found)
    assert off.level is Level.SKIPPED
    odd = surroundings(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="file:///etc/passwd")
    (strange,) = await traces_taken(config(), odd)
    assert strange.level is Level.BAD


async def test_a_redirect_is_not_followed_and_loses_nothing_in_silence(
    tmp_path: Path, backend: Receiver
) -> None:
    told: list[dict[str, Any]] = []
    with (
        receiver() as stranger,
        subscribed(lambda event, fields: told.append({"": event, **fields})),
    ):
        backend.status, backend.elsewhere = 307, f"{stranger.url}/v1/traces"
        found = surroundings(tmp_path, OTEL_EXPORTER_OTLP_HEADERS="x-token=bait")
        async with traced(config(backend.url), found, "worker"):
            with within(PLACE):
                parked()
        with pytest.raises(requests.TooManyRedirects):
            otlp._Staying().post(f"{backend.url}/v1/traces", headers={"x-token": "bait"})
        assert backend.headers[-1]["x-token"] == "bait"
        assert not stranger.headers
    assert [one["count"] for one in told if one[""] == "traces.lost"] == [1]


@pytest.mark.parametrize(
    ("url", "as_shown"),
    [
        ("http://one:4318/v1/traces", "http://one:4318/v1/traces"),
        ("https://bait@one/x", "https://***@one/x"),
        ("https://name:bait@one:4318/x?key=bait#bait", "https://***@one:4318/x?***"),
        ("name:bait@one:4317", "name:***@one:4317"),
        ("//bait@one", "//***@one"),
        ("http://name:bait/x@one:4318", "an address that cannot be read (***)"),
        ("http://[bait", "an address that cannot be read (***)"),
    ],
)
def test_what_is_secret_in_an_address_is_not_shown(url: str, as_shown: str) -> None:
    assert shown(url) == as_shown


async def test_neither_the_log_nor_the_doctor_shows_a_login(
    tmp_path: Path, backend: Receiver
) -> None:
    def address(rest: str) -> Environment:
        return surroundings(tmp_path, **{WHOLE: f"http://us%40er:bait@127.0.0.1:{rest}?key=bait"})

    told: list[str] = []
    with subscribed(lambda _, fields: told.append(str(fields))):
        async with traced(config(), address(f"{backend.port}/x"), "worker"):
            with within(PLACE):
                parked()
        assert backend.spans
        sent = backend.headers[-1]["authorization"]
        (well,) = await traces_taken(config(), address(f"{backend.port}/x"))
        assert (well.level, backend.headers[-1]["authorization"]) == (Level.OK, sent)
        found = [well]
        for status in (401, 500):
            backend.status = status
            found += await traces_taken(config(), address(f"{backend.port}/x"))
        found += await traces_taken(config(), address(f"{free_port()}/x"))
        for odd in ("http://name:bait/x@one", "ftp://name:bait@one", "name:bait@one:4317"):
            found += await traces_taken(config(), surroundings(tmp_path, **{WHOLE: odd}))
        async with traced(config(), address(f"{free_port()}/x"), "worker"):
            with within(PLACE):
                parked()
    assert [one.level for one in found[-3:]] == [Level.BAD] * 3
    assert "bait" not in "".join([*told, *(f"{one}" for one in found)])
