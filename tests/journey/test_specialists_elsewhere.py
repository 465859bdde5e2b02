"""Roles that are played in other processes, with clones of their own: by the queue of tasks."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from mendwire.model.case import CaseState, Verdict
from tests.journey.elsewhere import event, machine
from tests.journey.stage import Stage, coupon_report, stage
from tests.shared_server import SharedServer, settled

REMOTE = """
[specialists]
remote = ["research", "implementation", "review"]
patience_s = 20
silence_s = 2
"""


@asynccontextmanager
async def orchestrated(tmp_path: Path, config: str = REMOTE) -> AsyncIterator[Stage]:
    """On a server with logins; at the end nobody wanted more than theirs may do."""
    server = SharedServer(tmp_path / "nats", settled("shop"))
    async with stage(
        tmp_path / "orchestrator",
        agent="rollback",
        worker="heartbeat_s = 1",
        config=config,
        server=server,
        login=server.options("shop_operator"),
    ) as built:
        (built.folder / "pace").mkdir()
        code, _, err = await built.run("streams", "apply", **server.variables("shop_operator"))
        assert code == 0, err
        built.login = server.variables("shop_worker")
        yield built
        assert server.violations() == []


async def test_one_of_three_is_killed_and_the_case_ends_fixed_with_one_commit(
    tmp_path: Path,
) -> None:
    async with orchestrated(tmp_path) as built:
        one, two, three = [await machine(built, name) for name in ("one", "two", "three")]
        (built.folder / "pace" / "hang-implementation").touch()
        doomed = await one.specialist("--role", "implementation")
        await built.publish(coupon_report())
        worker = await built.spawn("work", "--until-empty", "--log", "json")
        reader = await two.specialist("--role", "research", "--role", "review")
        assert (await event(doomed, "specialist.began"))["role"] == "implementation"
        _, stands, _ = await built.run("status", "--json")
        roles = {tuple(one["roles"]) for one in json.loads(stands)["specialists"]}
        assert roles == {("implementation",), ("research", "review")}
        (built.folder / "pace" / "hang-implementation").unlink()
        doomed.kill()
        heir = await three.specialist("--role", "implementation", "--role", "review")
        _, err = await worker.communicate()
        assert worker.returncode == 0, err.decode()
        (case,) = await built.cases()
        assert (case.state, case.verdict) == (CaseState.FIXED, Verdict.FIXED), err.decode()
        assert case.cost_usd == 0.375
        assert case.attempts == 0
        assert len(await built.fix_commits()) == 1
        for process in (reader, heir):
            process.terminate()
            out, told = await process.communicate()
            assert process.returncode == 0, told.decode()
            done = json.loads(out)
            assert done["answered"] >= 1
        shutil.rmtree(one.folder)


async def test_the_orchestrator_is_killed_while_it_waits_and_nobody_is_paid_twice(
    tmp_path: Path,
) -> None:
    """Nor when somebody stops everything meanwhile: the agent ends, and begins again.

    And a reviewer of the operator's own sends the work back once, with its reason.
    """
    own = '[specialists.reviewers.security]\npaths = ["shop/**"]\n'
    remote = REMOTE.replace('"review"]', '"review", "security"]')
    async with orchestrated(tmp_path, f"{remote}{own}") as built:
        pace = built.folder / "pace"
        (pace / "hang-implementation").touch()
        (pace / "say-security").write_text('{"approved": false, "comments": "A tainted coupon."}')
        place = await machine(built, "one")
        roles = ("research", "implementation", "review", "security")
        specialist = await place.specialist(*(word for role in roles for word in ("--role", role)))
        await built.publish(coupon_report())
        doomed = await built.spawn("work", "--log", "json")
        await event(specialist, "specialist.ended")
        assert (await event(specialist, "specialist.began"))["role"] == "implementation"
        doomed.kill()
        await doomed.wait()
        first = int(str((await event(specialist, "agent.said"))["text"]))
        assert psutil.pid_exists(first)
        assert (await built.run("halt"))[0] == 0
        await event(specialist, "worker.halted")
        assert (await built.run("resume"))[0] == 0
        assert (await event(specialist, "specialist.began"))["role"] == "implementation"
        assert not psutil.pid_exists(first)
        heir = await built.spawn("work", "--until-empty", "--log", "json")
        assert (await event(heir, "case.taken_over"))["token"] == 2
        (pace / "hang-implementation").unlink()
        while (await event(specialist, "specialist.ended"))["role"] != "security":
            continue
        (pace / "say-security").unlink()
        _, err = await heir.communicate()
        assert heir.returncode == 0, err.decode()
        (case,) = await built.cases()
        # The same change came again after the refusal: it is not paid for a third time.
        assert (case.state, case.verdict) == (CaseState.CLOSED, Verdict.NOT_FIXED), err.decode()
        assert case.reason.startswith("Offered twice")
        assert case.review is not None
        assert case.review.comments == "security: A tainted coupon."
        assert case.rounds == 1
        # research, implementation, review, security, implementation again: each once.
        assert (case.sent, case.cost_usd) == (5, 0.625)
        specialist.terminate()
        assert await specialist.wait() == 0
        assert await built.fix_commits() == []
