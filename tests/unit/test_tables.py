"""Lists on a terminal of any width, and in a pipe."""

from __future__ import annotations

import contextlib
import io
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from mendwire.cli.tables import print_table

COLUMNS = ("case", "state", "title", "branch")
ROW = {
    "case": "0981bdf55427e9bc3f156c677699911e-e1",
    "state": "fixed",
    "title": "ValueError in total (shop.py)",
    "branch": "mendwire/0981bdf55427e9bc3f156c677699911e",
    "cost_usd": 0.0,
}
_BOLD = re.compile(r"\x1b\[\d*m")
BARE = ROW | {"case": "6fedd2ba-e1", "branch": ""}


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


def printed(
    rows: list[dict[str, Any]], capsys: pytest.CaptureFixture[str], *, as_json: bool = False
) -> list[str]:
    print_table(rows, COLUMNS, as_json, "No case yet.")
    return [line.rstrip() for line in _BOLD.sub("", capsys.readouterr().out).splitlines()]


def on_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", str(width))


def test_in_a_pipe_a_row_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    head, first, second = printed([ROW, BARE], capsys)
    assert head.split() == list(COLUMNS)
    assert first.split("  ")[-1] == ROW["branch"]
    assert second.startswith("6fedd2ba-e1 ")
    assert second.endswith("(shop.py)")


def test_a_wide_terminal_has_a_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 130)
    assert len(printed([ROW], capsys)) == 2


def test_where_it_fits_texts_alone_are_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 114)
    lines = printed([ROW], capsys)
    assert all(len(line) <= 114 for line in lines)
    assert f"{ROW['case']}  fixed  ValueError in total" in lines[1]
    assert lines[1].endswith(str(ROW["branch"]))
    assert lines[2].strip() == "(shop.py)"


def test_a_narrow_terminal_has_a_field_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    on_terminal(monkeypatch, 80)
    assert printed([ROW, BARE], capsys) == [
        "case    0981bdf55427e9bc3f156c677699911e-e1",
        "state   fixed",
        "title   ValueError in total (shop.py)",
        "branch  mendwire/0981bdf55427e9bc3f156c677699911e",
        "",
        "case    6fedd2ba-e1",
        "state   fixed",
        "title   ValueError in total (shop.py)",
    ]


def test_no_row_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed([], capsys) == ["No case yet."]
    assert printed([], capsys, as_json=True) == ["[]"]
    (line,) = printed([ROW], capsys, as_json=True)
    assert json.loads(line) == [ROW]


@given(
    rows=st.lists(
        st.fixed_dictionaries(dict.fromkeys(COLUMNS, st.text(max_size=60))), min_size=1, max_size=4
    ),
    width=st.integers(min_value=1, max_value=200),
)
def test_whatever_stands_in_it_no_escape_and_no_broken_row(
    rows: list[dict[str, Any]], width: int
) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setenv("COLUMNS", str(width))
        print_table(rows, COLUMNS, False, "none")
    lines = out.getvalue().split("\n")
    assert len(lines) == 1 + len(rows) + 1
    assert "\x1b" not in out.getvalue()
    assert len({cell_len(line) for line in lines[:-1]}) == 1, "aligned"
