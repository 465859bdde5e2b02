"""``mendwire init`` and ``mendwire up`` in a person's own repository, as the README tells them."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.journey.own_repository import log_until, own_repository
from tests.journey.stage import coupon_report

pytestmark = pytest.mark.timeout(120)


def started(lines: list[str]) -> dict[str, Any]:
    """The embedded server's start, from the log."""
    events = [json.loads(line) for line in lines if line.startswith("{")]
    (event,) = [event for event in events if event["event"] == "server.started"]
    return dict(event)


async def test_init_up_report_interrupt_and_up_again(tmp_path: Path) -> None:
    async with own_repository(tmp_path / "shop", tmp_path / "home") as yard:
        up = await yard.spawn("up", "--log", "json")
        lines = await log_until(up, '"worker.started"')
        lines += await log_until(up, '"tests: ')
        code, out, err = await yard.report(coupon_report())
        assert (code, err) == (0, "")
        assert out.startswith("Stored in DEFAULT_PRODUCTION_ERRORS as message 1.")
        (case,) = await yard.cases_when(lambda rows: [row["state"] for row in rows] == ["fixed"])
        assert case["branch"].startswith("mendwire/")

        code, _, err = await yard.run("up", "--until-empty", "--log", "json")
        assert code == 0, err
        assert "server.started" not in err, "a second one works beside the first, on its server"
        assert f'"server {started(lines)["url"]},' in err
        assert all(json.loads(line) for line in err.splitlines()), "each line is JSON"

        await interrupted(up, started(lines)["pid"])
        assert [row["case"] for row in await yard.cases()] == [case["case"]]

        again = await yard.spawn("up", "--log", "json")
        lines = await log_until(again, '"tests: ')
        await yard.report(coupon_report(release="shop@2"))
        (row,) = await yard.cases_when(lambda rows: rows[0]["occurrences"] == 2)
        assert row["state"] == "fixed"
        await interrupted(again, started(lines)["pid"])


async def interrupted(up: asyncio.subprocess.Process, server: int) -> None:
    """Ctrl-C: a clean end, and no server left."""
    up.send_signal(signal.SIGINT)
    async with asyncio.timeout(30):
        _, err = await up.communicate()
    assert up.returncode in {0, 130}, err.decode()
    assert b"Traceback" not in err
    assert not psutil.pid_exists(server)
