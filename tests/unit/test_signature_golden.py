"""The golden vectors: what version 1 made of these reports, it makes of them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from mendwire.model.report import parse_report
from mendwire.model.signature import VERSION, canonical, keys

FILE = Path(__file__).parents[1] / "golden" / "signature" / "v1.jsonl"
VECTORS: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


def test_there_are_enough_and_no_two_have_one_name() -> None:
    assert len(VECTORS) >= 300
    assert len({one["name"] for one in VECTORS}) == len(VECTORS)
    assert VERSION == "v1"


@pytest.mark.parametrize("one", VECTORS, ids=lambda one: one["name"])
def test_what_came_out_comes_out(one: dict[str, Any]) -> None:
    report = parse_report(json.dumps(one["report"]).encode())
    scope = {name: one[name] for name in ("namespace", "environment", "source")}
    found = keys(report, **scope)
    assert json.loads(json.dumps(asdict(canonical(report)))) == one["canonical"]
    assert (found.signature, found.issue_key) == (one["signature"], one["issue_key"])
