"""OpenTelemetry's own SDK for Node, over HTTP, JSON and protobuf, into the stream."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.gateway_stage import GatewayStage
from tests.node_packages import installed
from tests.otlp_gateway import drain, otlp_stage

SERVICES = ("json-batched", "json-singly", "protobuf-batched", "protobuf-singly")


@pytest.fixture(scope="module")
def packages() -> Path:
    return installed("otel")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    async with otlp_stage(tmp_path_factory.mktemp("gateway"), *SERVICES) as made:
        yield made


def break_shop(packages: Path, stage: GatewayStage, encoding: str, how: str, key: str) -> None:
    """Run the program to its end; its SDK complains of nothing."""
    environ = {name: text for name, text in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(
        ["node", "shop.js", encoding, how],
        cwd=packages,
        env=environ
        | {
            "OTEL_EXPORTER_OTLP_ENDPOINT": stage.url,
            "OTEL_EXPORTER_OTLP_HEADERS": f"x-mendwire-key={key}",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("encoding", ["json", "protobuf"])
@pytest.mark.parametrize("how", ["batched", "singly"])
async def test_every_error_arrives_once(
    packages: Path, stage: GatewayStage, encoding: str, how: str
) -> None:
    service = f"{encoding}-{how}"
    key = stage.key(service).key
    break_shop(packages, stage, encoding, how, key)
    reports = await drain(stage)
    assert Counter(str(report.get("type", report["error"])) for report in reports) == {
        "PaymentError": 1,
        "Error": 1,  # the file that is not there: its code is what a span has for a type
        "AggregateError": 1,
        "RangeError": 1,
        "stock is empty": 1,
    }
    paid = next(report for report in reports if report.get("type") == "PaymentError")
    assert paid["error"] == "PaymentError: no coverage"
    assert paid["stack"].startswith("PaymentError: no coverage\n    at charge (")
    assert (paid["language"], paid["release"]) == ("javascript", "2.0.0")
    assert (paid["environment"], paid["service"]) == ("production", service)
    missing = next(report for report in reports if report.get("type") == "Error")
    assert missing["error"].startswith("Error: ENOENT: no such file")
    recursion = next(report for report in reports if report.get("type") == "RangeError")
    assert recursion["stack"].count("at dig (") >= 900
    stock = next(report for report in reports if "type" not in report)
    assert (stock["level"], stock["context"]["body"]["sku"]) == ("fatal", 4)
