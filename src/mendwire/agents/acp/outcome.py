"""What it means that an agent of the protocol stopped, was stopped, or refused."""

from __future__ import annotations

import re
from typing import Final

from mendwire.agents.acp.heard import Heard
from mendwire.errors import AgentError, AgentFailed, OverBudget, ProviderOutage
from mendwire.model.printable import printable
from mendwire.model.work import Limits

AUTH_REQUIRED: Final = -32000
_OURS: Final = re.compile(r"\b(400|413|422)\b")
_LOGIN: Final = re.compile(
    r"not logged in|/login|authenticat|unauthori[sz]ed|api.?key|oauth|credential|\b40[13]\b",
    re.IGNORECASE,
)
_AWAY: Final = re.compile(
    r"\b(429|5\d\d)\b|overloaded|rate.?limit|quota|billing|usage limit|credit|timed? ?out|"
    r"ECONN|ENOTFOUND|ETIMEDOUT|fetch failed|unable to connect|network|connection (error|refused)",
    re.IGNORECASE,
)
_PROVIDER: Final = re.compile(r"API ?Error|provider", re.IGNORECASE)


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


def refused(text: str, *, code: int | None, spoken: bool, cost: float) -> AgentError:
    """What an error of the agent means; its provider's trouble is no attempt."""
    why = printable(" ".join(text.split()), 300).rstrip(".")
    if code == AUTH_REQUIRED or _LOGIN.search(why):
        message = (
            f"The agent is not logged in: {why}; name its key in agent.environment of "
            "mendwire.toml, and set it for the worker."
        )
        return ProviderOutage(message, cost_usd=cost)
    if not _OURS.search(why) and (
        _AWAY.search(why) or (not spoken and code is not None and _PROVIDER.search(why))
    ):
        return ProviderOutage(f"The agent's provider is away: {why}.", cost_usd=cost)
    return AgentFailed(f"The agent's run failed: {why}.", cost_usd=cost)
