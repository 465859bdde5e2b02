"""The docket and the roster on a real server: compare-and-set, fencing, taking over."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from dataclasses import replace

import pytest

from mendwire.app.forgetting import forget
from mendwire.docket.cases import INLINE_BYTES, Docket
from mendwire.docket.roster import Roster
from mendwire.errors import Conflict, Damaged, Fenced, IllegalMove, Unreachable
from mendwire.model.case import Case, CaseState, Step, Verdict, move
from mendwire.model.delivery import MessageRef
from mendwire.model.names import Names
from mendwire.ops.cases import retry
from mendwire.wire.bus import Bucket
from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer

ISSUE = "a" * 32
REF = MessageRef(stream="S", stream_created="t", seq=1, subject="s")


@pytest.fixture
def bucket(bus: JetStreamBus, names: Names) -> Bucket:
    return bus.bucket(names.bucket("DOCKET"))


@pytest.fixture
def docket(bucket: Bucket) -> Docket:
    return Docket(bucket, "w1")


def a_case(issue: str = ISSUE, report: bytes = b'{"error": "x"}') -> Case:
    return Case(issue=issue, report=report, message=REF, signatures=("s1",))


async def test_one_issue_has_one_case(docket: Docket) -> None:
    filed = await docket.open(a_case())
    assert (filed.case.state, filed.case.step) == (CaseState.LEASED, Step.RESEARCH)
    with pytest.raises(Conflict):
        await docket.open(a_case())
    assert await docket.get(ISSUE) == filed


async def test_of_two_workers_opening_at_once_one_wins(bucket: Bucket) -> None:
    async def opened(worker: str) -> bool:
        try:
            await Docket(bucket, worker).open(a_case())
        except Conflict:
            return False
        return True

    won = await asyncio.gather(*(opened(f"w{number}") for number in range(8)))
    assert sum(won) == 1


async def test_counts_that_others_add_survive_the_holders_change(
    docket: Docket, bucket: Bucket
) -> None:
    mine = await docket.open(a_case())
    others = Docket(bucket, "w2")
    for number in range(3):
        seen = await others.get(ISSUE)
        assert seen is not None
        await others.join(seen, f"other{number}", replace(REF, seq=number + 2))
    token = mine.case.token
    changed = await docket.change(
        mine, lambda now: move(now, CaseState.LEASED, token=token, step=Step.IMPLEMENT)
    )
    assert changed.case.occurrences == 4
    assert changed.case.signatures == ("s1", "other0", "other1", "other2")
    assert changed.case.step is Step.IMPLEMENT


async def test_rule_a4_the_old_holder_is_fenced_from_every_change(
    docket: Docket, bucket: Bucket
) -> None:
    mine = await docket.open(a_case())
    heir = Docket(bucket, "w2")
    taken = await heir.take_over(mine)
    assert taken is not None
    assert (taken.case.holder, taken.case.token) == ("w2", mine.case.token + 1)
    with pytest.raises(Fenced):
        await docket.change(mine, lambda now: replace(now, title="late"))
    with pytest.raises(Fenced):
        await docket.confirm(mine)
    assert await heir.take_over(mine) is None


async def test_a_case_given_back_calls_for_a_worker(docket: Docket, bucket: Bucket) -> None:
    await docket.give_back(await docket.open(a_case()))
    assert await docket.called() == [(ISSUE, 0)]
    waiting = await docket.get(ISSUE)
    assert waiting is not None
    assert (waiting.case.state, waiting.case.holder) == (CaseState.OPEN, "")
    taken = await Docket(bucket, "w2").take_over(waiting)
    assert taken is not None
    assert await docket.called() == []


async def test_a_large_report_is_kept_beside_its_case(docket: Docket) -> None:
    report = b"x" * (INLINE_BYTES + 1)
    filed = await docket.open(a_case(report=report))
    read = await docket.get(ISSUE)
    assert read == filed
    assert [f.case.report async for f in docket.cases()] == [report]


async def test_rule_a8_a_damaged_entry_stops_one_case_alone(docket: Docket, bucket: Bucket) -> None:
    await bucket.put(f"case.{ISSUE}", b"{broken")
    await docket.open(a_case("b" * 32))
    with pytest.raises(Damaged):
        await docket.get(ISSUE)
    assert [filed.case.issue async for filed in docket.cases()] == ["b" * 32]


async def test_money_adds_up_when_workers_spend_at_once(bucket: Bucket) -> None:
    dockets = [Docket(bucket, f"w{number}") for number in range(5)]
    await asyncio.gather(*(docket.spend("20260101", 0.25) for docket in dockets))
    assert await dockets[0].spent("20260101") == 1.25
    assert await dockets[0].spent("20260102") == 0.0


async def test_the_epoch_begins_once(docket: Docket) -> None:
    assert not await docket.begun()
    assert await docket.begin()
    assert not await docket.begin()
    assert await docket.begun()


async def test_the_living_are_known_and_leave_no_trace(bucket: Bucket) -> None:
    async with Roster(bucket, "w1") as one:
        async with Roster(bucket, "w2"):
            assert await one.living() == {"w1", "w2"}
        assert await one.living() == {"w1"}
    assert [entry.key async for entry in bucket.scan("worker")] == []


_REGISTER = """
import asyncio, sys, nats
from mendwire.docket.roster import Roster
from mendwire.model.names import Names
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus

