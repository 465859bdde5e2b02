from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import ConfigError
from mendwire.model.pace import HOUR, Pace, minute_of, quickened
from mendwire.settings.config import Config, read_config
from mendwire.settings.rate import per_hour
from mendwire.settings.sorting import Cases, Observe

MINUTE_NS = 60 * 10**9
EVENTS = st.lists(st.tuples(st.integers(0, 300), st.integers(1, 50)), max_size=40)


@given(EVENTS)
def test_the_sum_is_what_came_within_an_hour_of_the_newest(
    events: list[tuple[int, int]],
) -> None:
    pace = Pace()
    for minute, count in events:
        pace = quickened(pace, {minute: count})
    newest = max((minute for minute, _ in events), default=0)
    late = [minute for minute, _ in pace.minutes]
    assert late == sorted(set(late))
    assert len(late) <= HOUR
    assert all(minute > newest - HOUR for minute in late)
    in_order = Pace()
    for minute, count in sorted(events):
        in_order = quickened(in_order, {minute: count})
    assert in_order.last_hour == sum(n for minute, n in events if minute > newest - HOUR)
    # What arrives late, from long before the newest, never makes it more than it was.
    assert pace.last_hour == in_order.last_hour


def test_an_hour_later_nothing_of_it_counts() -> None:
    pace = quickened(Pace(), {minute_of(MINUTE_NS * 100): 3})
    assert pace.within_hour(MINUTE_NS * 159) == 3
    assert pace.within_hour(MINUTE_NS * 160) == 0


@pytest.mark.parametrize("text", ["20", "0/h", "20/m", "-1/h", "20 /h", "", "9" * 10 + "/h"])
def test_what_is_no_rate_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is no rate: say how many within an hour"):
        per_hour(text)
    assert per_hour(" 20/h ") == 20


def test_the_first_that_fits_counts() -> None:
    cases = Cases(
        observe_until="20/h",
        observe=(
            Observe(environment="staging", service="shop-*", until="5/h"),
            Observe(environment="staging"),
            Observe(service="billing", until="7/h"),
        ),
    )
    found = {
        place: cases.rate(*place)
        for place in (
            ("staging", "shop-web"),
            ("staging", "mail"),
            ("production", "billing"),
            ("production", "shop-web"),
        )
    }
    assert list(found.values()) == [5, 0, 7, 20]
    assert Config().cases.rate("production", "shop") == 0


def test_a_rate_in_the_file_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "mendwire.toml"
    file.write_text('[cases]\nobserve_until = "often"\n')
    with pytest.raises(ConfigError, match=r"cases\.observe_until: .*'often' is no rate"):
        read_config(file, tmp_path)
