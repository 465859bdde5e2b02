"""Figures of real work: printed once, served, and read by a real Prometheus."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mendwire.wire.apply import establish
from tests.journey.stage import ENV, NAMES, Stage, coupon_report, stage
from tests.prometheus import Prometheus, fetched, has_prometheus, prometheus, promtool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/mendwire.rules.yml"
DASHBOARD = ROOT / "deploy/grafana/mendwire.json"
STREAM = NAMES.error_stream(ENV)
CONFIG = """
[metrics]
listen = "127.0.0.1:0"
gateway = "127.0.0.1:0"

[gateway]
port = 0
"""
ISSUE = re.compile(r"[0-9a-f]{16}")


class Told:
    """The events that a process wrote, as they come."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def until(self, event: str) -> dict[str, Any]:
        stream = self._process.stderr
        assert stream is not None
        async with asyncio.timeout(60):
            while line := await stream.readline():
                if line.startswith(b"{") and (found := json.loads(line))["event"] == event:
                    return dict(found)
        raise AssertionError(f"it ended without {event}")


@asynccontextmanager
async def served(set_up: Stage, verb: str) -> AsyncIterator[tuple[str, Told]]:
    """The page of a process that runs meanwhile, and what it says."""
    process = await set_up.spawn(verb, "--log", "json")
    told = Told(process)
    started = await told.until("metrics.started")
    yield str(started["url"]), told
    process.terminate()
    assert await process.wait() == 0


def samples(page: str) -> dict[tuple[str, ...], float]:
    """Value by name and labels' values."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def expressions() -> list[str]:
    """Every query of the dashboard, as Grafana would send it."""
    panels = json.loads(DASHBOARD.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [expression.replace("$__rate_interval", "1m") for expression in found]


async def test_a_case_is_seen_in_the_figures_and_a_real_prometheus_finds_all_that_is_asked_for(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, config=CONFIG) as set_up:
        await establish(set_up.bus.api, NAMES, (ENV,))
        async with served(set_up, "work") as (worker, told):
            await set_up.publish(coupon_report())
            await told.until("case.closed")
            await told.until("message.settled")
            await told_of_the_case(set_up, worker)
            if has_prometheus():
                async with served(set_up, "gateway") as (gate, _):
                    await scraped(tmp_path, worker, gate)
            await told_of_an_outage(set_up, worker)
    if not has_prometheus():
        pytest.skip("all but Prometheus was tried: it is not installed (Debian: prometheus)")


async def scraped(folder: Path, *pages: str) -> None:
    for page in pages:
        promtool("check", "metrics", stdin=await asyncio.to_thread(fetched, page))
    targets = [page.split("/")[2] for page in pages]
    async with prometheus(folder / "prometheus", targets, [RULES]) as server:
        await answers_everything(server, *pages)


async def told_of_the_case(set_up: Stage, url: str) -> None:
    page = await asyncio.to_thread(fetched, url)
    found = samples(page)
    assert found["mendwire_cases", "fixed"] == 1
    assert found["mendwire_verdicts", "fixed"] == 1
    assert found["mendwire_cases_closed_total", "fixed"] == 1
    assert found["mendwire_reports_screened_total", "pass"] == 1
    assert found[("mendwire_screen_seconds_count",)] == 1
    assert (
        found["mendwire_messages_settled_total", "held"]
        + sum(found["mendwire_messages_settled_total", how] for how in ("acked", "later", "dead"))
        == 1
    )
    assert found["mendwire_steps_total", "finished", "verify"] == 1
    assert found[("mendwire_workers_alive",)] == 1
    assert found["mendwire_stuck_messages", STREAM] == 0
    assert found["jetstream_consumer_num_pending", "claude-error-fixer", STREAM] == 0
    assert found["jetstream_stream_limit_bytes", STREAM] > 0
    assert found[("mendwire_nats_up",)] == 1
    assert found[("process_resident_memory_bytes",)] > 0
    (case,) = await set_up.cases()
    assert case.issue not in page
    assert not any(ISSUE.search(word) for key in found for word in key)
    code, out, err = await set_up.run("metrics", "--json")
    assert code == 0, err
    once = {row["name"]: row["samples"] for row in json.loads(out)}
    assert {"labels": {"state": "fixed"}, "value": 1.0} in once["mendwire_cases"]
    assert 'mendwire_cases{state="fixed"} 1.0' in (await set_up.run("metrics"))[1]


async def told_of_an_outage(set_up: Stage, url: str) -> None:
    """While the server is away it says so, with what it counted itself; then it comes back."""
    set_up.server.kill()
    await until_up(url, 0.0)
    found = samples(await asyncio.to_thread(fetched, url))
    assert found["mendwire_cases_closed_total", "fixed"] == 1
    assert ("mendwire_cases", "fixed") not in found
    await set_up.server.restart()
    await until_up(url, 1.0)


async def until_up(url: str, wanted: float) -> None:
    async with asyncio.timeout(60):
        while samples(await asyncio.to_thread(fetched, url))[("mendwire_nats_up",)] != wanted:
            await asyncio.sleep(0.2)


async def answers_everything(server: Prometheus, *pages: str) -> None:
    await server.until("count(up == 1) == 2")
    await server.until("rate(mendwire_gateway_reports_total[1m]) >= 0")  # two scrapes have been
    known = set()
    for page in pages:
        text = await asyncio.to_thread(fetched, page)
        known |= {family.name for family in text_string_to_metric_families(text)}
    for expression in expressions():
        for name in re.findall(r"\b(?:mendwire|jetstream|process)_\w+", expression):
            base = re.sub(r"_(total|bucket|info)$", "", name)
            assert base in known or name in known, (expression, name)
        await server.query(expression)
    (alive,) = await server.until("max(mendwire_workers_alive)")
    assert alive["value"][1] == "1"
    (fixed,) = await server.query('max by (state) (mendwire_cases{state="fixed"})')
    assert fixed["value"][1] == "1"
    told = json.loads(await asyncio.to_thread(fetched, f"{server.url}/api/v1/rules"))
    (group,) = told["data"]["groups"]
    assert {rule["health"] for rule in group["rules"]} <= {"ok", "unknown"}


@pytest.mark.skipif(not has_prometheus(), reason="promtool is not installed (Debian: prometheus)")
def test_the_alert_rules_hold_what_their_own_tests_say() -> None:
    promtool("check", "rules", str(RULES))
    promtool("test", "rules", str(RULES.with_name("mendwire.rules.test.yml")))
