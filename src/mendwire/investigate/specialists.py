"""The three specialists: each a run of one coding agent in a tree of its own, here or elsewhere."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.agents import Agent, OnSaid
from mendwire.agents.reproduction import captured_reproduction
from mendwire.agents.running import ran
from mendwire.agents.schemas import answer_schema
from mendwire.errors import AgentFailed, GitError
from mendwire.investigate.gone import gone_at_base
from mendwire.investigate.ports import Elsewhere
from mendwire.investigate.prompt import prompt_text, system_text
from mendwire.investigate.proof import Judge
from mendwire.investigate.reviewers import USUAL, Reviewer, reviewers_at
from mendwire.investigate.sharing import mended_by
from mendwire.investigate.workshop import Place, Workshop
from mendwire.model.case import Case
from mendwire.model.codec import kept_report
from mendwire.model.layout import WHOLE, Layout
from mendwire.model.letter import Letter
from mendwire.model.printable import printable
from mendwire.model.report import Trust
from mendwire.model.screening import ScreenedReport
from mendwire.model.signature import crash_frame, error_type
from mendwire.model.trace import parent_of
from mendwire.model.work import (
    AgentAnswer,
    Change,
    Cost,
    Finding,
    Limits,
    Proof,
    Reproduction,
    Review,
    Role,
)
from mendwire.telemetry import emit, here

NOTES_LIMIT: Final = 20_000
"""Characters of the repository's own notes that a specialist is given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentSpecialists:
    """``investigate.ports.Specialists`` on one coding agent and one repository."""

    agent: Agent
    workshop: Workshop
    judge: Judge
    base_revision: str
    reproduce: tuple[str, ...] = ()
    """The operator's own reproduction command; empty when there is none."""
    may_run: bool = False
    limits: Limits = field(default_factory=Limits)
    elsewhere: Elsewhere | None = None
    """Specialists in other processes, for the roles that they take."""
    further: tuple[Reviewer, ...] = ()
    """Reviewers that the operator configured."""
    layout: Layout = WHOLE

    @property
    def name(self) -> str:
        """The agent's, and which roles are played elsewhere."""
        roles = self.elsewhere.roles if self.elsewhere else frozenset()
        away = ", ".join(sorted(roles))
        if roles >= set(Role):
            return f"{away} elsewhere"
        return f"{self.agent.name}; {away} elsewhere" if away else self.agent.name

    @property
    def paid(self) -> bool:
        """Whether the agent's runs cost money; what runs elsewhere may always."""
        return self.agent.paid or bool(self.elsewhere and self.elsewhere.roles)

    async def base(self) -> str:
        """The commit that a new case works from; raises RepositoryUnfit."""
        return (await self.workshop.repository.base_commit(self.base_revision)).commit

    async def gone(self, case: Case) -> Proof | None:
        """What a given reproduction shows at base, before anything is spent."""
        wanted = await self._reproduction(case)
        if wanted is None or not self.may_run or case.restricted:
            return None
        return await gone_at_base(self.judge, case, wanted)

    async def shares(self, case: Case, fix: Case) -> Proof | None:
        """What the case's reproduction shows on another case's fix; None where it mends nothing."""
        wanted = await self._reproduction(case)
        if wanted is None or not self.may_run or case.restricted:
            return None
        if wanted.origin == "captured" and case.trust is not Trust.TRUSTED:
            return None
        return await mended_by(self.judge, case, fix, wanted)

    async def research(self, case: Case) -> tuple[Finding, Cost]:
        """What breaks and why; restricted cases read only."""
        answer = await self._away(case, Role.RESEARCH)
        if answer is None:
            letter = await self._letter(case, Role.RESEARCH)
            async with self._place(case, letter) as place:
                answer = await self._run(letter, place, kept_report(case))
        if answer.finding is None:
            message = "The research specialist gave no finding."
            raise AgentFailed(message, cost_usd=answer.cost_usd, tokens=answer.tokens)
        return answer.finding, answer.cost

    async def implement(self, case: Case) -> tuple[Change, Reproduction | None, Cost]:
        """The change as our own git reads it, and what else was touched meanwhile."""
        answer = await self._away(case, Role.IMPLEMENTATION)
        if answer is not None:
            return await self._patched(case, answer), answer.reproduction, answer.cost
        letter = await self._letter(case, Role.IMPLEMENTATION)
        async with self._place(case, letter) as place:
            before = await self.workshop.outside(place)
            answer = await self._run(letter, place, kept_report(case))
            harm = await self.workshop.harm(before, place)
            change = await self.workshop.change(place, case.base, answer.explanation)
        return replace(change, outside=harm), answer.reproduction, answer.cost

    async def prove(self, case: Case) -> Proof:
        """The judge's word on the case's change; no agent takes part."""
        assert case.change is not None, "a case at verify has its change"
        wanted = await self._reproduction(case)
        return await self.judge.prove(case, case.change, wanted, outside=case.change.outside)

    async def reviewers(self, case: Case) -> tuple[str, ...]:
        """Who must approve the case's change, in this order: the usual one, then one's own."""
        files = case.change.files if case.change else ()
        return (USUAL, *(one.called for one in await self._own(case) if one.sees(files)))

    async def review(self, case: Case, called: str = USUAL) -> tuple[Review, Cost]:
        """Fresh eyes on the changed tree."""
        answer = await self._away(case, Role.REVIEW, called)
        if answer is None:
            letter = await self._letter(case, Role.REVIEW, called)
            async with self._place(case, letter) as place:
                answer = await self._run(letter, place, kept_report(case))
        if answer.review is None:
            message = f"The {called} specialist gave no review."
            raise AgentFailed(message, cost_usd=answer.cost_usd, tokens=answer.tokens)
        return answer.review, answer.cost

    async def _own(self, case: Case) -> tuple[Reviewer, ...]:
        return await reviewers_at(self.workshop.repository, case.base, self.further)

    async def _away(self, case: Case, role: Role, called: str = "") -> AgentAnswer | None:
        """The answer from elsewhere; None where the work is done here."""
        called = called or role.value
        if self.elsewhere is None or called not in self.elsewhere.roles:
            return None
        letter = await self._letter(case, role, called)
        return await self.elsewhere.ask(case, letter, _teller(case.case_id, called))

    async def _patched(self, case: Case, answer: AgentAnswer) -> Change:
        """A diff that came from elsewhere, in a fresh tree, judged as if it were made here."""
        try:
            change = await self.workshop.patched(case.base, answer.patch or "", answer.explanation)
        except GitError as problem:
            message = f"The patch from elsewhere does not apply to {case.base[:12]}: {problem}"
            raise AgentFailed(message, cost_usd=answer.cost_usd, tokens=answer.tokens) from None
        return replace(change, outside=answer.outside)

    async def _run(self, letter: Letter, place: Place, screened: ScreenedReport) -> AgentAnswer:
        assignment = self.workshop.assignment(letter, place, screened, self.limits)
        return await ran(self.agent, assignment, _teller(letter.case_id, letter.called))

    async def _letter(self, case: Case, role: Role, called: str = "") -> Letter:
        """The assignment without its folders: what any process can work by."""
        called = called or role.value
        stands = case.rework.change if case.rework and role is Role.IMPLEMENTATION else None
        return Letter(
            case_id=case.case_id,
            called=called,
            role=role,
            prompt=prompt_text(
                role,
                kept_report(case),
                f"data-{secrets.token_hex(8)}",
                called=called,
                finding=case.finding,
                change=case.change,
                proof=case.proof,
                feedback=case.feedback,
                asked=case.rework.asked if case.rework else "",
                stands=stands,
            ),
            system=system_text(called, *await self._notes(case, called)),
            answer_schema=answer_schema(role),
            trace=_trace(),
            base=case.base,
            opened_ns=case.opened_ns,
            report=case.report.decode("utf-8", "replace"),
            screened_sha256=case.screened_sha256,
            trust=case.trust,
            restricted=case.restricted,
            finding=case.finding,
            change=case.change,
            stands=stands,
            feedback=_feedback(case),
            reproduction=await self._reproduction(case),
            limits=self.limits,
            may_run=self.may_run and not case.restricted,
        )

    async def _notes(self, case: Case, called: str) -> tuple[str, str]:
        """CLAUDE.md and the agent's definition as data, read at the base commit (rules B8)."""
        repository, folder = self.workshop.repository, self.layout.folder
        notes = await repository.read_file(case.base, "CLAUDE.md") or b""
        if folder:
            own_notes = await repository.read_file(case.base, f"{folder}/CLAUDE.md") or b""
            where = f"The service of this error lives in {folder}/; its tests run there.".encode()
            notes = b"\n\n".join(filter(None, (where, notes, own_notes)))
        definition = _text(await repository.read_file(case.base, f".claude/agents/{called}.md"))
        if called not in set(Role):
            own = next((one for one in await self._own(case) if one.called == called), None)
            told = (own.instructions if own else "", definition)
            definition = "\n\n".join(filter(None, told))
        return _text(notes), definition

    async def _reproduction(self, case: Case) -> Reproduction | None:
        """The operator's own, else one built from a trusted report, else what a specialist made."""
        report = kept_report(case).report
        frame = crash_frame(report)
        files = await self.workshop.repository.list_files(case.base)
        crash = self.layout.find(frame.file, files) if frame else ""
        kind = error_type(report)
        if self.reproduce:
            return Reproduction(
                command=self.reproduce, origin="config", expects_type=kind, expects_file=crash
            )
        if not case.restricted and case.trust is Trust.TRUSTED and crash:
            built = captured_reproduction(report, crash, tracked=files, layout=self.layout)
            if built is not None:
                return built
        found = case.finding.reproduction if case.finding else None
        if found is None:
            return None
        return replace(found, expects_type=kind, expects_file=crash)

    @asynccontextmanager
    async def _place(self, case: Case, letter: Letter) -> AsyncIterator[Place]:
        key = f"{case.case_id}-{case.token}-{letter.called}"
        async with self.workshop.place(await self.workshop.begins(letter), key) as place:
            yield place


def _feedback(case: Case) -> str:
    """Why the work is asked for again: people's remarks, and why the last try was sent back."""
    asked = case.rework.asked if case.rework else ""
    return "\n\n".join(filter(None, (asked, case.feedback)))


def _trace() -> str:
    """For a letter: the step that it is sent by."""
    span = here()
    return parent_of(span) if span is not None else ""


def _teller(case_id: str, role: str) -> OnSaid:
    def said(kind: str, text: str) -> None:
        line = printable(text, 300)
        emit("agent.said", case=case_id, role=role, kind=kind, text=line)

    return said


def _text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")[:NOTES_LIMIT]
