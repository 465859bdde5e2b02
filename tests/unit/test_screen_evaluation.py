"""Shares and their intervals, and rows that are none."""

from __future__ import annotations

import json

import pytest

from mendwire.errors import MendwireError
from mendwire.model.screening import ScreenVerdict
from mendwire.screen.evaluation import Row, Tally, read_rows, wilson


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [
        (0, 0, 0.0, 1.0),
        (0, 3317, 0.0, 0.001157),
        (10, 10, 0.722467, 1.0),
        (50, 100, 0.403832, 0.596168),
    ],
)
def test_intervals_hold_near_the_ends(hits: int, rows: int, low: float, high: float) -> None:
    assert list(wilson(hits, rows)) == pytest.approx([low, high], abs=1e-5)


def test_rows_are_counted_by_group_and_in_all() -> None:
    tally = Tally()
    for group, verdict in (("a", ScreenVerdict.REJECT), ("a", ScreenVerdict.PASS)):
        tally.add(Row(text="", is_attack=True, group=group), verdict)
    tally.add(Row(text="", is_attack=True, group="b"), ScreenVerdict.RESTRICT)
    tally.add(Row(text="", is_attack=False, group="a"), ScreenVerdict.PASS)
    shown = [(share.is_attack, share.group, share.rows, share.stopped) for share in tally.shares()]
    assert shown == [
        (True, "a", 2, 1),
        (True, "b", 1, 1),
        (True, "all", 3, 2),
        (False, "a", 1, 0),
        (False, "all", 1, 0),
    ]
    everything = tally.all(attacks=True)
    assert everything is not None
    assert (everything.rejected, round(everything.share, 3)) == (1, 0.667)


def test_rows_hold_texts_or_reports() -> None:
    lines = [
        json.dumps({"label": "attack", "text": "x", "source": "s"}).encode(),
        b"",
        json.dumps({"label": "benign", "report": {"error": "é"}}).encode(),
    ]
    rows = list(read_rows(lines, "source"))
    assert rows[0] == Row(text="x", is_attack=True, group="s")
    assert rows[1] == Row(text='{"error": "é"}', is_attack=False, group="-")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"nope", "Line 1 is not JSON"),
        (b'{"text": "x"}', 'Line 1 needs "label"'),
        (b'{"label": "attack"}', 'Line 1 needs "label"'),
        (b'["attack"]', 'Line 1 needs "label"'),
    ],
)
def test_a_bad_row_is_named(line: bytes, says: str) -> None:
    with pytest.raises(MendwireError, match=says):
        list(read_rows([line], "source"))
