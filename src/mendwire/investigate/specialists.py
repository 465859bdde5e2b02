"""The three specialists: each a run of one coding agent in a tree of its own."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mendwire.agents import Agent, OnSaid
from mendwire.agents.reproduction import captured_reproduction
from mendwire.agents.schemas import answer_schema
from mendwire.errors import AgentFailed
from mendwire.execution.git import CaseRepository
from mendwire.execution.trees import tree
from mendwire.investigate.outside import differences, snapshot
from mendwire.investigate.patch import parse_patch
from mendwire.investigate.prompt import prompt_text, system_text
from mendwire.investigate.proof import Judge
from mendwire.model.case import Case
from mendwire.model.codec import kept_report
from mendwire.model.work import (
    AgentAnswer,
    Assignment,
    Change,
    Finding,
    Limits,
    Proof,
    Reproduction,
    Review,
    Role,
)
from mendwire.telemetry import emit

NOTES_LIMIT: Final = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSpecialists:
    """``investigate.ports.Specialists`` on one coding agent and one repository."""

    agent: Agent
    repository: CaseRepository
    judge: Judge
    state: Path
    """Folder of ours: trees and agents' scratch folders are made in it."""
    base_revision: str
    limits: Limits
    reproduce: tuple[str, ...]
    """The operator's own reproduction command; empty when there is none."""
    may_run: bool

    @property
    def name(self) -> str:
        """The agent's."""
        return self.agent.name

    async def base(self) -> str:
        """The commit that a new case works from; raises RepositoryUnfit."""
        return (await self.repository.base_commit(self.base_revision)).commit
