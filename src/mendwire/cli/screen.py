"""``mendwire screen``: what the screen says of a text, a report, or a file of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mendwire.errors import MendwireError, ScreenBroken
from mendwire.model.report import Trust
from mendwire.model.screening import Screening, ScreenVerdict
from mendwire.screen.detect import Detector, load_detector

DETECTED = 5
HELP = f"""Say whether a text or report tries to instruct an agent.

Reads TEXT, or else standard input; a JSON object is read field by field.

Prints one JSON object: verdict (pass, restrict, reject), score (0 to 1), reasons (ids of rules).

Exits with 0 for pass and {DETECTED} for the other two; with --jsonl always with 0.
"""
JSONL_HELP = (
    "Each line of standard input is a JSON string, a report, or an object with one of them under "
    "text or report; each gives one line of output, in order."
)


def screen(
    text: Annotated[str | None, typer.Argument(help="Default: standard input.")] = None,
    *,
    jsonl: Annotated[bool, typer.Option("--jsonl", help=JSONL_HELP)] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Reasons with field, weight and excerpt.")
    ] = False,
    low_trust: Annotated[
        bool, typer.Option("--low-trust", help="Judge as from a source of low trust.")
    ] = False,
    rules: Annotated[
        Path | None, typer.Option("--rules", help="Your own rules beside the package's (JSONL).")
    ] = None,
) -> None:
    """Judge and print."""
    detector = load_detector(rules)
    trust = Trust.LOW if low_trust else Trust.TRUSTED
    if jsonl:
        for row in _rows(sys.stdin.buffer):
            print(json.dumps(_answer(detector, row, trust, explain=explain)))
        return
    given = sys.stdin.buffer.read().decode("utf-8", "replace") if text is None else text
    answer = _answer(detector, given, trust, explain=explain)
    print(json.dumps(answer, indent=2 if explain else None))
    raise typer.Exit(0 if answer["verdict"] == ScreenVerdict.PASS else DETECTED)


def _rows(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            raise MendwireError(f"Line {number} is not JSON; write one object a line.") from None
        if isinstance(row, dict):
            row = row.get("text", row.get("report", row))
        yield row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)


def _answer(detector: Detector, text: str, trust: Trust, *, explain: bool) -> dict[str, Any]:
    try:
        found = detector.of_text(text, trust)
    except ScreenBroken as problem:
        return {"verdict": ScreenVerdict.REJECT, "score": 1.0, "reasons": [str(problem)]}
    return {"verdict": found.verdict, "score": found.score, "reasons": _reasons(found, explain)}


def _reasons(found: Screening, explain: bool) -> list[Any]:
    if not explain:
        return list(dict.fromkeys(reason.rule for reason in found.reasons))
    return [
        {
            "rule": reason.rule,
            "where": reason.where,
            "weight": reason.weight,
            "excerpt": reason.excerpt,
        }
        for reason in found.reasons
    ]
