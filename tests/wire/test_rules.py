"""The rules of truth and crashes, held by the orchestrator on a real server.

The specialists here are scripted; the server, the docket and the messages are real, and faults are
made by a bucket whose answers get lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from mendwire.app.traces import rebuild
from mendwire.demo.shop import build_repository
from mendwire.docket.cases import Docket
from mendwire.docket.deployments import Deployments
from mendwire.docket.roster import Roster
from mendwire.errors import ConfigError, IllegalMove, StreamFull, Unreachable
from mendwire.execution.git import CaseRepository
from mendwire.investigate.budget import Bounds
from mendwire.investigate.intake import Intake
from mendwire.investigate.investigation import Investigation
from mendwire.investigate.orchestrator import Orchestrator
from mendwire.investigate.outages import Outages
from mendwire.investigate.sweeper import Sweeper
from mendwire.model.boundary import Boundary
from mendwire.model.case import Case, CaseState, Delivered, ParkReason, Verdict
from mendwire.model.delivery import DeliveryState, Outcome, Received
from mendwire.model.letter import PATCH_BYTES
from mendwire.model.names import Names
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.model.work import Change, Cost, Finding, Proof, ProofStatus, Reproduction, Review
from mendwire.ops.cases import retry, silence
from mendwire.wire.bus import Ack, Bucket, Entry
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.worker import Pace, Worker
from tests.nats_server import RealServer

STREAM = Names(namespace="ai_tutor").error_stream("production")
REPORT = {"error": "KeyError: 'x'", "type": "KeyError", "service": "shop", "release": "1"}


class Unlucky:
    """A bucket that does what it is asked, and whose answer may then be lost."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self.losing: list[str] = []
        """``create case``, ``update case``…: each loses one answer."""
        self.full = 0
        """So many changes of cases are refused and not stored."""

    def _lose(self, verb: str, key: str) -> None:
        what = f"{verb} {key.partition('.')[0]}"
        if what in self.losing:
            self.losing.remove(what)
            raise Unreachable("The answer was lost.")

    async def get(self, key: str) -> Entry | None:
        return await self.bucket.get(key)

    async def create(self, key: str, value: bytes) -> int:
        revision = await self.bucket.create(key, value)
        self._lose("create", key)
        return revision

    async def update(self, key: str, value: bytes, revision: int) -> int:
        if self.full and key.startswith("case."):
            self.full -= 1
            raise StreamFull("There is no room.")
        revision = await self.bucket.update(key, value, revision)
        self._lose("update", key)
        return revision

    async def put(self, key: str, value: bytes) -> int:
        revision = await self.bucket.put(key, value)
        self._lose("put", key)
        return revision

    async def delete(self, key: str, revision: int | None = None) -> None:
        await self.bucket.delete(key, revision)
        self._lose("delete", key)

    def scan(self, prefix: str, *, after: int = 0) -> AsyncIterator[Entry]:
        return self.bucket.scan(prefix, after=after)


@dataclass(frozen=True)
class Screened:
    screening: Screening
    passed: ScreenedReport | None


async def pass_all(report: ErrorReport, payload: bytes, trust: Trust) -> Screened:
    digest = hashlib.sha256(payload).hexdigest()
    screening = Screening(verdict=ScreenVerdict.PASS, score=0.0, sha256=digest)
    passed = ScreenedReport(report=report, screening=screening, restricted=False, trust=trust)
    return Screened(screening, passed)


async def keep(received: Received, reason: str, screening: Screening | None) -> None:
    return


@dataclass
class Crew:
    """Scripted specialists that count how often they were asked."""

    name: str = "scripted"
    paid: bool = True
    calls: list[str] = field(default_factory=list)
    confidence: float = 1.0
    patch: str = "diff"
    cost: float = 0.0
    tokens: int = 0
    going: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.going.set()

    @property
    def paid_each(self) -> Cost:
        return Cost(usd=self.cost, tokens=self.tokens)

    async def base(self) -> str:
        return "c" * 40

    async def gone(self, _case: Case) -> Proof | None:
        return None

    async def shares(self, _case: Case, _fix: Case) -> Proof | None:
        return None

    async def research(self, case: Case) -> tuple[Finding, Cost]:
        self.calls.append("research")
        await self.going.wait()
        return Finding(summary=f"of {case.issue}", confidence=self.confidence), self.paid_each

    async def implement(self, _case: Case) -> tuple[Change, Reproduction | None, Cost]:
        self.calls.append("implement")
        return Change(patch=self.patch, files=("a.py",), added=1), None, self.paid_each

    async def prove(self, _case: Case) -> Proof:
        self.calls.append("prove")
        return Proof(status=ProofStatus.VALID, reasons=("it holds",))

    async def reviewers(self, _case: Case) -> tuple[str, ...]:
        return ("review",)

    async def review(self, _case: Case, called: str) -> tuple[Review, Cost]:
        self.calls.append(called)
        return Review(approved=True), self.paid_each


