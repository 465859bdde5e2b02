"""What it means that an agent's program or provider refused, by the words of its error."""

from __future__ import annotations

import re
from typing import Final

from mendwire.errors import AgentError, AgentFailed, ProviderOutage
from mendwire.model.printable import printable

AUTH_REQUIRED: Final = -32000
_OURS: Final = re.compile(r"\b(400|413|422)\b")
_LOGIN: Final = re.compile(
    r"not logged in|/login|authenticat|unauthori[sz]ed|api.?key|oauth|credential|\b40[13]\b",
    re.IGNORECASE,
)
_AWAY: Final = re.compile(
    r"\b(429|5\d\d)\b|overloaded|rate.?limit|quota|billing|usage limit|credit|timed? ?out|"
    r"ECONN|ENOTFOUND|ETIMEDOUT|fetch failed|unable to connect|network|"
    r"connection (error|refused|failed|reset|closed)|error sending request|"
    r"stream (disconnected|closed)|reconnecting|at capacity",
    re.IGNORECASE,
)
_PROVIDER: Final = re.compile(r"API ?Error|provider", re.IGNORECASE)

_LOGIN_HINT: Final = "name its key in agent.environment of mendwire.toml, and set it for the worker"


def refused(
    text: str, *, code: int | None, spoken: bool, cost: float, login: str = _LOGIN_HINT
) -> AgentError:
    """What an error of the agent means; its provider's trouble is no attempt."""
    why = printable(" ".join(text.split()), 300).rstrip(".")
    if code == AUTH_REQUIRED or _LOGIN.search(why):
        return ProviderOutage(f"The agent is not logged in: {why}; {login}.", cost_usd=cost)
    if not _OURS.search(why) and (
        _AWAY.search(why) or (not spoken and code is not None and _PROVIDER.search(why))
    ):
        return ProviderOutage(
            f"The agent's model could not be reached: its provider is away ({why}).", cost_usd=cost
        )
    return AgentFailed(f"The agent's run failed: {why}.", cost_usd=cost)
