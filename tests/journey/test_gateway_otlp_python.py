"""OpenTelemetry's own Python SDK, over HTTP and protobuf, into the stream."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.gateway_stage import GatewayStage
from tests.otlp_gateway import drain, otlp_stage

SHOP = Path(__file__).with_name("otlp_shop.py")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    async with otlp_stage(tmp_path_factory.mktemp("gateway"), "batched", "singly", "again") as made:
        yield made


def break_shop(stage: GatewayStage, how: str, header: str) -> str:
    """Run the program to its end; what its SDK complained of."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(SHOP), how],
        env=environ
        | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": stage.url,
            "OTEL_EXPORTER_OTLP_HEADERS": header,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip" if how == "batched" else "none",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def named(reports: list[dict[str, Any]]) -> Counter[str]:
    return Counter(str(report.get("type", report["error"])) for report in reports)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("how", ["batched", "singly"])
async def test_every_error_arrives_once(stage: GatewayStage, how: str) -> None:
    key = stage.key(how).key
    header = f"X-Mendwire-Key={key}" if how == "batched" else f"authorization=Bearer%20{key}"
    complaints = break_shop(stage, how, header)
    assert complaints == ""
    reports = await drain(stage)
    assert named(reports) == {
        "PaymentError": 1,
        "ValueError": 2,
        "ExceptionGroup": 1,
        "RecursionError": 1,
        "FileNotFoundError": 1,
        "RuntimeError": 1,
        "stock of apples is -1": 1,
    }
    paid = next(report for report in reports if report.get("type") == "PaymentError")
    assert paid["error"] == "PaymentError: ('no coverage', 7)"
    assert paid["stack"].startswith("Traceback (most recent call last):\n")
    assert "KeyError: 'coverage'\n\nThe above exception was the direct cause" in paid["stack"]
    assert (paid["release"], paid["environment"], paid["service"]) == ("1.4.2", "production", how)
    assert (paid["language"], paid["level"]) == ("python", "error")
    assert len(paid["trace_id"]) == 32
    assert paid["context"]["host"] == "web1"
    recursion = next(report for report in reports if report.get("type") == "RecursionError")
    assert recursion["stack"].count("in ping") > 10
    assert next(r for r in reports if r.get("type") == "RuntimeError")["level"] == "fatal"
    missing = next(r for r in reports if r.get("type") == "FileNotFoundError")
    assert "No such file" in missing["error"]
    stock = next(r for r in reports if "type" not in r)
    assert stock["context"]["file"].endswith("otlp_shop.py")
    assert stock["context"]["line"] > 0


@pytest.mark.asyncio(loop_scope="module")
async def test_a_second_run_reports_nothing_new(stage: GatewayStage) -> None:
    """Signatures are the same in another process, so the server drops them all."""
    key = stage.key("again").key
    for _ in range(2):
        assert break_shop(stage, "batched", f"x-mendwire-key={key}") == ""
    assert sum(named(await drain(stage)).values()) == 8


@pytest.mark.asyncio(loop_scope="module")
async def test_a_wrong_key_is_told_to_the_sdk(stage: GatewayStage) -> None:
    complaints = break_shop(stage, "batched", "x-mendwire-key=" + "0" * 32)
    assert "401" in complaints
    assert await drain(stage) == []