@dataclass(kw_only=True)
class Shift:
    """One worker's parts, put together as the engine does."""

    bus: JetStreamBus
    docket: Docket
    bucket: Unlucky
    crew: Crew
    orchestrator: Orchestrator
    sweeper: Sweeper
    investigation: Investigation
    delivered: list[str]

    async def message(self, seq: int = 1, stream: str = STREAM) -> Received:
        received = await self.bus.peek(stream, seq)
        assert received is not None
        return received

    async def only(self) -> Case:
        found = [filed.case async for filed in self.docket.cases()]
        assert len(found) == 1
        return found[0]


Build = Callable[..., Shift]


async def untold(_case: Case, _then: str) -> None:
    """Nobody is told."""


async def nobody(_sha256: str, _report: ErrorReport, _payload: bytes, _trust: Trust) -> None:
    """Nobody released it."""


def passing(_boundary: Boundary) -> None:
    return


@asynccontextmanager
async def shift(
    bus: JetStreamBus, crew: Crew | None = None, worker: str = "w1", **bounds: float
) -> AsyncIterator[Shift]:
    bucket = Unlucky(bus.bucket(bus.names.bucket("DOCKET")))
    crew, delivered = crew or Crew(), []

    async def deliver(case: Case) -> Delivered:
        delivered.append(case.case_id)
        return Delivered(branch=f"mendwire/{case.issue}", commit="d" * 40)

    async def no_evidence(_case: Case, _agent: str) -> str:
        return ""

    def nothing(_why: str = "") -> None:
        return

    async with Roster(bucket, worker, heartbeat_s=30) as roster:
        docket = Docket(bucket, worker)
        intake = Intake(
            names=bus.names,
            docket=docket,
            roster=roster,
            deployments=Deployments(bucket=bucket),
            tell=untold,
            screen=pass_all,
            quarantine=keep,
            released=nobody,
            boundary=passing,
        )
        investigation = Investigation(
            bus=bus,
            names=bus.names,
            docket=docket,
            specialists=crew,
            deliver=deliver,
            bounds=Bounds(**bounds),  # type: ignore[arg-type]
            boundary=passing,
            outages=Outages(pause=nothing, resume=nothing, waits_s=(0.01,)),
            keep=no_evidence,
        )
        orchestrator = Orchestrator(
            bus=bus, intake=intake, docket=docket, investigation=investigation, retry_s=0.01
        )
        sweeper = Sweeper(
            bus=bus,
            docket=docket,
            roster=roster,
            orchestrator=orchestrator,
            streams=(STREAM,),
            occurrences=bus.names.stream("OCCURRENCES"),
            holds=lambda _stream, _seq: False,
            every_s=0.05,
        )
        yield Shift(
            bus=bus,
            docket=docket,
            bucket=bucket,
            crew=crew,
            orchestrator=orchestrator,
            sweeper=sweeper,
            investigation=investigation,
            delivered=delivered,
        )


async def publish(bus: JetStreamBus, **more: object) -> None:
    await bus.publish(bus.names.errors("production"), json.dumps(REPORT | more).encode())


async def eventually(check: Callable[[], object], seconds: float = 10) -> None:
    """Until ``check`` returns something true; it may be a coroutine function."""
    async with asyncio.timeout(seconds):
        while True:
            found = check()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.02)


