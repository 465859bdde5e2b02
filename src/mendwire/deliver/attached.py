"""What a request shows of a fix's evidence: folded away, bounded, and without any effect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mendwire.deliver.neutral import fenced
from mendwire.model.evidence import OUTPUT, Evidence, EvidenceRun

ROOM: Final = 40_000
"""Characters of all sections together, at most."""
_OUTPUT: Final = 4_000
_REVIEWS: Final = 10_000
_FAILING: Final = 20
_CUT: Final = "    … the rest is left out"


def attached(one: Evidence, room: int = ROOM) -> str:
    """Red and green output, the reviews, and what it cost, as sections that open on a click.

    ``room`` is in characters; outputs that do not fit are left out and counted.
    """
    cost = _section("What it cost, and what made it", fenced("\n".join(_facts(one))))
    words = within("\n\n".join(fenced(text, _OUTPUT) for text in _reviews(one)), _REVIEWS)
    reviews = _section("What the reviewers said", words)
    runs = _section("What was run, red and green", _runs(one, room - len(cost) - len(reviews)))
    return "\n\n".join(filter(None, (runs, reviews, cost)))


def within(block: str, room: int) -> str:
    """An indented block in as many characters, whole lines of it, and the word that it was cut."""
    if len(block) <= room:
        return block
    kept, _, _ = block[: max(0, room - len(_CUT) - 1)].rpartition("\n")
    return f"{kept}\n{_CUT}"


def _section(title: str, text: str) -> str:
    told = f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"
    return told if text.strip() else ""


def _runs(one: Evidence, room: int) -> str:
    """One of each kind and end, as many as there is room for; and how many are left out."""
    kinds = {(run.what, run.passed, run.exit_code): run for run in reversed(one.runs)}
    if not kinds:
        return ""
    told = [f"Of each output the last {OUTPUT:,} characters, what looked like a secret masked."]
    room -= 500  # for these lines and what folds them
    for run in reversed(kinds.values()):
        text = _run(run)
        if len(text) > room:
            break
        room -= len(text) + 2
        told.append(text)
    if left := len(one.runs) - len(told) + 1:
        more = "1 more run is" if left == 1 else f"{left} more runs are"
        told.append(f"{more} in `mendwire cases evidence {one.case}`.")
    return "\n\n".join(told)


def _run(run: EvidenceRun) -> str:
    ended = "green" if run.passed else f"red, exit code {run.exit_code}"
    parts = [fenced(f"{run.what}: {ended}, {run.seconds:.1f} s", 200)]
    if run.failing:
        named = run.failing[:_FAILING]
        cut = f" ({len(named)} of {len(run.failing)} shown)" * (len(named) < len(run.failing))
        parts.append(fenced(f"failing{cut}: {', '.join(named)}", _OUTPUT))
    if run.output.strip():
        parts.append(fenced(run.output, _OUTPUT))
    return "\n\n".join(parts)


def _reviews(one: Evidence) -> Iterator[str]:
    """Of the one who was asked last, and of all who approved before."""
    if one.review.strip():
        yield one.review
    yield from one.approvals


def _facts(one: Evidence) -> Iterator[str]:
    yield f"cost      ${one.cost_usd:.2f}, {one.tokens:,} tokens"
    yield f"tries     {one.attempts} failed attempts, {one.rounds} rounds back"
    yield f"agent     {one.agent}"
    yield f"sandbox   {one.sandbox or 'none'}"
    yield f"versions  mendwire {one.mendwire}, Python {one.python}"
