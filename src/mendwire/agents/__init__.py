"""What runs a coding agent: one Protocol, a room for each kind of agent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from mendwire.model.work import AgentAnswer, Assignment

OnSaid = Callable[[str, str], None]
"""Called with (kind, one line of text) while an agent works; text is untrusted."""


class Agent(Protocol):
    """One coding agent, able to play every role.

    ``run`` raises AgentFailed (an attempt), OverBudget or ProviderOutage (no attempt); when it
    returns or raises, no process of the run is alive any more.
    """

    name: str
    paid: bool
    """Whether its runs cost money."""

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Work on one assignment in its tree and answer."""
        ...
