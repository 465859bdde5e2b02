"""Several processes of one gateway are one to whoever sends: quotas, statistics, taken once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from tests.gateway_stage import ENV, GatewayStage, gateway_stage, until
from tests.otlp_requests import as_json, exception, log, logs, span, traces

WORKERS = 3
ALLOWED = 30
_LETTERS = "bcdfghjklm"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[GatewayStage]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    async with gateway_stage(folder / "stage", f"workers = {WORKERS}") as made:
        made.key("shop", "--env", ENV, "--trust", "trusted")
        made.key("few", "--env", ENV, "--trust", "trusted", "--events", f"0,0,{ALLOWED}")
        await asyncio.to_thread(made.start)
        await asyncio.to_thread(started, made, WORKERS)
        yield made
        assert await asyncio.to_thread(made.stop) == 0


def started(stage: GatewayStage, count: int) -> None:
    """Return once so many processes have begun to listen and are connected."""
    until(
        lambda: (
            stage.log.count("gateway.started") >= count
            and stage.log.count("gateway.connected") >= count
        ),
        lambda: stage.log,
    )


def fellows(stage: GatewayStage) -> list[int]:
    assert stage.process
    return [child.pid for child in psutil.Process(stage.process.pid).children()]


def statistics(stage: GatewayStage) -> dict[str, Any]:
    return stage.get("/v1/statistics", stage.key("shop").key)


def event(number: int, release: str) -> bytes:
    name = "broken_" + "".join(_LETTERS[int(digit)] for digit in str(number))
    frame = {"filename": "shop.py", "function": name, "lineno": 3, "in_app": True}
    raised = {"type": "ValueError", "value": "no", "stacktrace": {"frames": [frame]}}
    return json.dumps({"release": release, "exception": {"values": [raised]}}).encode()


def answers(stage: GatewayStage, count: int, release: str) -> Counter[int]:
    """Of so many different errors by the key with few, each over a connection of its own."""
    credential = stage.key("few")
    path = f"/api/{credential.project}/store/?sentry_key={credential.key}"
    with ThreadPoolExecutor(4) as pool:
        return Counter(
            pool.map(lambda number: stage.post(path, event(number, release))[0], range(count))
        )


async def test_a_quota_is_that_of_the_whole_gateway_and_outlives_a_process(
    stage: GatewayStage,
) -> None:
    assert len(fellows(stage)) == WORKERS - 1
    found = await asyncio.to_thread(answers, stage, 2 * ALLOWED, "quota@1")
    assert found == {200: ALLOWED, 429: ALLOWED}
    assert len(await stage.reports("quota@1")) == ALLOWED

    def is_whole() -> bool:
        told = statistics(stage)
        return bool(told["reports"] == ALLOWED and told["refused"]["quota_events"] == ALLOWED)

    # Whichever process is asked, with what the others wrote down.
    await asyncio.to_thread(until, is_whole, lambda: repr(statistics(stage)))
    before = fellows(stage)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    await asyncio.to_thread(until, lambda: not {*before} & {*fellows(stage)}, lambda: stage.log)
    assert await asyncio.to_thread(answers, stage, 5, "quota@2") == {429: 5}
    await asyncio.to_thread(started, stage, 2 * WORKERS - 1)
    assert await asyncio.to_thread(answers, stage, 20, "quota@3") == {429: 20}
    assert await stage.reports("quota@3") == []
    assert statistics(stage)["reports"] == ALLOWED


async def test_an_exception_is_taken_once_whichever_processes_hear_of_it(
    stage: GatewayStage,
) -> None:
    requests = []
    for number in range(8):
        kind, trace = f"Broken{_LETTERS[number]}", f"{number + 1:032x}"
        stack = f'Traceback (most recent call last):\n  File "/a.py", line 3, in f\n{kind}: no\n'
        known = exception(kind, "no", stack)
        resource = {"service.version": "otlp@1", "service.name": "shop"}
        requests += [
            ("/v1/traces", as_json(traces(span(known, trace_id=trace), resource=resource))),
            ("/v1/logs", as_json(logs(log("no", known, traceId=trace), resource=resource))),
        ] * 3
    headers = {"Content-Type": "application/json", "X-Mendwire-Key": stage.key("shop").key}
    with ThreadPoolExecutor(6) as pool:
        found = await asyncio.to_thread(
            lambda: list(pool.map(lambda one: stage.post(one[0], one[1], headers)[0], requests))
        )
    assert set(found) == {200}
    stored = await stage.reports("otlp@1")
    assert sorted(one.body["type"] for one in stored) == [f"Broken{x}" for x in _LETTERS[:8]]

    def is_told() -> bool:
        return bool(statistics(stage)["ignored"].get("same_exception") == len(requests) - 8)

    await asyncio.to_thread(until, is_told, lambda: repr(statistics(stage)))
