"""What is published about a case: progress while it runs, the result at its end."""

from __future__ import annotations

from mendwire.model.bodies import Progress, Result
from mendwire.model.case import Case, Step
from mendwire.model.work import Run

_NEXT = {
    Step.RESEARCH: ("implement",),
    Step.IMPLEMENT: ("verify",),
    Step.VERIFY: ("review",),
    Step.REVIEW: ("deliver",),
}


def progress_of(case: Case, step: Step, agent: str) -> Progress:
    """What ``{ns}.investigation.status.<case id>`` says at the start of a step."""
    return Progress(
        task_id=case.case_id,
        agent=agent,
        status=step.value,
        findings=case.finding.summary if case.finding else "",
        next_steps=_NEXT[step],
    )


def result_of(case: Case, agent: str, bundle: str = "") -> Result:
    """The one result of a case and episode, evidence included."""
    runs = case.proof.runs if case.proof else ()
    delivered = case.delivered
    return Result(
        task_id=case.case_id,
        agent=agent,
        status=case.verdict.value if case.verdict else "",
        solution=case.change.explanation if case.change else "",
        test_results={run.what: _run(run) for run in runs},
        evidence={
            "title": case.title,
            "reason": case.reason,
            "finding": case.finding.summary if case.finding else "",
            "cause": case.finding.cause if case.finding else "",
            "guilty_commit": case.finding.guilty_commit if case.finding else "",
            "proof": list(case.proof.reasons) if case.proof else [],
            "sandbox": case.proof.sandbox if case.proof else "",
            "base": case.base,
            "patch": delivered.patch_path if delivered else "",
            "remote": delivered.remote if delivered else "",
            "occurrences": case.occurrences,
            "restricted": case.restricted,
            "bundle": bundle,
        },
        cost={
            "usd": round(case.cost_usd, 6),
            "tokens": case.tokens,
            "attempts": case.attempts,
            "rounds": case.rounds,
        },
        commit=delivered.commit if delivered else "",
        branch=delivered.branch if delivered else "",
        pr_url=delivered.request if delivered else "",
        release=case.release,
    )


def _run(run: Run) -> dict[str, object]:
    return {
        "passed": run.passed,
        "exit_code": run.exit_code,
        "seconds": round(run.seconds, 3),
        "tests_passed": len(run.passing),
        "tests_failed": len(run.failing),
    }


def summary_of(case: Case, step: Step) -> str:
    """What came of a step, in one line."""
    if step is Step.RESEARCH and case.finding:
        return case.finding.summary
    if step is Step.IMPLEMENT and case.change:
        files = "1 file" if len(case.change.files) == 1 else f"{len(case.change.files)} files"
        return f"{files}, +{case.change.added} -{case.change.removed}"
    if step is Step.VERIFY and case.proof:
        return f"{case.proof.status}: {'; '.join(case.proof.reasons)}"
    if step is Step.REVIEW and case.review:
        return "approved" if case.review.approved else "sent back"
    return ""
