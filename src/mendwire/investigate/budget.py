"""What one case may use up, and whether its next run still fits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from mendwire.docket.cases import Docket, Filed
from mendwire.investigate.pacing import Purse
from mendwire.investigate.saving import Saver, today
from mendwire.model.case import Case, ParkReason


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """What one case may use up."""

    attempts: int = 2
    rounds: int = 2
    run_usd: float = 2.0
    issue_usd: float = 8.0
    day_usd: float = 20.0
    at_once: float = 1.0
    """Share of the day's money that may be spent as soon as the day begins."""


def is_spent(case: Case, bounds: Bounds) -> bool:
    """Whether another run is more than the issue's money can pay."""
    return case.cost_usd + bounds.run_usd > max(bounds.issue_usd, bounds.run_usd)


async def over_budget(filed: Filed, bounds: Bounds, docket: Docket, saver: Saver) -> Filed | None:
    """The case parked where a run is more than its issue or the day can pay.

    Else None, and the run's money is set aside until ``docket.unreserve``.
    """
    case = filed.case
    if is_spent(case, bounds):
        note = (
            f"${case.cost_usd:.2f} of ${bounds.issue_usd:.2f} are spent on this issue: raise "
            "limits.issue_usd, then `mendwire cases retry`."
        )
        return await saver.park(filed, ParkReason.BUDGET, note, 0)
    purse = Purse(day_usd=bounds.day_usd, run_usd=bounds.run_usd, at_once=bounds.at_once)
    now = datetime.now(UTC)
    allowed = purse.allowed_usd(now)
    used = await docket.reserve(today(), case.issue, bounds.run_usd, allowed)
    if used is None:
        return None
    note = f"${used:.2f} of today's ${bounds.day_usd:.2f} are spent or set aside."
    if allowed < bounds.day_usd:
        note += f" By now it may be ${allowed:.2f} (limits.at_once)."
    return await saver.park(filed, ParkReason.BUDGET, note, purse.next_run_ns(now, used))
