"""One case as a person reads it: what came of it first, then why, the report last."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from mendwire.model.case import Case, CaseState, Parking
from mendwire.model.work import Change, Finding, Proof, ProofStatus, Run

_LINES: Final = 12
"""Last lines of a run's output that are shown where the proof does not hold."""
_SOAKS: Final = (
    "to stay quiet for delivery.soak_hours after its deployment, and for a sign that the release "
    "runs: any report of it, or mendwire alive"
)
Fields = dict[str, object]


def told(case: Case, waits: str = "", shares: str = "", trace_url: str = "") -> Fields:
    """The fields of a case under short names, in reading order; what is empty is empty text.

    ``waits`` is what a parked one waits for, where that is known better than from the case alone;
    ``shares`` is the case whose fix it shares, and where that stands.

    ``--json`` has everything; here the keeping of leases and the text of scripts is left out.
    ``trace_url`` is where the case's trace is shown, if anywhere.
    """
    delivered = case.delivered
    soaks = case.state is CaseState.SOAKING
    return {
        "case": case.case_id,
        "title": case.title,
        "error": _error(case.report),
        "state": f"{case.state}, restricted" if case.restricted else str(case.state),
        "waits": _waits(case.parking, waits) if case.parking else _SOAKS if soaks else "",
        "verdict": str(case.verdict or ""),
        "reason": case.reason,
        "from": " ".join(filter(None, (case.environment, case.service, case.release))),
        "trust": str(case.trust),
        "trace": trace_url or case.span.trace_id,
        "opened": _at(case.opened_ns),
        "occurrences": case.occurrences,
        "repository": case.repository,
        "base": case.base,
        **(_finding(case.finding) if case.finding else {}),
        **(_change(case.change) if case.change else {}),
        "proof": "\n".join(_proof(case.proof)) if case.proof else "",
        "review": case.review.comments if case.review else "",
        "shares the fix of": shares or case.joined,
        "branch": delivered.branch if delivered else "",
        "commit": delivered.commit if delivered else "",
        "pushed to": delivered.remote if delivered else "",
        "request": delivered.request if delivered else "",
        "patch file": delivered.patch_path if delivered else "",
        "merged as": case.landed,
        "reverted by": case.reverted,
        "deployed": f"{case.deployed.release} at {_at(case.deployed.at_ns)}"
        if case.deployed
        else "",
        "cost": f"${case.cost_usd:.2f}" if case.cost_usd else "",
        "tokens": f"{case.tokens:,}" if case.tokens else "",
        "report": case.report.decode("utf-8", "replace"),
    }


def _error(report: bytes) -> str:
    """What the program said; a title is generated and may be as bare as ``Error``."""
    with suppress(ValueError):
        body = json.loads(report)
        return str(body.get("error") or "") if isinstance(body, dict) else ""
    return ""


def _finding(finding: Finding) -> Fields:
    reproduction = finding.reproduction
    return {
        "finding": finding.summary,
        "cause": finding.cause,
        "broken by": finding.guilty_commit,
        "files": ", ".join(finding.files),
        "similar": "\n".join(finding.similar),
        "reproduced by": f"{reproduction.origin}: {' '.join(reproduction.command)}"
        if reproduction
        else "",
    }


def _change(change: Change) -> Fields:
    return {"change": change.explanation, "patch": change.patch.rstrip("\n")}


def _proof(proof: Proof) -> Iterator[str]:
    yield f"{proof.status}, sandbox {proof.sandbox}"
    yield from proof.reasons
    for run in proof.runs:
        yield f"{run.what}: {'passed' if run.passed else 'failed'} ({run.seconds:.2f} s)"
    if proof.status is not ProofStatus.VALID and proof.runs:
        yield from _output(proof.runs[-1])


def _output(run: Run) -> Iterator[str]:
    lines = run.output.strip("\n").splitlines()
    yield from (f"  {line}" for line in lines[-_LINES:])


def _waits(parking: Parking, known: str) -> str:
    until = f" until {_at(parking.until_ns)}" if parking.until_ns else ""
    return f"{known or parking.reason}{until}: {parking.note}"


def _at(when_ns: int) -> str:
    if not when_ns:
        return ""
    return datetime.fromtimestamp(when_ns / 1e9, tz=UTC).isoformat(sep=" ", timespec="seconds")
