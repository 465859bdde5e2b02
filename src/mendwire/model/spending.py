"""What an issue's runs have used, and whether another one still fits."""

from __future__ import annotations

from mendwire.model.case import Case
from mendwire.model.work import Cost


def paid(case: Case, cost: Cost) -> dict[str, float | int]:
    """The fields of a case that a run's cost changes."""
    return {"cost_usd": case.cost_usd + cost.usd, "tokens": case.tokens + cost.tokens}


def is_spent(
    case: Case, *, run_usd: float, issue_usd: float, run_tokens: int = 0, issue_tokens: int = 0
) -> bool:
    """Whether another run is more than the issue may use up; 0 tokens are no limit."""
    if case.cost_usd + run_usd > max(issue_usd, run_usd):
        return True
    return lacks_tokens(case, run_tokens, issue_tokens)


def lacks_tokens(case: Case, run_tokens: int, issue_tokens: int) -> bool:
    """The same of tokens alone. Where a run has no limit, one begins while any are left."""
    if not issue_tokens:
        return False
    return case.tokens + max(run_tokens, 1) > max(issue_tokens, run_tokens)
