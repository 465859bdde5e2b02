"""Counts of what came when: added by several workers at once, bounded, kept for a week."""

from __future__ import annotations

import asyncio
import time

import pytest

from mendwire.app.meter import Meter
from mendwire.docket.cases import Docket
from mendwire.docket.slots import KEPT, MOST, OTHERS, Slots, slot_of
from mendwire.errors import Unreachable
from mendwire.model.case import Case
from mendwire.model.names import Names
from mendwire.ops.pulse import rates
from mendwire.wire.bus import Bucket
from mendwire.wire.jetstream import JetStreamBus


@pytest.fixture
def bucket(bus: JetStreamBus, names: Names) -> Bucket:
    return bus.bucket(names.bucket("DOCKET"))


async def test_workers_that_add_at_once_lose_nothing(bucket: Bucket) -> None:
    slots = Slots(bucket=bucket)
    await asyncio.gather(*(slots.add(KEPT + 5, {("staging", f"s{n % 3}"): n}) for n in range(12)))
    (counts,) = (await slots.since(0)).values()
    assert sum(counts["staging"].values()) == sum(range(12))
    assert set(counts["staging"]) == {"s0", "s1", "s2"}


async def test_old_slots_go_and_one_slot_stays_small(bucket: Bucket) -> None:
    slots = Slots(bucket=bucket)
    await slots.add(1, {("staging", "old"): 1})
    await slots.add(KEPT + 2, {("staging", f"s{n}"): 1 for n in range(MOST + 20)})
    assert list(await slots.since(0)) == [KEPT + 2]
    counts = (await slots.since(0))[KEPT + 2]["staging"]
    assert counts[OTHERS] == 20
    await bucket.put("slot.7777777777", b"damaged")
    await slots.add(KEPT + 2, {("staging", "s1"): 1})
    assert (await slots.since(0))[KEPT + 2]["staging"]["s1"] == 2


async def test_rates_are_by_hour_with_the_newest_last(bucket: Bucket) -> None:
    slots = Slots(bucket=bucket)
    now = time.time_ns()
    last = slot_of(now / 1e9)
    await slots.add(last - 7, {("production", "shop"): 3})
    await slots.add(last, {("production", "shop"): 2, ("staging", ""): 9})
    first, second = await rates(slots, now, hours=3)
    assert (first.environment, first.last_hour) == ("staging", 9)
    assert (second.last_hour, second.day, second.by_hour) == (2, 5, (0, 3, 2))


async def test_repeats_find_the_place_of_their_issue_and_wait_for_the_server(
    bucket: Bucket,
) -> None:
    docket = Docket(bucket, "worker")
    await docket.file(Case(issue="a" * 32, environment="production", service="shop"))
    slots = Slots(bucket=bucket)
    meter = Meter(docket, slots)
    for issue, environment, count in (("a" * 32, "", 4), ("b" * 32, "staging", 1), ("c", "", 2)):
        fields = {"issue": issue, "environment": environment, "service": "", "count": count}
        meter.hear("error.counted", fields)
    meter.hear("case.opened", {})
    away = Meter(docket, slots)
    away._counts = meter._counts
    away._slots = Slots(bucket=Away())  # type: ignore[arg-type]  # a fault: nothing but refusals
    with pytest.raises(Unreachable):
        await away.tell()
    meter._counts = away._counts
    await meter.tell()
    await meter.tell()
    (counts,) = (await slots.since(0)).values()
    assert counts == {"production": {"shop": 4}, "staging": {"": 1}, "": {"": 2}}


class Away:
    """A bucket whose server is away."""

    async def get(self, _key: str) -> None:
        raise Unreachable("The server is away.")
