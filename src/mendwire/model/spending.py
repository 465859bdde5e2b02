"""What an issue's runs have used, and whether another one still fits."""

from __future__ import annotations

from dataclasses import dataclass

from mendwire.model.case import Case
from mendwire.model.work import Cost


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowance:
    """What one issue and each of its runs may use up; 0 tokens are no limit."""

    run_usd: float = 2.0
    issue_usd: float = 8.0
    run_tokens: int = 0
    issue_tokens: int = 0

    def is_spent(self, case: Case) -> bool:
        """Whether another run is more than the issue may use up."""
        lacks_money = case.cost_usd + self.run_usd > max(self.issue_usd, self.run_usd)
        return lacks_money or self.lacks_tokens(case)

    def lacks_tokens(self, case: Case) -> bool:
        """The same of tokens alone. Where a run has no limit, one begins while any are left."""
        if not self.issue_tokens:
            return False
        return case.tokens + max(self.run_tokens, 1) > max(self.issue_tokens, self.run_tokens)


def paid(case: Case, cost: Cost) -> dict[str, float | int]:
    """The fields of a case that a run's cost changes."""
    return {"cost_usd": case.cost_usd + cost.usd, "tokens": case.tokens + cost.tokens}
