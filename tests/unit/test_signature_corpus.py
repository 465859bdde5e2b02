"""The development corpus beside the checkout, where it is: nothing lost, little repeated.

An error is a group in a release. It is lost where each of its reports was dropped as a repeat of
another family's; a repeat leaks where its error was published before under another signature.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from mendwire.model.report import report_of
from mendwire.model.signature import keys

CORPUS = Path(__file__).parents[3] / "shared" / "corpora" / "signature" / "dev.jsonl"
MOST_LEAKED = {"framed": 0.05, "log": 0.10}


def rows() -> list[dict[str, Any]]:
    if not CORPUS.exists():
        pytest.skip("the corpus of labelled reports is not beside this checkout")
    return [json.loads(line) for line in CORPUS.read_text("utf-8").splitlines()]


def signature(row: dict[str, Any]) -> str:
    report = report_of(row["report"])
    return keys(report, namespace="shop", environment="production").signature


@pytest.mark.parametrize("kind", ["framed", "log"])
def test_nothing_is_lost_and_little_leaks(kind: str) -> None:
    releases: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows():
        if (row["language"] == "log") == (kind == "log"):
            releases[row["report"]["context"]["release"]].append(row)
    lost, leaked, repeats = 0, 0, 0
    for reports in releases.values():
        random.Random(7).shuffle(reports)
        owner: dict[str, str] = {}
        published: Counter[str] = Counter()
        safe = set()
        for row in reports:
            key = signature(row)
            if key not in owner:
                owner[key] = row["family"]
                published[row["group"]] += 1
            if owner[key] == row["family"]:
                safe.add(row["group"])
        groups = {row["group"] for row in reports}
        lost += len(groups - safe)
        leaked += sum(max(0, published[group] - 1) for group in groups)
        repeats += len(reports) - len(groups)
    assert lost == 0
    assert leaked <= MOST_LEAKED[kind] * repeats