async def main():
    client = await nats.connect(sys.argv[1])
    bus = JetStreamBus(client, Names(namespace="ai_tutor"), Denials())
    async with Roster(bus.bucket("AI_TUTOR_DOCKET"), "doomed"):
        print("registered", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_a_killed_worker_of_this_machine_is_dead_at_once(
    bucket: Bucket, server: RealServer
) -> None:
    doomed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _REGISTER, server.url, stdout=asyncio.subprocess.PIPE
    )
    assert doomed.stdout is not None
    async with Roster(bucket, "w1") as one:
        assert await doomed.stdout.readline() == b"registered\n"
        assert await one.living() == {"w1", "doomed"}
        doomed.kill()
        await doomed.wait()
        assert await one.living() == {"w1"}


async def test_a_silent_worker_elsewhere_is_struck_and_stops_itself(bucket: Bucket) -> None:
    async with (
        Roster(bucket, "w1", heartbeat_s=0.05) as one,
        Roster(bucket, "w2", heartbeat_s=3600) as silent,
    ):
        async with asyncio.timeout(10):
            while "w2" in await one.living():
                await asyncio.sleep(0.02)
        silent._heartbeat_s = 0.05
        assert silent._task is not None
        silent._task.cancel()
        silent._task = asyncio.create_task(silent._beat())
        await asyncio.wait_for(silent.lost.wait(), 10)


async def test_a_worker_that_cannot_renew_stops_before_others_may_act(
    bucket: Bucket, server: RealServer
) -> None:
    async with Roster(bucket, "w1", heartbeat_s=0.1) as one:
        server.kill()
        await asyncio.wait_for(one.lost.wait(), 20)
    await server.restart()
    async with asyncio.timeout(20):
        while True:
            with suppress(Unreachable):
                await bucket.get("anything")
                return


async def test_texts_of_cases_that_are_over_are_forgotten(docket: Docket, bucket: Bucket) -> None:
    large = b'{"error": "' + b"x" * (INLINE_BYTES + 1) + b'"}'
    over = replace(a_case("a" * 32, large), state=CaseState.CLOSED, verdict=Verdict.NOT_FIXED)
    alive = replace(a_case("b" * 32), state=CaseState.FIXED, verdict=Verdict.FIXED)
    for case in (over, alive):
        await docket.file(case)
    filed = [one async for one in docket.cases()]
    newest = max(one.changed_ns for one in filed)
    assert await forget(docket, newest - 10 * 10**9) == 0
    assert await forget(docket, newest + 1) == 1
    assert await forget(docket, newest + 10**18) == 0
    kept = {one.case.issue: one.case async for one in docket.cases()}
    assert kept["a" * 32] == replace(over, report=b"")
    assert kept["b" * 32] == alive
    assert [entry.key async for entry in bucket.scan("report")] == []
    with pytest.raises(IllegalMove, match="past its retention"):
        await retry(docket, "a" * 32)
