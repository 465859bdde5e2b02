"""What real programs printed: each error ran twice or more, from two roots, with other ids.

``runtimes.jsonl`` is what Ruby, PHP, Perl, Lua, Elixir, Erlang, C# (Mono), Go, Rust, C++ (also in
gdb and with Boost), Java, Python and Node wrote to standard error. Runs of one error are from two
folders, under other depths and ids, and where a runtime has two ways to tell it (Go 1.22 and 1.26;
an exception of PHP logged and as text), in both.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from mendwire.capture.traceback_text import body_of_text
from mendwire.model.report import ErrorReport, report_of
from mendwire.model.signature import Keys, canonical, crash_frame, keys

GOLDEN = Path(__file__).parents[1] / "golden" / "signature"
RUNS: list[dict[str, Any]] = [
    json.loads(line) for line in (GOLDEN / "runtimes.jsonl").read_text("utf-8").splitlines()
]
CASES = sorted({(run["language"], run["case"]) for run in RUNS})
PAIRS: list[dict[str, str]] = [
    json.loads(line) for line in (GOLDEN / "pairs.jsonl").read_text("utf-8").splitlines()
]
MOST_MERGED, MOST_LEAKED = 0.01, 0.02


def key(report: ErrorReport) -> Keys:
    return keys(report, namespace="shop", environment="production")


def reports(language: str, case: str) -> list[ErrorReport]:
    found = [run for run in RUNS if (run["language"], run["case"]) == (language, case)]
    return [ErrorReport(error=run["error"], stack=run["stack"], release="r1") for run in found]


@pytest.mark.parametrize(("language", "case"), CASES)
def test_the_runs_of_one_error_have_the_same_keys(language: str, case: str) -> None:
    assert len({key(report) for report in reports(language, case)}) == 1


@pytest.mark.parametrize(("language", "case"), CASES)
def test_they_have_the_same_keys_through_a_pipe(language: str, case: str) -> None:
    found = [report_of(body_of_text(report.stack)) for report in reports(language, case)]
    assert len({key(report) for report in found}) == 1


def test_no_two_errors_have_one_signature() -> None:
    found = {name: key(reports(*name)[0]).signature for name in CASES}
    assert [pair for pair in combinations(CASES, 2) if found[pair[0]] == found[pair[1]]] == []


@pytest.mark.parametrize(
    ("language", "case", "file", "line", "function"),
    [
        ("ruby", "chained", "cart.rb", 6, "rescue in chained"),
        ("php", "total", "cart.php", 4, "Cart->total"),
        ("perl", "conf", "cart.pl", 3, "main::conf"),
        ("lua", "total", "cart.lua", 1, "local 'total'"),
        ("elixir", "total", "cart.exs", 2, "Cart.total/1"),
        ("csharp", "lam", "cart.cs", 4, "Cart.Total"),
        ("rust", "deep", "cart.rs", 3, "cart::total"),
        ("c++ with ASan", "uaf", "cart.cpp", 8, "uaf(int)"),
    ],
)
def test_the_crash_is_where_it_was(
    language: str, case: str, file: str, line: int, function: str
) -> None:
    crash = crash_frame(reports(language, case)[0])
    assert crash is not None
    assert crash.file.endswith(file)
    assert (crash.line, crash.function) == (line, function)


@pytest.mark.parametrize(
    ("language", "case", "types"),
    [
        ("ruby", "chained", ("OutOfStock", "ArgumentError")),
        ("php", "chained", ("LogicException", "OutOfStock")),
        ("csharp", "chained", ("OutOfStock", "System.FormatException")),
        ("elixir", "key", ("KeyError",)),
        ("c++", "throw", ("std::runtime_error",)),
        ("c++ with ASan", "over", ("AddressSanitizer: heap-buffer-overflow",)),
    ],
)
def test_types_and_causes_are_found(language: str, case: str, types: tuple[str, ...]) -> None:
    assert canonical(reports(language, case)[0]).types == types


def _same(pair: dict[str, str]) -> bool:
    one, other = (ErrorReport(error=pair[side], release="r1") for side in ("a", "b"))
    return key(one).signature == key(other).signature


def test_messages_that_differ_in_what_classifies_stay_apart() -> None:
    rows = [pair for pair in PAIRS if pair["must"] == "differ"]
    merged = [pair for pair in rows if _same(pair)]
    assert len(rows) >= 300
    assert len(merged) <= MOST_MERGED * len(rows), merged


def test_messages_that_differ_in_ids_alone_are_one() -> None:
    rows = [pair for pair in PAIRS if pair["must"] == "equal"]
    leaked = [pair for pair in rows if not _same(pair)]
    assert len(rows) >= 300
    assert len(leaked) <= MOST_LEAKED * len(rows), leaked
