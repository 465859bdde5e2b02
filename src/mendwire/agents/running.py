"""One run of an agent, told of whatever comes of it."""

from __future__ import annotations

from typing import Final

from mendwire.agents import Agent, OnSaid
from mendwire.agents.crew import Crew
from mendwire.errors import AgentError, AgentFailed, OverBudget, ProviderOutage
from mendwire.model.trace import parent_of
from mendwire.model.work import AgentAnswer, Assignment
from mendwire.telemetry import emit, here, part

_HOW: Final[dict[type[AgentError], str]] = {
    AgentFailed: "failed",
    OverBudget: "over_budget",
    ProviderOutage: "outage",
}


async def ran(agent: Agent, assignment: Assignment, said: OnSaid) -> AgentAnswer:
    """``agent.run``, as a span of its own in the trace that this is in."""
    one = agent.of(assignment) if isinstance(agent, Crew) else agent

    def ended(how: str, turns: int, cost_usd: float = 0.0, tokens: int = 0) -> None:
        emit(
            "agent.ran",
            case=assignment.case_id,
            role=assignment.called or assignment.role.value,
            agent=one.name,
            how=how,
            turns=turns,
            cost_usd=round(cost_usd, 6),
            tokens=tokens,
        )

    with part():
        try:
            answer = await one.run(assignment, said)
        except AgentError as problem:
            how = _HOW.get(type(problem), "unable")
            ended(how, 0, problem.cost_usd, problem.tokens)
            raise
        except Exception:
            ended("unable", 0)
            raise
        ended("answer", answer.turns, answer.cost_usd, answer.tokens)
        return answer


def traced_environment() -> dict[str, str]:
    """For an agent's program: the run that it is, so that what it traces itself belongs to it.

    Two numbers of ours and nothing else. Commands that prove something are not told (decision
    0025): with it and without it must be the same run.
    """
    span = here()
    return {"TRACEPARENT": parent_of(span)} if span is not None else {}
