"""The evidence of a verdict, as it is kept for whoever wants to check it: scrubbed and bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mendwire.model.case import Case
from mendwire.model.scrub import ScrubPolicy, scrub_text
from mendwire.model.work import Run

SCHEMA: Final = "mendwire/evidence/v1"
_TEXT: Final = 4_000
OUTPUT: Final = _TEXT
"""Characters that are kept of a command's output: its end."""
_REPORT: Final = 64 * 1024
_PATCH: Final = 256 * 1024
_RUNS: Final = 40
_NAMES: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class EvidenceRun:
    """One command that the judge ran: red before the change, green after it."""

    what: str
    passed: bool
    exit_code: int
    seconds: float
    output: str
    """The last 4,000 characters."""
    tests_passed: int
    """How many tests passed, where the runner names them."""
    failing: tuple[str, ...]
    """The first hundred that did not."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Everything a verdict stands on. Texts of reports and agents are untrusted."""

    schema: str
    case: str
    verdict: str
    reason: str
    title: str
    environment: str
    service: str
    release: str
    trust: str
    restricted: bool
    occurrences: int
    """When the verdict was made."""
    report: str
    """As it was kept, JSON; empty where the screen restricts it."""
    summary: str
    """What research found breaking."""
    cause: str
    guilty_commit: str
    files: tuple[str, ...]
    """Of the change."""
    added: int
    """Lines."""
    removed: int
    """Lines."""
    explanation: str
    """The agent's words for its change."""
    patch: str
    """The change against ``base``."""
    proof: tuple[str, ...]
    """What held, or was breached, a sentence each."""
    runs: tuple[EvidenceRun, ...]
    sandbox: str
    """What the runs were walled in by."""
    approved: bool | None
    """The reviewer's word; None without a review."""
    review: str
    approvals: tuple[str, ...]
    """Of those who approved this very change before: who, and their words."""
    base: str
    """The commit that was worked from."""
    branch: str
    commit: str
    request: str
    """Address of the pull or merge request."""
    cost_usd: float
    tokens: int
    """Read and written, as far as agents told."""
    attempts: int
    rounds: int
    agent: str
    """Who investigated."""
    mendwire: str
    """Our version."""
    python: str
    """The version that the worker ran on."""


def evidence_of(
    case: Case, *, agent: str, mendwire: str, python: str, scrub: ScrubPolicy
) -> Evidence:
    """The same case gives the same evidence."""
    finding, change, proof, review = case.finding, case.change, case.proof, case.review
    delivered = case.delivered

    def text(words: str, most: int = _TEXT) -> str:
        # Cut first: what is scrubbed is what is kept, and no half of a secret is made after it.
        return scrub_text(words[:most], scrub)

    return Evidence(
        schema=SCHEMA,
        case=case.case_id,
        verdict=case.verdict.value if case.verdict else "",
        reason=text(case.reason),
        title=case.title,
        environment=case.environment,
        service=case.service,
        release=case.release,
        trust=case.trust.value,
        restricted=case.restricted,
        occurrences=case.occurrences,
        report="" if case.restricted else text(case.report.decode("utf-8", "replace"), _REPORT),
        summary=text(finding.summary) if finding else "",
        cause=text(finding.cause) if finding else "",
        guilty_commit=text(finding.guilty_commit, 64) if finding else "",
        files=change.files[:_NAMES] if change else (),
        added=change.added if change else 0,
        removed=change.removed if change else 0,
        explanation=text(change.explanation) if change else "",
        patch=text(change.patch, _PATCH) if change else "",
        proof=tuple(text(reason) for reason in proof.reasons[:_NAMES]) if proof else (),
        runs=tuple(_run(run, scrub) for run in proof.runs[:_RUNS]) if proof else (),
        sandbox=proof.sandbox if proof else "",
        approved=review.approved if review else None,
        review=text(review.comments) if review else "",
        approvals=tuple(text(f"{one.called}: {one.comments}") for one in case.approvals),
        base=case.base,
        branch=delivered.branch if delivered else "",
        commit=delivered.commit if delivered else "",
        request=delivered.request if delivered else "",
        cost_usd=round(case.cost_usd, 6),
        tokens=case.tokens,
        attempts=case.attempts,
        rounds=case.rounds,
        agent=agent,
        mendwire=mendwire,
        python=python,
    )


def _run(run: Run, scrub: ScrubPolicy) -> EvidenceRun:
    return EvidenceRun(
        what=run.what,
        passed=run.passed,
        exit_code=run.exit_code,
        seconds=round(run.seconds, 3),
        output=scrub_text(run.output[-OUTPUT:], scrub),
        tests_passed=len(run.passing),
        failing=tuple(scrub_text(name[:200], scrub) for name in run.failing[:_NAMES]),
    )
