"""What a request shows of a fix's evidence: folded away, bounded, and without any effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mendwire.deliver.neutral import fenced
from mendwire.model.evidence import Evidence, EvidenceRun

ROOM: Final = 40_000
"""Characters of all outputs together: GitHub takes 65,536 in a request's text."""
_OUTPUT: Final = 4_000
_FAILING: Final = 20


def attached(one: Evidence) -> str:
    """Red and green output, the review, and what it cost, as sections that open on a click."""
    runs, left = _runs(one)
    if left:
        more = "1 more run is" if left == 1 else f"{left} more runs are"
        runs.append(f"{more} in `mendwire cases evidence {one.case}`.")
    sections = {
        "What was run, red and green": "\n\n".join(runs),
        "What the reviewer said": fenced(one.review, _OUTPUT),
        "What it cost, and what made it": fenced("\n".join(_facts(one))),
    }
    return "\n\n".join(
        f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
        for title, text in sections.items()
        if text.strip()
    )


def _runs(one: Evidence) -> tuple[list[str], int]:
    """One of each kind and end, as many as there is room for; and how many are left out."""
    kinds = {(run.what, run.passed, run.exit_code): run for run in reversed(one.runs)}
    told: list[str] = []
    room = ROOM
    for run in reversed(kinds.values()):
        text = _run(run)
        if len(text) > room:
            break
        room -= len(text)
        told.append(text)
    return told, len(one.runs) - len(told)


def _run(run: EvidenceRun) -> str:
    ended = "green" if run.passed else f"red, exit code {run.exit_code}"
    parts = [fenced(f"{run.what}: {ended}, {run.seconds:.1f} s", 200)]
    if run.failing:
        parts.append(fenced("failing: " + ", ".join(run.failing[:_FAILING]), _OUTPUT))
    if run.output.strip():
        parts.append(fenced(run.output, _OUTPUT))
    return "\n\n".join(parts)


def _facts(one: Evidence) -> Iterator[str]:
    yield f"cost      ${one.cost_usd:.2f}, {one.tokens:,} tokens"
    yield f"tries     {one.attempts} failed attempts, {one.rounds} rounds back"
    yield f"agent     {one.agent}"
    yield f"sandbox   {one.sandbox or 'none'}"
    yield f"versions  mendwire {one.mendwire}, Python {one.python}"
