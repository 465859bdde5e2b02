"""A proven fix is not given up because a remote or a forge does not answer just now."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from mendwire.errors import ExecutionError, ForgeAway, ForgeError, RemoteAway
from mendwire.investigate import handing
from mendwire.model.case import Answer, Case, CaseState, Delivered, ParkReason, Verdict
from mendwire.model.rework import reworked
from mendwire.ops.cases import retry
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_rules import Crew, Shift, eventually, is_in, publish, shift

AWAY = (ForgeAway("The forge is busy."), RemoteAway("git push timed out."))


def failing(mine: Shift, *problems: ExecutionError) -> None:
    """Handing over goes wrong so often, then well."""
    left, well = list(problems), mine.investigation.deliver

    async def deliver(case: Case) -> Delivered:
        if left:
            raise left.pop(0)
        return replace(await well(case), request_number=1)

    mine.investigation.deliver = deliver


async def handled(bus: JetStreamBus, mine: Shift) -> Case:
    await publish(bus)
    await mine.orchestrator.handle(await mine.message())
    return await mine.only()


@pytest.mark.parametrize("problem", AWAY)
async def test_it_waits_and_is_handed_over_later_and_nothing_is_paid_again(
    bus: JetStreamBus, problem: ExecutionError, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handing, "HAND_OVER_WAITS_S", (0, 0))
    async with shift(bus) as mine:
        failing(mine, problem, problem)
        case = await handled(bus, mine)
        assert case.state is CaseState.PARKED
        assert case.parking is not None
        assert (case.parking.reason, case.held_up) == (ParkReason.OUTAGE, 1)
        assert case.parking.note == str(problem)
        async with mine.sweeper:
            await eventually(lambda: is_in(mine, CaseState.FIXED))
        case = await mine.only()
        assert (case.verdict, case.held_up) == (Verdict.FIXED, 0)
        assert mine.crew.calls == ["research", "implement", "prove", "review"]


async def test_the_pauses_grow_and_end_with_a_person_who_begins_anew(bus: JetStreamBus) -> None:
    waits = handing.HAND_OVER_WAITS_S
    assert list(waits) == sorted(waits)
    async with shift(bus) as mine:
        failing(mine, *AWAY, *AWAY, *AWAY, *AWAY)
        case = await handled(bus, mine)
        for tries, wait_s in enumerate(waits, start=1):
            assert case.held_up == tries
            assert case.parking is not None
            assert case.parking.until_ns > time.time_ns() + (wait_s - 60) * 1e9
            filed = await mine.docket.get(case.issue)
            assert filed is not None
            await mine.orchestrator.inherit(await mine.sweeper._unpark(filed))
            case = await mine.only()
        assert case.parking is not None
        assert (case.parking.reason, case.parking.until_ns) == (ParkReason.PERSON, 0)
        assert (await retry(mine.docket, case.case_id)).held_up == 0


async def test_what_was_refused_waits_for_a_person_at_once(bus: JetStreamBus) -> None:
    async with shift(bus) as mine:
        failing(mine, ForgeError("The token may not."))
        case = await handled(bus, mine)
        assert case.parking is not None
        assert case.parking.reason is ParkReason.PERSON


async def test_a_round_for_reviewers_is_not_thrown_away_either(
    bus: JetStreamBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with shift(bus, Crew()) as mine:
        failing(mine)
        case = await handled(bus, mine)
        filed = await mine.docket.get(case.issue)
        assert filed is not None
        monkeypatch.setattr(handing, "HAND_OVER_WAITS_S", (0,))
        mine.crew.patch = "another diff"
        failing(mine, AWAY[0])
        await mine.docket.change(filed, lambda now: reworked(now, "please", ("comment-1",)))
        await mine.docket.call(case.issue, 0)
        async with mine.sweeper:
            await eventually(lambda: is_in(mine, CaseState.FIXED))
        case = await mine.only()
        assert case.change is not None
        assert (case.answer, case.change.patch) == (Answer.AGAIN, "another diff")
        assert mine.crew.calls[4:] == ["implement", "prove", "review"]