async def test_rule_a1_a_lost_answer_to_opening_leaves_no_case_behind(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        mine.bucket.losing = ["create case"]
        with pytest.raises(Unreachable):
            await mine.orchestrator.handle(await mine.message())
        assert (await mine.only()).state is CaseState.LEASED
        outcome = await mine.orchestrator.handle(await mine.message())
        assert outcome.state is DeliveryState.SETTLED
        assert (await mine.only()).state is CaseState.FIXED


async def test_rule_a1_the_sweeper_drives_what_we_hold_and_forgot(bus: JetStreamBus) -> None:
    """A take-over whose answer was lost is ours in the docket, and nobody works on it."""
    await publish(bus)
    async with shift(bus) as mine:
        await mine.docket.give_back(await mine.docket.open(await opened(mine)))
        mine.bucket.losing = ["update case"]
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 10)
        assert (await mine.only()).state is CaseState.FIXED


async def opened(mine: Shift) -> Case:
    case = await mine.orchestrator.intake.foresee(await mine.message())
    assert case is not None
    return case


async def test_rule_a1_a_join_does_not_keep_an_heir_away(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        await mine.docket.give_back(await mine.docket.open(await opened(mine)))
        stale = await mine.docket.get((await mine.only()).issue)
        assert stale is not None
        await mine.docket.join(stale, "other", (await mine.message()).ref)
        await mine.orchestrator.inherit(stale)
        assert (await mine.only()).state is CaseState.FIXED


async def test_rule_a4_a_message_that_comes_again_is_counted_once(bus: JetStreamBus) -> None:
    """Its counting was stored and the answer lost, or its worker killed before it acknowledged."""
    for _ in range(3):
        await publish(bus)
    async with shift(bus) as mine:
        await mine.orchestrator.handle(await mine.message())
        mine.bucket.losing = ["update case"]
        with pytest.raises(Unreachable):
            await mine.orchestrator.handle(await mine.message(2))
        for seq in (2, 3, 2):
            await mine.orchestrator.handle(await mine.message(seq))
        assert (await mine.only()).occurrences == 3


async def test_rule_a1_two_sweepers_that_unpark_one_case_both_live_on(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as one, shift(bus, worker="w2") as two:
        filed = await one.docket.open(await opened(one))
        await one.investigation._saver.park(filed, ParkReason.BUDGET, "spent", 1)
        parked = await one.docket.get(filed.case.issue)
        assert parked is not None
        await asyncio.gather(one.sweeper._unpark(parked), two.sweeper._unpark(parked))
        async with one.sweeper, two.sweeper:
            await eventually(lambda: is_in(one, CaseState.FIXED))
            for sweeper in (one.sweeper, two.sweeper):
                assert sweeper._task is not None
                assert not sweeper._task.done()


async def is_in(mine: Shift, state: CaseState) -> bool:
    return (await mine.only()).state is state


@pytest.mark.parametrize("key", ["due", "worker", "case", "counted"])
async def test_rule_a8_a_damaged_entry_does_not_stop_the_sweeper(
    bus: JetStreamBus, key: str
) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        await mine.docket.give_back(await mine.docket.open(await opened(mine)))
        if key == "case":
            await mine.bucket.put("case." + "0" * 32, b"{broken")
            await mine.docket.call("0" * 32, 0)
        else:
            await mine.bucket.put(key if key == "counted" else f"{key}.broken", b"{broken")
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 10)
            assert (await mine.only()).state is CaseState.FIXED


async def test_rule_a1_a_parked_case_whose_note_was_lost_is_found(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        filed = await mine.docket.open(await opened(mine))
        await mine.investigation._saver.park(filed, ParkReason.BUDGET, "spent", 1)
        await mine.docket.dismiss(filed.case.issue)
        async with mine.sweeper:
            await eventually(lambda: is_in(mine, CaseState.FIXED))


async def test_rule_a2_a_case_that_waits_for_a_person_is_not_woken_by_an_old_note(
    bus: JetStreamBus,
) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        filed = await mine.docket.open(await opened(mine))
        await mine.investigation._saver.park(filed, ParkReason.PERSON, "look", 0)
        await mine.docket.call(filed.case.issue, 0)
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 10)
            await eventually(lambda: no_calls(mine))
        assert (await mine.only()).state is CaseState.PARKED


async def no_calls(mine: Shift) -> bool:
    return not await mine.docket.called()


async def test_rule_a2_trouble_with_saving_does_not_pay_an_agent_twice(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        mine.bucket.full = 1
        mine.bucket.losing = ["update case"] * 2
        outcome = await mine.orchestrator.handle(await mine.message())
        assert outcome.state is DeliveryState.SETTLED
        assert mine.crew.calls == ["research", "implement", "prove", "review"]


async def test_rule_a2_a_huge_change_ends_its_case_and_is_made_once(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus, Crew(patch="x" * (PATCH_BYTES + 1))) as mine:
        await asyncio.wait_for(mine.orchestrator.handle(await mine.message()), 20)
        case = await mine.only()
        assert (case.state, case.verdict) == (CaseState.CLOSED, Verdict.REJECTED)
        assert mine.crew.calls == ["research", "implement"]


async def test_rule_a2_what_the_server_will_never_take_blocks_the_case(bus: JetStreamBus) -> None:
    await publish(bus)

    class Boundless(Crew):
        async def research(self, case: Case) -> tuple[Finding, Cost]:
            found, cost = await super().research(case)
            return replace(found, cause="x" * 2_000_000), cost

    async with shift(bus, Boundless()) as mine:
        await asyncio.wait_for(mine.orchestrator.handle(await mine.message()), 20)
        assert (await mine.only()).verdict is Verdict.BLOCKED
        assert mine.crew.calls == ["research"]


async def test_rule_a4_a_bug_after_the_verdict_parks_and_a_person_goes_on(
    bus: JetStreamBus,
) -> None:
    await publish(bus)
    async with shift(bus, Crew(confidence=0)) as mine:
        mine.investigation.bus = _Broken(bus)
        outcome = await mine.orchestrator.handle(await mine.message())
        assert outcome.state is DeliveryState.PARKED
        case = await mine.only()
        assert (case.state, case.verdict) == (CaseState.PARKED, Verdict.NEEDS_HUMAN)
        mine.investigation.bus = bus
        await retry(mine.docket, case.case_id)
        async with mine.sweeper:
            await eventually(lambda: is_in(mine, CaseState.CLOSED))
        assert mine.crew.calls == ["research"]
        assert mine.delivered == []


class _Broken(JetStreamBus):
    """A bus of which one verb has a bug."""

    def __init__(self, bus: JetStreamBus) -> None:
        super().__init__(bus.api.client, bus.names, bus.api.denials)

    async def publish(self, subject: str, payload: bytes, **more: Any) -> Ack:  # noqa: ARG002 - only fails
        raise RuntimeError("a bug")


async def test_rule_a5_one_result_and_a_repeat_is_refused(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        await mine.orchestrator.handle(await mine.message())
        case = await mine.only()
        await mine.investigation._finishing.publish(case, Verdict.FIXED)
        found = [r async for r in bus.walk(bus.names.stream("RESULTS"), 10, 1 << 62)]
        assert [r.ref.subject for r in found] == [bus.names.result("fixed", case.case_id)]


async def test_rule_a5_a_foreign_message_with_our_id_does_not_swallow_the_result(
    bus: JetStreamBus,
) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        case = await opened(mine)
        await bus.publish(bus.names.result("x", "y"), b"{}", msg_id=case.case_id)
        await mine.orchestrator.handle(await mine.message())
        found = [r async for r in bus.walk(bus.names.stream("RESULTS"), 10, 1 << 62)]
        assert bus.names.result("fixed", case.case_id) in [r.ref.subject for r in found]


async def test_rule_a6_an_old_reply_settles_a_message_whose_deliveries_ran_out(
    bus: JetStreamBus,
) -> None:
    """The holder's own delivery is long past when it comes to its end."""
    await publish(bus)
    replies: list[Received] = []
    spent = asyncio.Event()

    async def handle(received: Received) -> Outcome:
        replies.append(received)
        if len(replies) == 3:
            spent.set()
        return Outcome(state=DeliveryState.LOST)

    async with Worker(bus, [STREAM], handle, pace=Pace(retry_s=0.05)) as worker:
        while not spent.is_set():
            await eventually(lambda: replies)
            await worker._settler.later(replies[-1], 0)
            with suppress(TimeoutError):
                await asyncio.wait_for(spent.wait(), 0.2)
    await worker._settler.later(replies[-1], 0)
    assert await bus.settle(replies[0].ref)
    assert await bus.peek(STREAM, 1) is None


async def test_rule_a2_two_cases_share_one_day_of_money(bus: JetStreamBus) -> None:
    crew = Crew(cost=2.0, confidence=0)
    crew.going.clear()
    await publish(bus)
    await publish(bus, type="ValueError", error="ValueError: y")
    async with shift(bus, crew, day_usd=3.0, run_usd=2.0) as mine:
        both = asyncio.gather(
            mine.orchestrator.handle(await mine.message(1)),
            mine.orchestrator.handle(await mine.message(2)),
        )
        await eventually(lambda: a_parked_case(mine))
        crew.going.set()
        outcomes = {outcome.state for outcome in await both}
        assert outcomes == {DeliveryState.PARKED, DeliveryState.SETTLED}
        assert crew.calls == ["research"]


async def a_parked_case(mine: Shift) -> bool:
    return any([f.case.state is CaseState.PARKED async for f in mine.docket.cases()])


async def test_rule_a11_a_person_may_try_again_from_everywhere_it_makes_sense(
    bus: JetStreamBus,
) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        await mine.orchestrator.handle(await mine.message())
        fixed = await mine.only()
        assert fixed.state is CaseState.FIXED
        with pytest.raises(ConfigError, match="counts as not wanted"):
            await retry(mine.docket, fixed.case_id)
        again = await retry(mine.docket, fixed.case_id, sure=True)
        assert (again.state, again.episode, again.verdict) == (CaseState.OPEN, 2, None)
        async with mine.sweeper:
            await eventually(lambda: is_in(mine, CaseState.FIXED))
        assert mine.delivered == [fixed.case_id, again.case_id]


async def test_rule_a11_a_silenced_case_is_taken_out_of_a_workers_hands(bus: JetStreamBus) -> None:
    """Nothing more is done or spent; it goes on when its time comes, or when a person says so."""
    await publish(bus)
    crew = Crew()
    crew.going.clear()
    async with shift(bus, crew) as mine:
        working = asyncio.create_task(mine.orchestrator.handle(await mine.message()))
        await eventually(lambda: crew.calls == ["research"])
        later = time.time_ns() + 3600 * 10**9
        silent = await silence(mine.docket, (await mine.only()).issue, "known", later)
        assert silent.parking is not None
        assert silent.parking.reason is ParkReason.SILENCED
        crew.going.set()
        assert (await working).state is DeliveryState.LOST
        outcome = await mine.orchestrator.handle(await mine.message())
        assert outcome.state is DeliveryState.PARKED
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 10)
            assert crew.calls == ["research"]
            assert (await mine.only()).state is CaseState.PARKED
            await silence(mine.docket, silent.issue, "a moment", 1)
            await eventually(lambda: is_in(mine, CaseState.FIXED))
        with pytest.raises(IllegalMove, match="nothing is being done"):
            await silence(mine.docket, silent.issue, "late", 0)


async def test_rule_a10_a_holder_stops_before_others_may_take_its_cases(
    bus: JetStreamBus, server: RealServer, names: Names
) -> None:
    async with Roster(bus.bucket(names.bucket("DOCKET")), "w1", heartbeat_s=0.4) as one:
        server.kill()
        began = asyncio.get_running_loop().time()
        await asyncio.wait_for(one.lost.wait(), 20)
        assert asyncio.get_running_loop().time() - began < 3.5 * 0.4
    await server.restart()
    await eventually(lambda: answers(bus))


async def answers(bus: JetStreamBus) -> bool:
    with suppress(Unreachable):
        return await bus.stream(STREAM) is not None
    return False


async def test_rule_a1_a_report_that_grew_beyond_the_limit_still_has_a_case(
    bus: JetStreamBus,
) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        case = replace(await opened(mine), report=b'{"error": "' + b"x" * 3_000_000 + b'"}')
        filed = await mine.docket.open(case)
        assert await mine.docket.get(case.issue) == filed


async def test_rule_a8_a_rebuilt_docket_knows_the_latest_episode(
    bus: JetStreamBus, tmp_path: Path
) -> None:
    """With an older one the next result would be refused as a repeat, and nobody be told."""
    (tmp_path / "shop").mkdir()
    await build_repository(tmp_path / "shop")
    for episode in (1, 2, 3):
        await bus.publish(bus.names.result("not_fixed", f"{'a' * 32}-e{episode}"), b"{}")
    repository = await CaseRepository.open(tmp_path / "shop", tmp_path / "state")
    async with shift(bus) as mine:
        assert await rebuild(mine.docket, bus, {"": repository}, "mendwire") == 1
        assert (await mine.only()).episode == 3
