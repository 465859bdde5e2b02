"""The seed's triggers, from figures: 80 % full, 1000 messages a second, several projects."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mendwire.ops.capacity import judged, room_of
from mendwire.wire.infos import StreamInfo, stream_info

DAY = 86_400 * 10**9
NOW = 20_000 * DAY


def stream(name: str = "SHOP_RESULTS", *, holds: int, limit: int, days: float) -> StreamInfo:
    first = NOW - int(days * DAY)
    stamp = f"{_date(first)}"
    state: dict[str, Any] = {"messages": 5, "bytes": holds, "first_ts": stamp, "last_ts": stamp}
    state |= {"first_seq": 1, "last_seq": 5, "consumer_count": 0}
    config = {"name": name, "subjects": ["shop.results.>"], "max_bytes": limit, "max_age": 0}
    config |= {"retention": "limits", "discard": "new"}
    return stream_info({"config": config, "state": state, "created": stamp})


def _date(moment_ns: int) -> str:

    return datetime.fromtimestamp(moment_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_room_and_how_long_it_lasts() -> None:
    room = room_of(stream(holds=1_000, limit=11_000, days=10), NOW)
    assert room.grows == pytest.approx(100)
    assert room.share == pytest.approx(1 / 11)
    assert room.months == pytest.approx(100 / 30.44)


def test_a_young_stream_or_one_without_limit_is_not_guessed_at() -> None:
    assert room_of(stream(holds=1_000, limit=11_000, days=0.5), NOW).months is None
    free = room_of(stream(holds=1_000, limit=-1, days=10), NOW)
    assert (free.share, free.months) == (0.0, None)


def test_all_is_well() -> None:
    account = {"storage": 1_000, "streams": 1, "limits": {"max_storage": -1}}
    found = judged([stream(holds=1_000, limit=11_000, days=10)], account, 3.0, NOW)
    assert found.advice == ()
    assert found.account.max_bytes == -1


def test_each_trigger_has_its_remedy() -> None:
    full = stream(holds=9_000, limit=10_000, days=10)
    account = {"storage": 900, "streams": 4, "limits": {"max_storage": 1_000}}
    found = judged([full], account, 1_200.0, NOW)
    told = {advice.trigger: f"{advice.found} {advice.remedy}" for advice in found.advice}
    assert [advice.trigger for advice in found.advice].count("over 80% full") == 2
    assert "account's storage holds 90% of its 1000 bytes" in told["over 80% full"]
    assert "e2-small" in told["more than 1000 messages a second"]
    assert "3 streams" in told["several projects"]
    assert found.streams[0].name == "SHOP_RESULTS"
