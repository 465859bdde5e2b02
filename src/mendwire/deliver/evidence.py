"""The evidence of a verdict as a page of Markdown, in which no foreign text has any effect."""

from __future__ import annotations

from collections.abc import Iterator

from mendwire.deliver.neutral import fenced
from mendwire.model.evidence import Evidence, EvidenceRun
from mendwire.model.printable import printable


def markdown(evidence: Evidence) -> str:
    """All of it but the report's and the change's further pages, which the JSON has whole."""
    return "\n\n".join(_parts(evidence)) + "\n"


def _parts(one: Evidence) -> Iterator[str]:
    yield f"# Evidence: {one.verdict}"
    yield _facts(one)
    for title, text in (
        ("Why", one.reason),
        ("The report", one.report or "Withheld: the screen restricts it."),
        ("What was found", "\n\n".join(filter(None, (one.summary, one.cause)))),
        ("What was changed, and why", one.explanation),
    ):
        if text.strip():
            yield f"## {title}\n\n{fenced(text, 4_000)}"
    if one.patch:
        yield f"## The change\n\n{_code(one.patch, 64_000)}"
    if one.proof:
        yield f"## The proof\n\n{fenced(chr(10).join(one.proof), 8_000)}"
    for run in one.runs:
        yield _run(run)
    if one.approved is not None:
        said = "Approved" if one.approved else "Not approved"
        yield f"## The review\n\n{said}.\n\n{fenced(one.review)}".rstrip()


def _facts(one: Evidence) -> str:
    rows = {
        "case": one.case,
        "title": one.title,
        "from": " ".join(filter(None, (one.environment, one.service, one.release))),
        "occurrences": str(one.occurrences),
        "base": one.base,
        "guilty commit": one.guilty_commit,
        "files": f"{len(one.files)}, +{one.added} -{one.removed} lines" if one.files else "",
        "branch": one.branch,
        "commit": one.commit,
        "request": one.request,
        "cost": f"${one.cost_usd:.2f}, {one.tokens:,} tokens",
        "tries": f"{one.attempts} failed attempts, {one.rounds} rounds back",
        "sandbox": one.sandbox,
        "agent": one.agent,
        "versions": f"mendwire {one.mendwire}, Python {one.python}",
    }
    return "\n".join(f"    {name:<14}{printable(text, 300)}" for name, text in rows.items() if text)


def _run(run: EvidenceRun) -> str:
    ended = "green" if run.passed else f"red, exit code {run.exit_code}"
    counted = f", {run.tests_passed} tests passed" if run.tests_passed else ""
    head = f"## {printable(run.what, 80)}: {ended}{counted}, {run.seconds:.1f} s"
    failing = f"\n\nFailing:\n\n{_code(chr(10).join(run.failing), 8_000)}" if run.failing else ""
    output = f"\n\n{_code(run.output, 4_000)}" if run.output.strip() else ""
    return f"{head}{failing}{output}"


def _code(text: str, limit: int) -> str:
    """An indented block as it is: Markdown does nothing in it, and no mark can end it."""
    lines = printable(text, limit, lines=True).splitlines()
    return "\n".join(f"    {line}".rstrip() for line in lines)
