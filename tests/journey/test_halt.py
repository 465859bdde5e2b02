"""One switch stops everything, for workers that run and for those that start; nothing is lost."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import pytest

from mendwire.docket.cases import Docket
from mendwire.model.case import Verdict
from tests.journey.stage import NAMES, Stage, coupon_report, stage

pytestmark = pytest.mark.timeout(120)


async def until_said(process: asyncio.subprocess.Process, words: str) -> str:
    """The first line of standard error with ``words`` in it."""
    assert process.stderr is not None
    async with asyncio.timeout(60):
        while line := (await process.stderr.readline()).decode():
            if words in line:
                return line
    raise AssertionError(f"the worker ended and never said {words!r}")


async def alive(set_up: Stage) -> list[str]:
    bucket = set_up.bus.bucket(NAMES.bucket("DOCKET"))
    return [entry.key async for entry in bucket.scan("worker")]


async def test_halt_and_resume(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        worker = await set_up.spawn("work", "--log", "json")
        await until_said(worker, '"worker.started"')
        code, out, err = await set_up.run("halt", "--note", "look at the bill", "--json")
        assert code == 0, err
        assert json.loads(out)["note"] == "look at the bill"
        said = json.loads(await until_said(worker, '"worker.halted"'))
        assert said["note"] == "look at the bill"
        assert "look at the bill; waiting" in await until_said(worker, "stopped everything")
        assert await alive(set_up) == []
        await set_up.publish(coupon_report(), "while halted")
        code, _, err = await set_up.run("work", "--until-empty")
        assert (code, len(err.splitlines())) == (2, 1), err
        assert "mendwire resume" in err
        assert await set_up.waiting() == 1
        assert await set_up.cases() == []
        code, out, _ = await set_up.run("resume")
        assert (code, out) == (0, "Workers go on.\n")
        await until_said(worker, '"case.closed"')
        worker.send_signal(signal.SIGTERM)
        await worker.communicate()
        assert worker.returncode == 0
        docket = Docket(set_up.bus.bucket(NAMES.bucket("DOCKET")), "test")
        assert [filed.case.verdict async for filed in docket.cases()] == [Verdict.FIXED]
        code, out, _ = await set_up.run("resume")
        assert (code, out) == (0, "Nobody has stopped anything.\n")
        deeds = json.loads((await set_up.run("audit", "--json"))[1])
        assert [(deed["what"], deed["detail"]) for deed in deeds] == [
            ("halt", "look at the bill"),
            ("resume", ""),
        ]


async def test_a_halted_worker_ends_at_a_signal(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        assert (await set_up.run("halt"))[0] == 0
        worker = await set_up.spawn("work")
        await until_said(worker, "waiting for mendwire resume")
        worker.send_signal(signal.SIGTERM)
        await worker.communicate()
        assert worker.returncode == 0
