"""Another agent for each role."""

from __future__ import annotations

from collections.abc import Mapping

from mendwire.agents import Agent, OnSaid
from mendwire.model.work import AgentAnswer, Assignment


class Crew:
    """One agent made of several: the usual one, and others for the roles that name them."""

    def __init__(self, usual: Agent, others: Mapping[str, Agent]) -> None:
        self._usual = usual
        self._others = dict(others)
        told = [f"{role} by {agent.name}" for role, agent in self._others.items()]
        self.name = ", ".join([usual.name, *told])
        self.paid = any(agent.paid for agent in (usual, *self._others.values()))

    def of(self, assignment: Assignment) -> Agent:
        """The agent of the assignment's role, or of the reviewer that it names."""
        return self._others.get(assignment.called or assignment.role, self._usual)

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """As that agent does it."""
        return await self.of(assignment).run(assignment, said)
