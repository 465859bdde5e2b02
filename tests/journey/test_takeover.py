"""Workers that die while others live, and a nats-server that is killed again and again."""

from __future__ import annotations

import asyncio
import json
import random
import time
from pathlib import Path
from shutil import which

import pytest

from mendwire.model.boundary import Boundary
from mendwire.model.case import CaseState
from tests.journey.stage import NAMES, Stage, coupon_report, stage
from tests.journey.test_crashes import assert_fixed_once


async def until_fixed(set_up: Stage, seconds: float) -> None:
    """Poll the docket: the worker is another process and tells nobody else."""
    async with asyncio.timeout(seconds):
        while True:
            cases = await set_up.cases()
            if cases and cases[0].state is CaseState.FIXED and await set_up.waiting() == 0:
                return
            await asyncio.sleep(0.2)


async def event(process: asyncio.subprocess.Process, name: str) -> dict[str, object]:
    """The next log line of that event."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        if line.startswith(b"{") and (found := json.loads(line))["event"] == name:
            return dict(found)
    raise AssertionError(f"the worker ended without {name}")


async def drained(process: asyncio.subprocess.Process) -> None:
    """Keep reading, so that a full pipe never holds the worker up."""
    assert process.stderr is not None
    await process.stderr.read()


async def test_a_living_worker_takes_over_at_once_on_the_same_machine(tmp_path: Path) -> None:
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        doomed = await set_up.spawn("driver", Boundary.CHANGE_SAVED.value)
        await event(doomed, "worker.started")
        await set_up.publish(coupon_report())
        heir = await set_up.spawn("work", "--log", "json")
        assert await doomed.wait() == -9
        taken = await event(heir, "case.taken_over")
        assert str(taken["from_worker"]).startswith(await _host())
        reading = asyncio.create_task(drained(heir))
        await until_fixed(set_up, 100)
        heir.terminate()
        assert await heir.wait() == 0
        await reading
        await assert_fixed_once(set_up)


@pytest.mark.skipif(which("unshare") is None, reason="unshare is not installed")
@pytest.mark.timeout(240)
async def test_a_dead_worker_elsewhere_is_followed_within_two_minutes(tmp_path: Path) -> None:
    """In a process namespace of its own it counts as another machine: silence alone tells.

    The heartbeat is a third of the usual one here, and so is what may pass.
    """
    beat = 3
    async with stage(tmp_path, worker=f"heartbeat_s = {beat}") as set_up:
        await set_up.run("streams", "apply")
        elsewhere = await set_up.spawn_elsewhere("driver", Boundary.RESEARCH_SAVED.value)
        if elsewhere is None:
            pytest.skip("process namespaces are not allowed here")
        await event(elsewhere, "worker.started")
        await set_up.publish(coupon_report())
        await event(elsewhere, "case.opened")  # else the heir might be the first to take it
        heir = await set_up.spawn("work", "--log", "json")
        assert await elsewhere.wait() == 137  # what the shell says of a killed child
        died = time.monotonic()
        await event(heir, "case.taken_over")
        waited = time.monotonic() - died
        assert waited < 120 * beat / 10, waited
        reading = asyncio.create_task(drained(heir))
        await until_fixed(set_up, 60)
        heir.terminate()
        await heir.wait()
        await reading
        await assert_fixed_once(set_up)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_server_killed_at_random_moments_loses_nothing(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    async with stage(tmp_path) as set_up:
        await set_up.run("streams", "apply")
        worker = await set_up.spawn("work", "--log", "json")
        await event(worker, "worker.started")
        reading = asyncio.create_task(drained(worker))
        await set_up.publish(coupon_report())
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.2, 2.5))  # the moment is what is random
            await set_up.server.restart()
        await until_fixed(set_up, 100)
        worker.terminate()
        assert await worker.wait() == 0
        await reading
        await assert_fixed_once(set_up)


async def test_rule_a4_a_worker_that_is_declared_dead_stops_without_a_drain(
    tmp_path: Path,
) -> None:
    """Others take its cases over soon: what it has going must not go on for half a minute."""
    async with stage(tmp_path, program=await _endless(tmp_path), agent="claude") as set_up:
        await set_up.run("streams", "apply")
        worker = await set_up.spawn("work", "--log", "json")
        await event(worker, "worker.started")
        await set_up.publish(coupon_report())
        await event(worker, "step.started")
        reading = asyncio.create_task(drained(worker))
        bucket = set_up.bus.bucket(NAMES.bucket("DOCKET"))
        async for entry in bucket.scan("worker"):
            await bucket.delete(entry.key)
        # One heartbeat of ten seconds until it knows; a drain would take thirty more.
        assert await asyncio.wait_for(worker.wait(), 28) != 0
        await reading
        assert (await set_up.cases())[0].state in {CaseState.OPEN, CaseState.LEASED}


async def _endless(folder: Path) -> str:
    """An agent's program that never answers."""
    program = folder / "endless"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    return str(program)


async def _host() -> str:
    import socket

    return "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())
