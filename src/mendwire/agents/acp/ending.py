"""What it means that an agent of the protocol stopped, or was stopped."""

from __future__ import annotations

from mendwire.agents.acp.heard import Heard
from mendwire.errors import AgentError, AgentFailed, OverBudget, ProviderOutage
from mendwire.model.printable import printable
from mendwire.model.work import Limits


def unfinished(heard: Heard, limits: Limits, *, late: bool) -> AgentError | None:
    """Why a run must be ended now; None while it may go on."""
    if heard.cost_usd is not None and heard.cost_usd > limits.cost_usd:
        return OverBudget(
            f"The agent's run met its money limit (spent {heard.cost_usd:.2f} US dollars)."
        )
    if heard.tools > limits.turns:
        return AgentFailed("The agent used up its turns; raise the turn limit if it needs more.")
    if late and not heard.spoken:
        return ProviderOutage(
            "The model behind the agent said nothing, as when its provider is away; try again "
            "later."
        )
    if late:
        return AgentFailed(
            f"The agent was not done after {limits.seconds:g} s; raise agent.seconds if it needs "
            "it."
        )
    return None


def stopped(reason: str, cost: float) -> AgentError | None:
    """What the end of a prompt means; None for the usual one."""
    if reason == "end_turn":
        return None
    why = {
        "max_tokens": "its model had no room left",
        "max_turn_requests": "it used up its own turns",
        "refusal": "its model refuses the task",
    }.get(reason, f"it was {printable(reason, 40)}")
    return AgentFailed(f"The agent ended without an answer: {why}.", cost_usd=cost)
