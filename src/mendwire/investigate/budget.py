"""What one case may use up, and whether its next run still fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mendwire.docket.cases import Docket, Filed, Sum
from mendwire.investigate.pacing import Purse
from mendwire.investigate.saving import Saver, today
from mendwire.model.case import Case, ParkReason
from mendwire.model.spending import Allowance


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds(Allowance):
    """What one case may use up, beside all others of its day; 0 tokens are no limit."""

    attempts: int = 2
    rounds: int = 2
    day_usd: float = 20.0
    day_tokens: int = 0
    at_once: float = 1.0
    """Share of the day's money and tokens that may be spent as soon as the day begins."""

    def purses(self) -> Iterator[tuple[Sum, Purse]]:
        """What a day has."""
        yield Sum.USD, Purse(day=self.day_usd, run=self.run_usd, at_once=self.at_once)
        if self.day_tokens:
            run = max(1, self.run_tokens)
            yield Sum.TOKENS, Purse(day=self.day_tokens, run=run, at_once=self.at_once)


async def over_budget(filed: Filed, bounds: Bounds, docket: Docket, saver: Saver) -> Filed | None:
    """The case parked where a run is more than its issue or the day can pay.

    Else None, and what the run may take is set aside until ``docket.unreserve``.
    """
    case = filed.case
    if bounds.is_spent(case):
        return await saver.park(filed, ParkReason.BUDGET, _spent(case, bounds), 0)
    now = datetime.now(UTC)
    for of, purse in bounds.purses():
        allowed = purse.allowed(now)
        used = await docket.reserve(today(), case.issue, purse.run, allowed, of)
        if used is None:
            continue
        await docket.unreserve(case.issue)
        note = _gone(of, purse, used, allowed)
        return await saver.park(filed, ParkReason.BUDGET, note, purse.next_run_ns(now, used))
    return None


def _spent(case: Case, bounds: Bounds) -> str:
    if bounds.lacks_tokens(case):
        used, limit, name = f"{case.tokens} tokens", f"{bounds.issue_tokens}", "issue_tokens"
    else:
        used, limit, name = f"${case.cost_usd:.2f}", f"${bounds.issue_usd:.2f}", "issue_usd"
    return (
        f"{used} of {limit} are spent on this issue: raise limits.{name}, then "
        "`mendwire cases retry`."
    )


def _gone(of: Sum, purse: Purse, used: float, allowed: float) -> str:
    def told(number: float) -> str:
        return f"${number:.2f}" if of is Sum.USD else f"{number:.0f} tokens"

    note = (
        f"{told(used)} of today's {told(purse.day)} are spent or set aside: the case goes on by "
        f"itself, or raise limits.{'day_usd' if of is Sum.USD else 'day_tokens'}."
    )
    return note + f" By now it may be {told(allowed)} (limits.at_once)." * (allowed < purse.day)
