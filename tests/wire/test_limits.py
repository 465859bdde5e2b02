"""Money and patience end: for an issue, for the hour, and for a change that comes twice."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from mendwire.investigate.pacing import Purse
from mendwire.model.case import Case, CaseState, ParkReason, Verdict
from mendwire.model.work import Cost, Proof, ProofStatus, Review
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_rules import Crew, publish, shift


@dataclass
class Stubborn(Crew):
    """Its change is refused each time, and it offers it again each time."""

    approved: bool = False
    status: ProofStatus = ProofStatus.VALID

    async def prove(self, _case: Case) -> Proof:
        self.calls.append("prove")
        return Proof(status=self.status, reasons=("the suite says so",))

    async def review(self, _case: Case, called: str) -> tuple[Review, Cost]:
        self.calls.append(called)
        return Review(approved=self.approved, comments="not like this"), self.paid_each


async def test_an_issue_that_ate_its_money_waits_for_a_person(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus, Crew(cost=2.0), run_usd=2.0, issue_usd=4.0, day_usd=100.0) as mine:
        await mine.orchestrator.handle(await mine.message())
        case = await mine.only()
        assert mine.crew.calls == ["research", "implement", "prove"]
        assert (case.state, case.cost_usd) == (CaseState.PARKED, 4.0)
        assert case.parking is not None
        assert (case.parking.reason, case.parking.until_ns) == (ParkReason.BUDGET, 0)
        assert "raise limits.issue_usd" in case.parking.note


async def test_an_issue_that_ate_its_tokens_waits_for_a_person(bus: JetStreamBus) -> None:
    await publish(bus)
    crew = Crew(tokens=3_000)
    async with shift(bus, crew, run_tokens=4_000, issue_tokens=9_000) as mine:
        await mine.orchestrator.handle(await mine.message())
        case = await mine.only()
        assert mine.crew.calls == ["research", "implement", "prove"]
        assert (case.state, case.tokens, case.cost_usd) == (CaseState.PARKED, 6_000, 0.0)
        assert case.parking is not None
        assert (case.parking.reason, case.parking.until_ns) == (ParkReason.BUDGET, 0)
        assert "6000 tokens of 9000" in case.parking.note
        assert "raise limits.issue_tokens" in case.parking.note


async def test_the_tokens_of_the_day_are_spread_and_shared(bus: JetStreamBus) -> None:
    """Eight cases at once set aside what each may use: together never more than the day has."""
    for number in range(8):
        await publish(bus, type=f"E{number}", error=f"E{number}: x", service=f"s{number}")
    async with shift(bus, Crew(tokens=1_000), run_tokens=1_000, day_tokens=6_000) as mine:
        messages = [await mine.message(seq) for seq in range(1, 9)]
        await asyncio.gather(*map(mine.orchestrator.handle, messages))
        used = await mine.docket.used(f"{datetime.now(UTC):%Y%m%d}")
        cases = [filed.case async for filed in mine.docket.cases()]
        assert 3_000 <= used == sum(case.tokens for case in cases) <= 6_000
        waiting = [case.parking for case in cases if case.parking is not None]
        assert waiting
        assert all("of today's 6000 tokens" in parking.note for parking in waiting)
        assert all(parking.until_ns / 1e9 > datetime.now(UTC).timestamp() for parking in waiting)
        again = await mine.docket.reserve(f"{datetime.now(UTC):%Y%m%d}", "x", 1.0, 20.0)
        assert again is None, "what was set aside of the money is given back"


async def test_what_does_not_fit_into_the_money_of_the_day_waits(bus: JetStreamBus) -> None:
    await publish(bus)
    purse = Purse(day=2.4, run=2.0, at_once=0.0)
    before = datetime.now(UTC)
    async with shift(bus, Crew(cost=0.5), run_usd=2.0, day_usd=2.4, at_once=0.0) as mine:
        await mine.orchestrator.handle(await mine.message())
        case = await mine.only()
        assert mine.crew.calls == ["research"]
        assert case.state is CaseState.PARKED
        assert case.parking is not None
        assert case.parking.reason is ParkReason.BUDGET
        until = {purse.next_run_ns(at, 0.5) for at in (before, datetime.now(UTC))}
        assert case.parking.until_ns in until


async def test_a_first_start_on_an_old_backlog_is_throttled(bus: JetStreamBus) -> None:
    """All of it is filed and nothing lost; as much is worked on as the hour's money pays."""
    for number in range(15):
        await publish(bus, type=f"E{number}", error=f"E{number}: x", service=f"s{number}")
    crew = Crew(cost=2.0)
    async with shift(bus, crew, run_usd=2.0, issue_usd=8.0, day_usd=20.0, at_once=0.25) as mine:
        messages = [await mine.message(seq) for seq in range(1, 16)]
        await asyncio.gather(*map(mine.orchestrator.handle, messages))
        cases = [filed.case async for filed in mine.docket.cases()]
        now = datetime.now(UTC)
        spent = await mine.docket.spent(f"{now:%Y%m%d}")
        purse = Purse(day=20.0, run=2.0, at_once=0.25)
        assert 2.0 <= spent == sum(case.cost_usd for case in cases) <= purse.allowed(now)
        assert len(cases) == 15
        waiting = [case.parking for case in cases if case.parking is not None]
        assert len(waiting) >= 12
        assert {parking.reason for parking in waiting} == {ParkReason.BUDGET}
        assert all(parking.until_ns / 1e9 > now.timestamp() for parking in waiting)
        mended = sum(case.state is CaseState.FIXED for case in cases)
        assert mended + len(waiting) == 15


@pytest.mark.parametrize(
    ("status", "by"), [(ProofStatus.VALID, "reviewer"), (ProofStatus.INVALID, "suite")]
)
async def test_a_refused_change_that_comes_again_ends_the_case(
    bus: JetStreamBus, status: ProofStatus, by: str
) -> None:
    await publish(bus)
    async with shift(bus, Stubborn(status=status), rounds=9) as mine:
        await mine.orchestrator.handle(await mine.message())
        case = await mine.only()
        assert mine.crew.calls.count("implement") == 2
        assert (case.state, case.verdict) == (CaseState.CLOSED, Verdict.NOT_FIXED)
        assert case.reason.startswith("Offered twice: ")
        assert by in case.reason
