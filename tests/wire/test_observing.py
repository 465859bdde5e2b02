"""Observed cases: counted until their error comes often enough within an hour."""

from __future__ import annotations

import asyncio
import json

import pytest

from mendwire.errors import IllegalMove
from mendwire.model.case import CaseState, ParkReason
from mendwire.model.delivery import DeliveryState
from mendwire.ops.cases import listing, observe, retry
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_rules import STREAM, Crew, Shift, eventually, is_in, publish, shift


def patient(mine: Shift, rate: int) -> None:
    object.__setattr__(mine.orchestrator.intake, "rate", lambda _environment, _service: rate)


async def handle(mine: Shift, seq: int) -> DeliveryState:
    return (await mine.orchestrator.handle(await mine.message(seq))).state


async def test_a_new_error_is_counted_until_it_comes_often_enough(bus: JetStreamBus) -> None:
    for _ in range(3):
        await publish(bus)
    async with shift(bus) as mine:
        patient(mine, 3)
        assert await handle(mine, 1) is DeliveryState.PARKED
        case = await mine.only()
        assert case.parking is not None
        assert (case.parking.reason, case.parking.at_rate) == (ParkReason.OBSERVED, 3)
        assert await handle(mine, 1) is DeliveryState.PARKED, "a redelivery is not one more"
        assert await handle(mine, 2) is DeliveryState.JOINED
        assert [row.waits for row in await listing(mine.docket)] == ["observed, 2 of 3/h"]
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 10)
        assert mine.crew.calls == [], "no token is spent on what is only counted"
        assert await handle(mine, 3) is DeliveryState.SETTLED
        case = await mine.only()
        assert (case.state, case.occurrences) == (CaseState.FIXED, 3)
        assert await bus.peek(STREAM, 3) is None, "settled with the message that was enough"
        assert (await mine.docket.paces.of(case.issue)).last_hour == 0


async def test_repeats_that_publishers_count_end_it_too(bus: JetStreamBus) -> None:
    await publish(bus)
    async with shift(bus) as mine:
        patient(mine, 20)
        await handle(mine, 1)
        issue = (await mine.only()).issue
        body = json.dumps({"issue": issue, "count": 18}).encode()
        await bus.publish(bus.names.occurrences(issue), body)
        async with mine.sweeper:
            await eventually(lambda: counted(mine, issue, 19))
            assert mine.crew.calls == []
            await bus.publish(bus.names.occurrences(issue), b'{"count": 1}')
            await eventually(lambda: is_in(mine, CaseState.FIXED))


async def counted(mine: Shift, issue: str, count: int) -> bool:
    return (await mine.docket.paces.of(issue)).last_hour == count


async def test_a_person_has_a_case_observed_and_ends_it(bus: JetStreamBus) -> None:
    """Also out of a worker's hands; what came before does not count."""
    await publish(bus)
    await publish(bus)
    crew = Crew()
    crew.going.clear()
    async with shift(bus, crew) as mine:
        working = asyncio.create_task(mine.orchestrator.handle(await mine.message()))
        await eventually(lambda: crew.calls == ["research"])
        issue = (await mine.only()).issue
        watched = await observe(mine.docket, issue, "rare", 2)
        crew.going.set()
        assert (await working).state is DeliveryState.LOST
        assert await handle(mine, 1) is DeliveryState.PARKED
        assert await handle(mine, 2) is DeliveryState.JOINED
        assert watched.parking is not None
        assert watched.parking.note == "rare"
        await retry(mine.docket, issue)
        async with mine.sweeper:
            await eventually(lambda: is_in(mine, CaseState.FIXED))
        with pytest.raises(IllegalMove, match="nothing is being done"):
            await observe(mine.docket, issue, "late", 2)


async def test_two_workers_that_see_it_at_once_begin_once(bus: JetStreamBus) -> None:
    for _ in range(3):
        await publish(bus)
    async with shift(bus) as one, shift(bus, worker="w2") as two:
        patient(one, 2)
        await handle(one, 1)
        both = await asyncio.gather(handle(one, 2), handle(two, 3))
        assert sorted(both) == [DeliveryState.JOINED, DeliveryState.SETTLED]
        assert len(one.delivered) + len(two.delivered) == 1
        assert (await one.only()).occurrences == 3
