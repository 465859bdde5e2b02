"""Allowances over a clock that is ours: what is let in, what waits, and for how long."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import Refused
from mendwire.gateway.keys import Key, Rates
from mendwire.gateway.ledger import Allowance
from mendwire.gateway.memory import shared_file, shared_memory
from mendwire.gateway.quota import Capacity, Meters
from mendwire.model.report import Trust

KEY = Key(
    id="k", name="shop", project=1, digest="d", environments=("staging",), trust=Trust.TRUSTED
)
LOW = replace(KEY, id="low", service="page", trust=Trust.LOW)
WIDE = Capacity(bytes_hour=3_600_000, signatures_hour=3_600, reserve=0.5)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def taken(meters: Meters, key: Key, most: int = 10_000) -> int:
    """How many distinct errors are let in before one is refused."""
    for count in range(most):
        try:
            meters.take_signature(key)
        except Refused:
            return count
    return most


@given(
    most=st.integers(1, 1_000),
    steps=st.lists(st.tuples(st.floats(0, 50), st.integers(1, 50)), max_size=60),
)
def test_never_more_than_the_limit_and_a_full_bucket(
    most: int, steps: list[tuple[float, int]]
) -> None:
    bucket, now, let_in = Allowance(most, 60.0, [most, 0.0]), 0.0, 0
    for pause, amount in steps:
        now += pause
        if amount <= most and bucket.wait(amount, now) == 0:
            bucket.take(amount, now)
            let_in += amount
    assert let_in <= most + most * now / 60.0 + 1e-6


@given(most=st.integers(1, 100), amount=st.integers(1, 100), used=st.integers(0, 100))
def test_after_the_wait_it_is_there(most: int, amount: int, used: int) -> None:
    bucket = Allowance(most, 60.0, [most, 0.0])
    bucket.take(used, 0.0)
    wait = bucket.wait(amount, 0.0)
    assert bucket.wait(amount, wait + 1e-6) == 0


def test_a_minutes_quota_and_when_to_come_again() -> None:
    clock = Clock()
    meters, key = Meters(WIDE, clock), replace(KEY, events=Rates(minute=6, hour=100))
    for _ in range(6):
        meters.take_event(key)
    with pytest.raises(Refused) as refused:
        meters.take_event(key)
    assert (refused.value.status, refused.value.reason) == (429, "quota_events")
    assert refused.value.retry_after_s == 10
    clock.now += 10
    meters.take_event(key)


def test_a_key_without_events_may_still_tell_what_it_lost() -> None:
    meters, key = Meters(WIDE, Clock()), replace(KEY, events=Rates(day=1))
    meters.take_event(key)
    with pytest.raises(Refused):
        meters.take_event(key)
    meters.admit(key)


def test_bytes_are_counted_and_a_key_without_them_is_not_read() -> None:
    meters, key = Meters(WIDE, Clock()), replace(KEY, bytes=Rates(hour=1_000))
    meters.take_bytes(key, 1_000)
    with pytest.raises(Refused, match="bytes"):
        meters.admit(key)


def test_rule_b2_low_trust_leaves_the_reserve() -> None:
    meters = Meters(WIDE, Clock())
    assert taken(meters, LOW) == 1_800
    assert taken(meters, replace(LOW, id="other")) == 0
    assert taken(meters, KEY) == 1_800


def test_a_share_is_the_most_that_one_key_takes() -> None:
    meters = Meters(WIDE, Clock())
    assert taken(meters, replace(LOW, share=0.1)) == 360
    assert taken(meters, replace(LOW, id="other", signatures_hour=5)) == 5


def test_what_shares_memory_shares_every_allowance() -> None:
    """Two maps of one file, as two processes have them."""
    file, clock = shared_file(), Clock()
    first, second = (Meters(WIDE, clock, shared_memory(file)) for _ in range(2))
    few = replace(KEY, signatures_hour=10)
    assert taken(first, few, 6) == 6
    assert taken(second, few) == 4
    assert taken(first, few) == 0
    assert taken(second, LOW) == 1_800
    assert taken(first, replace(LOW, id="other")) == 0
    clock.now += 360
    assert (taken(first, few), taken(second, few)) == (1, 0)
    os.close(file)


def test_a_changed_limit_counts_from_then_on() -> None:
    meters = Meters(WIDE, Clock())
    meters.take_event(replace(KEY, events=Rates(hour=1)))
    meters.take_event(replace(KEY, events=Rates(hour=2)))
