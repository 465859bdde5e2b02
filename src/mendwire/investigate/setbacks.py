"""What becomes of a case whose step did not end: whose fault it was says what it costs."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any, Final, Protocol

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import (
    AgentError,
    OverBudget,
    ProviderOutage,
    RunCancelled,
    SpecialistsAway,
)
from mendwire.investigate.budget import Bounds
from mendwire.investigate.outages import Outages
from mendwire.investigate.saving import Saver, next_day_ns
from mendwire.model.case import Answer, Case, CaseState, ParkReason, Step, Verdict
from mendwire.model.spending import paid
from mendwire.model.work import Cost
from mendwire.telemetry import emit

_LOOK_AGAIN_NS: Final = 60 * 1_000_000_000


class Decide(Protocol):
    """Ends a case with a verdict."""

    def __call__(
        self,
        filed: Filed,
        verdict: Verdict,
        reason: str,
        **changes: Any,  # noqa: ANN401 - as in move
    ) -> Awaitable[Filed]:
        """The verdict fixed in the docket."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Setbacks:
    """Each ends a step; the case goes on, waits, or has its verdict."""

    docket: Docket
    saver: Saver
    outages: Outages
    bounds: Bounds
    decide: Decide
    agent: str
    """Who was at it."""

    async def outage(self, filed: Filed, step: Step, problem: ProviderOutage) -> Filed:
        """Costs no attempt: no new message is pulled, what is held stays held, and we wait."""
        case = filed.case
        self.failed(case, step, problem, "outage")
        await self.saver.spend(case, _cost(problem))
        await self.outages.sit_out(case, problem)
        return await self.docket.confirm(filed)

    async def not_done(
        self, filed: Filed, step: Step, problem: SpecialistsAway | RunCancelled
    ) -> Filed:
        """Costs no attempt: the case waits where people see it.

        It looks again by itself, unless a person ended the run.
        """
        if isinstance(problem, RunCancelled):
            self.failed(filed.case, step, problem, "cancelled")
            return await self.saver.park(filed, ParkReason.PERSON, str(problem), 0)
        self.failed(filed.case, step, problem, "outage")
        await self.saver.spend(filed.case, _cost(problem))
        until = time.time_ns() + _LOOK_AGAIN_NS
        used = paid(filed.case, _cost(problem))
        return await self.saver.park(filed, ParkReason.OUTAGE, str(problem), until, **used)

    async def attempt_failed(self, filed: Filed, step: Step, problem: AgentError) -> Filed:
        """One of a few tries is used up; after the last the case ends."""
        case = filed.case
        self.failed(case, step, problem, "attempt")
        await self.saver.spend(case, _cost(problem))
        attempts = case.attempts + 1
        used = {"attempts": attempts, **paid(case, _cost(problem))}
        if attempts >= self.bounds.attempts:
            why = f"The agent failed {attempts} times, last: {problem}"
            return await self.decide(filed, Verdict.BLOCKED, why, **used)
        return await self.saver.save(filed, CaseState.LEASED, **used)

    async def out_of_money(self, filed: Filed, step: Step, problem: OverBudget) -> Filed:
        """Not a verdict: parked until the next day, or for a person once the tries are used up."""
        case = filed.case
        self.failed(case, step, problem, "budget")
        await self.saver.spend(case, _cost(problem))
        attempts = case.attempts + 1
        until = next_day_ns() if attempts < self.bounds.attempts else 0
        used = paid(case, _cost(problem))
        if case.rework is not None and not until:
            return await self.saver.stand(filed, Answer.MONEY, **used)
        return await self.saver.park(
            filed, ParkReason.BUDGET, str(problem), until, attempts=attempts, **used
        )

    def failed(self, case: Case, step: Step, problem: Exception, kind: str) -> None:
        """Tell of it."""
        emit(
            "step.failed",
            case=case.case_id,
            step=step,
            agent=self.agent,
            error=str(problem),
            kind=kind,
        )


def _cost(problem: AgentError) -> Cost:
    return Cost(usd=problem.cost_usd, tokens=problem.tokens)
