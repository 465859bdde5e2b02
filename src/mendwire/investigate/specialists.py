"""The three specialists: each a run of one coding agent in a tree of its own."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from mendwire.agents import Agent, OnSaid
from mendwire.agents.reproduction import captured_reproduction, tracked_file
from mendwire.agents.schemas import answer_schema
from mendwire.errors import AgentFailed
from mendwire.execution.git import CaseRepository
from mendwire.execution.trees import tree
from mendwire.investigate.gone import gone_at_base
from mendwire.investigate.outside import Snapshot, differences, snapshot
from mendwire.investigate.patch import read_patch
from mendwire.investigate.prompt import prompt_text, system_text
from mendwire.investigate.proof import Judge
from mendwire.model.case import Case
from mendwire.model.codec import kept_report
from mendwire.model.printable import printable
from mendwire.model.report import Trust
from mendwire.model.signature import crash_frame, error_type
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
"""Characters of the repository's own notes that a specialist is given."""
_HARM_NAMED: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    tree: Path
    scratch: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSpecialists:
    """``investigate.ports.Specialists`` on one coding agent and one repository."""

    agent: Agent
    repository: CaseRepository
    judge: Judge
    state: Path
    """Folder of ours: trees and agents' scratch folders are made in it."""
    base_revision: str
    reproduce: tuple[str, ...] = ()
    """The operator's own reproduction command; empty when there is none."""
    may_run: bool = False
    walled: bool = False
    """The agent cannot write outside of its tree: what changes there is the operator's work, a
    switched branch for example, and no harm."""
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """The agent's."""
        return self.agent.name

    @property
    def paid(self) -> bool:
        """Whether the agent's runs cost money."""
        return self.agent.paid

    async def base(self) -> str:
        """The commit that a new case works from; raises RepositoryUnfit."""
        return (await self.repository.base_commit(self.base_revision)).commit

    async def gone(self, case: Case) -> Proof | None:
        """What a given reproduction shows at base, before anything is spent."""
        wanted = await self._reproduction(case)
        if wanted is None or not self.may_run or case.restricted:
            return None
        return await gone_at_base(self.judge, case, wanted)

    async def research(self, case: Case) -> tuple[Finding, float]:
        """What breaks and why; restricted cases read only."""
        async with self._tree(case, Role.RESEARCH) as place:
            answer = await self._run(case, Role.RESEARCH, place)
        if answer.finding is None:
            raise AgentFailed("The research specialist gave no finding.", cost_usd=answer.cost_usd)
        return answer.finding, answer.cost_usd

    async def implement(self, case: Case) -> tuple[Change, Reproduction | None, float]:
        """The change as our own git reads it, and what else was touched meanwhile."""
        async with self._tree(case, Role.IMPLEMENTATION) as place:
            before = await self._outside(place)
            answer = await self._run(case, Role.IMPLEMENTATION, place)
            harm = differences(before, await self._outside(place))[:_HARM_NAMED]
            change = await self._change(case, place, answer.explanation, harm)
        return change, answer.reproduction, answer.cost_usd

    async def prove(self, case: Case) -> Proof:
        """The judge's word on the case's change; no agent takes part."""
        assert case.change is not None, "a case at verify has its change"
        wanted = await self._reproduction(case)
        return await self.judge.prove(case, case.change, wanted, outside=case.change.outside)

    async def review(self, case: Case) -> tuple[Review, float]:
        """Fresh eyes on the changed tree."""
        async with self._tree(case, Role.REVIEW) as place:
            answer = await self._run(case, Role.REVIEW, place)
        if answer.review is None:
            raise AgentFailed("The review specialist gave no review.", cost_usd=answer.cost_usd)
        return answer.review, answer.cost_usd

    async def _run(self, case: Case, role: Role, place: _Place) -> AgentAnswer:
        assignment = await self._assignment(case, role, place)
        return await self.agent.run(assignment, _teller(case, role))

    async def _assignment(self, case: Case, role: Role, place: _Place) -> Assignment:
        screened = kept_report(case)
        return Assignment(
            case_id=case.case_id,
            role=role,
            prompt=prompt_text(
                role,
                screened,
                f"data-{secrets.token_hex(8)}",
                finding=case.finding,
                change=case.change,
                proof=case.proof,
                feedback=case.feedback,
            ),
            system=system_text(role, *await self._notes(case.base, role)),
            answer_schema=answer_schema(role),
            tree=place.tree,
            repo=self.repository.origin.top,
            base=case.base,
            scratch=place.scratch,
            screened=screened,
            finding=case.finding,
            change=case.change,
            feedback=case.feedback,
            reproduction=await self._reproduction(case),
            limits=self.limits,
            restricted=case.restricted,
            may_run=self.may_run and not case.restricted,
        )

    async def _notes(self, base: str, role: Role) -> tuple[str, str]:
        """CLAUDE.md and the agent's definition as data, read at the base commit (rules B8)."""
        notes = await self.repository.read_file(base, "CLAUDE.md")
        definition = await self.repository.read_file(base, f".claude/agents/{role}.md")
        return _text(notes), _text(definition)

    async def _reproduction(self, case: Case) -> Reproduction | None:
        """The operator's own, else one built from a trusted report, else what a specialist made."""
        report = kept_report(case).report
        frame = crash_frame(report)
        files = await self.repository.list_files(case.base)
        crash = tracked_file(frame.file, files) if frame else ""
        kind = error_type(report)
        if self.reproduce:
            return Reproduction(
                command=self.reproduce, origin="config", expects_type=kind, expects_file=crash
            )
        if not case.restricted and case.trust is Trust.TRUSTED and crash:
            built = captured_reproduction(report, crash, tracked=files)
            if built is not None:
                return built
        found = case.finding.reproduction if case.finding else None
        if found is None:
            return None
        return replace(found, expects_type=kind, expects_file=crash)

    async def _change(
        self, case: Case, place: _Place, explanation: str, harm: tuple[str, ...]
    ) -> Change:
        after = await self.repository.write_tree(place.tree, case.base)
        patch = await self.repository.diff(case.base, after)
        files = read_patch(patch)
        return Change(
            patch=patch,
            files=await self.repository.changed(case.base, after),
            added=sum(len(file.added) for file in files),
            removed=sum(len(file.removed) for file in files),
            explanation=explanation,
            outside=harm,
        )

    async def _outside(self, place: _Place) -> Snapshot:
        if self.walled:
            return Snapshot(prints={})
        # Hashing many files must not keep the heartbeat of our lease waiting.
        top = self.repository.origin.top
        return await asyncio.to_thread(snapshot, top, top=(place.tree.parent,))

    @asynccontextmanager
    async def _tree(self, case: Case, role: Role) -> AsyncIterator[_Place]:
        key = f"{case.case_id}-{case.token}-{role}"
        scratch = self.state / "scratch" / key
        await asyncio.to_thread(_sweep_scratch, self.state)
        commit = await self._seen_by(case, role)
        async with tree(self.repository, commit, key=key, state=self.state) as checkout:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                yield _Place(tree=checkout, scratch=scratch)
            finally:
                await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    async def _seen_by(self, case: Case, role: Role) -> str:
        """The base commit, or for the reviewer the change on top of it."""
        if role is not Role.REVIEW or case.change is None:
            return case.base
        after = await self.repository.apply_patch(case.base, case.change.patch)
        return await self.repository.commit(after, case.base, "Under review", case.opened_ns)


def _sweep_scratch(state: Path) -> None:
    """Remove what killed workers left: a scratch folder lives no longer than its tree."""
    scratch, trees = state / "scratch", state / "trees"
    if scratch.is_dir():
        for folder in tuple(scratch.iterdir()):
            if not any(trees.glob(f"{folder.name}.*")):
                shutil.rmtree(folder, ignore_errors=True)


def _teller(case: Case, role: Role) -> OnSaid:
    def said(kind: str, text: str) -> None:
        line = printable(text, 300)
        emit("agent.said", case=case.case_id, role=role, kind=kind, text=line)

    return said


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")[:NOTES_LIMIT]
