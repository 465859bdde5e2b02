"""A day's money is given out bit by bit, and always enough for one run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.investigate.pacing import Purse

MIDNIGHT = datetime(2026, 11, 26, tzinfo=UTC)
PURSE = Purse(day=20.0, run=2.0, at_once=0.25)


@pytest.mark.parametrize(
    ("hour", "allowed"), [(0, 5.0), (6, 10.0), (12, 15.0), (18, 20.0), (23, 20.0)]
)
def test_a_quarter_at_once_and_the_rest_with_the_day(hour: int, allowed: float) -> None:
    assert PURSE.allowed(MIDNIGHT + timedelta(hours=hour)) == pytest.approx(allowed)


def test_one_run_is_always_allowed_that_the_day_can_pay() -> None:
    assert Purse(day=3, run=2, at_once=0.0).allowed(MIDNIGHT) == 2
    assert Purse(day=1, run=2, at_once=0.0).allowed(MIDNIGHT) == 1


def test_what_does_not_fit_into_the_day_waits_for_the_next() -> None:
    again = PURSE.next_run_ns(MIDNIGHT + timedelta(hours=20), 19.0)
    assert again == int((MIDNIGHT + timedelta(days=1)).timestamp()) * 10**9


@given(
    day=st.floats(1, 1000),
    run=st.floats(0.01, 50),
    at_once=st.floats(0, 1),
    used=st.floats(0, 1000),
    seconds=st.integers(0, 86_399),
)
def test_when_it_is_said_to_fit_it_fits(
    day: float, run: float, at_once: float, used: float, seconds: int
) -> None:
    purse = Purse(day=day, run=run, at_once=at_once)
    now = MIDNIGHT + timedelta(seconds=seconds)
    again = datetime.fromtimestamp(purse.next_run_ns(now, used) / 10**9, UTC)
    assert again > now
    if again < MIDNIGHT + timedelta(days=1):
        assert used + run <= purse.allowed(again) + 1e-9
