"""What is out of the ordinary, by what was learned."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.notify.spike import Spike, spike

WEEK = 168


def judged(by_hour: list[int], *, seen_h: int = WEEK, least: int = 20) -> Spike | None:
    return spike(by_hour, times=4.0, least=least, seen_h=seen_h)


@pytest.mark.parametrize(
    ("past", "now", "is_spike"),
    [
        (0, 19, False),  # too few
        (0, 20, True),  # quiet for a week
        (10, 39, False),  # not four times
        (10, 60, True),
        (100, 390, False),
        (100, 500, True),
    ],
)
def test_a_steady_service(past: int, now: int, is_spike: bool) -> None:
    assert (judged([past] * (WEEK - 1) + [now]) is not None) is is_spike


def test_nothing_is_out_of_the_ordinary_before_a_day_was_seen() -> None:
    young = [0] * (WEEK - 20) + [5] * 19 + [500]
    assert judged(young, seen_h=20) is None
    assert judged([5] * 30 + [500], seen_h=31) == Spike(count=500, usual=5.0)


def test_a_batch_that_runs_at_the_same_hour_of_each_day_is_usual() -> None:
    nightly = [400 if hour % 24 == 23 else 2 for hour in range(WEEK)]
    assert judged(nightly) is None
    assert judged([*nightly[1:-1], 2, 400]) is None or nightly[-1] == 400
    moved = [400 if hour % 24 == 11 else 2 for hour in range(WEEK - 1)] + [400]
    assert judged(moved) is not None


def test_a_spike_that_goes_on_does_not_excuse_itself_at_once() -> None:
    assert judged([5] * (WEEK - 3) + [200, 200, 200]) is not None


def test_chance_alone_rarely_looks_like_a_spike() -> None:
    chance = random.Random(7)
    found = 0
    for _ in range(500):
        rate = chance.choice([0.5, 3, 8, 30])
        hours = [sum(chance.random() < rate / 100 for _ in range(100)) for _ in range(WEEK)]
        found += judged(hours) is not None
    assert found == 0


@given(st.lists(st.integers(0, 10**6), max_size=WEEK), st.integers(0, WEEK))
def test_any_counts_are_judged(by_hour: list[int], seen_h: int) -> None:
    found = judged(by_hour, seen_h=seen_h)
    if found is not None:
        assert found.count >= 20
        assert found.count >= 4 * found.usual
