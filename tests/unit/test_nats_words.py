"""Times and sizes as the `nats` command writes them."""

from __future__ import annotations

import pytest

from mendwire.cli.nats_words import duration, message_json, message_lines, size
from mendwire.model.delivery import MessageRef, Received

SECOND = 10**9


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (259 * 10**6, "259ms"),
        (2_530 * 10**6, "2.53s"),
        (2 * SECOND, "2s"),
        (10 * 60 * SECOND, "10m0s"),
        (3600 * SECOND, "1h0m0s"),
        (86_400 * SECOND, "1d0h0m0s"),
        (30 * 86_400 * SECOND, "30d0h0m0s"),
        (400 * 86_400 * SECOND, "1y35d0h0m0s"),
    ],
)
def test_durations(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (-1, "unlimited"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (214_748_364, "205 MiB"),
        (1 << 50, "1024 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, ""), (500_000_000, ".5"), (508_564_330, ".50856433"), (7, ".000000007")],
)
def test_fractions_of_seconds(fraction: int, text: str) -> None:
    ref = MessageRef(
        stream="S", stream_created="", seq=1, subject="s", reply="", msg_id="", sha256=""
    )
    received = Received(
        ref=ref, payload=b"", headers={}, deliveries=0, published_ns=1_000 * SECOND + fraction
    )
    assert message_json(received)["time"] == f"1970-01-01T00:16:40{text}Z"
    first = next(iter(message_lines(received, 2_000 * SECOND)))
    assert f" received 1970-01-01 00:16:40{text} +0000 UTC (16m" in first
