"""The agent that needs no model: finds the commit that broke the reproduction and undoes just it.

It blames the functions on the stack, undoes each suspect commit on top of the base and runs the
reproduction. The guilty one is that whose undoing makes it pass and, where that can be tried,
after which it fails and before which it passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mendwire.agents import OnSaid
from mendwire.agents.reproduction import captured_reproduction
from mendwire.agents.suspects import Place, Suspects, places_of, suspects_of
from mendwire.agents.undo import Undo, all_undos_of, lay_down, small_undos_of, undos_of
from mendwire.errors import AgentFailed, ExecutionError, SandboxUnavailable
from mendwire.execution.git import CaseRepository
from mendwire.execution.history import Commit
from mendwire.execution.trees import export
from mendwire.model.layout import WHOLE, Layout
from mendwire.model.printable import printable
from mendwire.model.report import Trust
from mendwire.model.signature import crash_frame, error_type, parse_frames
from mendwire.model.work import AgentAnswer, Assignment, Finding, Reproduction, Review, Role, Run

RunsReproduction = Callable[[Path, Reproduction], Awaitable[Run]]
"""Runs a reproduction in a tree, in the sandbox; ``failing`` names the expected exception only."""
Ways = Callable[[CaseRepository, str, str, Sequence[str]], AsyncIterator[Undo]]
_WORDS = {True: "broke it", False: "did not break it", None: "cannot be judged by running it"}
CERTAIN, LIKELY, READ = 0.95, 0.7, 0.2
"""Confidence: broke it and undoing mends it; undoing mends it; only read, nothing was run."""


@dataclass(kw_only=True, slots=True)
class RollbackAgent:
    """``mendwire.agents.Agent`` without a model. One object serves all cases of a worker."""

    repository: CaseRepository
    judge: RunsReproduction
    state: Path
    """Folder of ours in which trees are made."""
    layout: Layout = WHOLE
    name: str = field(default="rollback", init=False)
    paid: bool = field(default=False, init=False)

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Work on one assignment; raises AgentFailed with what to do."""
        roles = {
            Role.RESEARCH: self._research,
            Role.IMPLEMENTATION: self._implement,
            Role.REVIEW: self._review,
        }
        try:
            async with asyncio.timeout(assignment.limits.seconds):
                return await roles[assignment.role](assignment, said)
        except TimeoutError:
            message = f"The search took longer than {assignment.limits.seconds:.0f} s."
            raise AgentFailed(message) from None
        except ExecutionError as problem:
            raise AgentFailed(str(problem)) from problem

    async def _research(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        report = assignment.screened.report
        places = await places_of(
            self.repository, assignment.base, parse_frames(report), self.layout
        )
        if not places:
            summary = "No frame of the report's stack is a file of the repository at its base."
            return AgentAnswer(finding=Finding(summary=summary))
        suspects = await suspects_of(self.repository, assignment.base, places)
        said("plan", f"{len(suspects.commits)} commits may have broken {_named(places[0])}")
        reproduction = await self._reproduction(assignment)
        why = _why_not_run(assignment, reproduction)
        if reproduction is None or why:
            return AgentAnswer(finding=_read_only(assignment, places, suspects, why))
        search = _Search(agent=self, assignment=assignment, said=said, reproduction=reproduction)
        try:
            finding = await search.finding(places, suspects)
        except SandboxUnavailable as problem:
            finding = _read_only(assignment, places, suspects, str(problem))
        return AgentAnswer(finding=finding)

    async def _reproduction(self, assignment: Assignment) -> Reproduction | None:
        trusted = assignment.screened.trust is Trust.TRUSTED and not assignment.screened.restricted
        if assignment.reproduction is not None or not trusted:
            return assignment.reproduction
        frame = crash_frame(assignment.screened.report)
        tracked = await self.repository.list_files(assignment.base)
        crash = self.layout.find(frame.file, tracked) if frame else ""
        report = assignment.screened.report
        if not crash:
            return None
        return captured_reproduction(report, crash, tracked=tracked, layout=self.layout)

    async def _implement(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        finding = assignment.finding
        if finding is None or not finding.guilty_commit:
            raise AgentFailed("No guilty commit was found, so there is nothing to undo.")
        undo = await self._undo(assignment, finding)
        changed = await lay_down(self.repository, assignment.begins, undo.tree, assignment.tree)
        for path in changed:
            said("edit", path)
        commit = await self.repository.commit_info(undo.commit)
        extent = f", {undo.extent}" if undo.extent else ""
        return AgentAnswer(explanation=f"Undoes {_shown(commit)}{extent}.")

    async def _undo(self, assignment: Assignment, finding: Finding) -> Undo:
        """The first way to undo the commit that mends it and was not sent back before."""
        refused = assignment.change.patch if assignment.change and assignment.feedback else ""
        reproduction = assignment.reproduction or finding.reproduction
        commit, base = finding.guilty_commit, assignment.base
        stack = await self._stack(assignment)
        async for undo in all_undos_of(self.repository, base, commit, stack):
            if refused and await self.repository.diff(base, undo.tree) == refused:
                continue
            if reproduction is None or not assignment.may_run:
                return undo
            if (await self.try_out(assignment, undo.tree, reproduction)).passed:
                return undo
        raise AgentFailed(f"Commit {commit[:12]} cannot be undone in a way that was not tried yet.")

    async def _review(self, assignment: Assignment, _said: OnSaid) -> AgentAnswer:
        finding, change = assignment.finding, assignment.change
        if finding is None or change is None or not finding.guilty_commit:
            comments = "There is no change, or no commit it is said to undo."
            return AgentAnswer(review=Review(approved=False, comments=comments))
        commit, base = finding.guilty_commit, assignment.base
        stack = await self._stack(assignment)
        async for undo in all_undos_of(self.repository, base, commit, stack):
            if await self.repository.diff(base, undo.tree) == change.patch:
                comments = f"The change is exactly an undo of {commit[:12]} and nothing else."
                return AgentAnswer(review=Review(approved=True, comments=comments))
        comments = f"The change is not just an undo of {commit[:12]}: undo that commit alone."
        return AgentAnswer(review=Review(approved=False, comments=comments))

    async def _stack(self, assignment: Assignment) -> tuple[str, ...]:
        """The tracked files on the report's stack."""
        frames = parse_frames(assignment.screened.report)
        places = await places_of(self.repository, assignment.base, frames, self.layout)
        return tuple(dict.fromkeys(place.path for place in places))

    async def try_out(self, assignment: Assignment, tree: str, reproduction: Reproduction) -> Run:
        """Run the reproduction in a fresh export of a commit or tree."""
        key = f"{assignment.case_id}-try"
        async with export(self.repository, tree, key=key, state=self.state) as path:
            return await self.judge(path, reproduction)


@dataclass(kw_only=True, slots=True)
class _Search:
    """One search for the guilty commit."""

    agent: RollbackAgent
    assignment: Assignment
    said: OnSaid
    reproduction: Reproduction
    tried: dict[str, Run] = field(default_factory=dict)
    """Runs by the commit or tree they were made in."""

    async def finding(self, places: Sequence[Place], suspects: Suspects) -> Finding:
        files = tuple(dict.fromkeys(place.path for place in places))
        at_base = await self._try(self.assignment.base)
        if not self._fails(at_base):
            summary = _not_seen(self.assignment.base, at_base)
            return Finding(summary=summary, files=files, reproduction=self.reproduction)
        likely: tuple[Undo, Commit] | None = None
        culprit: Commit | None = None
        for commit in suspects.commits:
            broke = await self._broke(commit)
            self.said("try", f"{_shown(commit)} {_WORDS[broke]}")
            if broke is False or (broke is None and likely is not None):
                continue
            undo = await self._mending(undos_of, commit, files)
            if broke and undo is None:
                culprit = culprit or commit
                undo = await self._mending(small_undos_of, commit, files)
            if undo is not None and broke:
                return await self._guilty(undo, commit, places, CERTAIN)
            if undo is not None:
                likely = (undo, commit)
        if culprit is not None:
            return self._stuck(culprit, places, files)
        if likely is not None:
            return await self._guilty(*likely, places, LIKELY)
        return self._innocent(places, suspects)

    async def _mending(self, ways: Ways, commit: Commit, files: Sequence[str]) -> Undo | None:
        async for undo in ways(self.agent.repository, self.assignment.base, commit.sha, files):
            passed = (await self._try(undo.tree)).passed
            extent = f" ({undo.extent})" if undo.extent else ""
            does = "mends it" if passed else "does not help"
            self.said("try", f"undoing {_shown(commit)}{extent} {does}")
            if passed:
                return undo
        return None

    async def _broke(self, commit: Commit) -> bool | None:
        """Whether it failed right after the commit and passed right before; None is unclear."""
        if len(commit.parents) != 1:
            return False
        after = await self._try(commit.sha)
        if after.passed:
            return False
        before = await self._try(commit.parents[0])
        if self._fails(after):
            return True if before.passed else False if self._fails(before) else None
        return None

    async def _try(self, tree: str) -> Run:
        if tree not in self.tried:
            run = await self.agent.try_out(self.assignment, tree, self.reproduction)
            self.tried[tree] = run
        return self.tried[tree]

    def _fails(self, run: Run) -> bool:
        expects = self.reproduction.expects_type or self.reproduction.expects_file
        return not run.passed and (bool(run.failing) or not expects)

    async def _guilty(
        self, undo: Undo, commit: Commit, places: Sequence[Place], confidence: float
    ) -> Finding:
        repository, base = self.agent.repository, self.assignment.base
        changed = await repository.changed(base, undo.tree)
        proof = "It fails right after that commit and passes right before." * (
            confidence == CERTAIN
        )
        kind = printable(error_type(self.assignment.screened.report), 60) or "The error"
        return Finding(
            summary=f"{kind} in {_named(places[0])} came with {_shown(commit)}.",
            cause=f"Undoing just {_shown(commit)} makes the reproduction pass. {proof}".strip(),
            guilty_commit=commit.sha,
            files=changed,
            similar=await self._similar(commit, changed),
            confidence=confidence,
            reproduction=self.reproduction,
        )

    def _stuck(self, commit: Commit, places: Sequence[Place], files: tuple[str, ...]) -> Finding:
        return Finding(
            summary=f"{_named(places[0])} was broken by {_shown(commit)}, which cannot be undone.",
            cause="It fails right after that commit and passes right before, but later changes "
            "build on it, so that undoing it alone conflicts or does not help.",
            guilty_commit=commit.sha,
            files=files,
            confidence=CERTAIN,
            reproduction=self.reproduction,
        )

    async def _similar(self, commit: Commit, changed: Sequence[str]) -> tuple[str, ...]:
        """Other lines at base that hold what the commit added."""
        repository = self.agent.repository
        patch = await repository.diff(commit.parents[0], commit.sha)
        added = [line[1:].strip() for line in patch.splitlines() if line.startswith("+")]
        lines = list(dict.fromkeys(line for line in added if _is_telling(line)))[:10]
        found = await repository.matches(self.assignment.base, lines) if lines else ()
        return tuple(
            f"{path}:{line} {printable(text.strip(), 80)}"
            for path, line, text in found
            if path not in changed
        )

    def _innocent(self, places: Sequence[Place], suspects: Suspects) -> Finding:
        tried = len(suspects.commits)
        whole = "" if not self.agent.repository.origin.shallow else " The history is cut."
        return Finding(
            summary=f"No single commit broke {_named(places[0])}: none can be undone to mend it.",
            cause=f"{tried} commits to the functions and files on the stack were tried.{whole}",
            files=tuple(dict.fromkeys(place.path for place in places)),
            reproduction=self.reproduction,
        )


def _not_seen(base: str, run: Run) -> str:
    """Why nothing can be compared: the error itself was not seen at the base commit."""
    where = f"at the base commit {base[:12]}"
    if run.passed:
        return f"The error does not happen {where}: perhaps it is mended there already."
    last = next((line for line in reversed(run.output.splitlines()) if line.strip()), "")
    said = f": {printable(last.strip(), 200)}" if last else f", with exit code {run.exit_code}"
    return f"Another error than the one reported ends the reproduction {where}{said}"


def _why_not_run(assignment: Assignment, reproduction: Reproduction | None) -> str:
    if assignment.restricted:
        return "The report is restricted, so nothing was run."
    if not assignment.may_run:
        return (
            "Nothing is run here, for no sandbox works: install bubblewrap, or set "
            'kind = "none" under [sandbox] in mendwire.toml.'
        )
    if reproduction is None:
        return (
            "There is no way to make the error happen: set project.reproduce in mendwire.toml, or "
            "report through mendwire.init so that plain arguments are captured."
        )
    return ""


def _read_only(
    assignment: Assignment, places: Sequence[Place], suspects: Suspects, why: str
) -> Finding:
    kind = printable(error_type(assignment.screened.report), 60) or "The error"
    last = suspects.crash_line
    cause = f"The line that crashed was last changed by {_shown(last)}. " if last else ""
    return Finding(
        summary=f"{kind} in {_named(places[0])}. {why}",
        cause=f"{cause}Nothing is proven.",
        files=tuple(dict.fromkeys(place.path for place in places)),
        confidence=READ if assignment.restricted and last is not None else 0.0,
    )


def _shown(commit: Commit) -> str:
    subject = printable(commit.subject, 72)
    return f"{commit.sha[:12]} “{subject}” of {commit.date[:10]}"


def _named(place: Place) -> str:
    where = f"{place.path}:{place.line}" if place.line else place.path
    return f"{printable(place.function, 60)} ({where})" if place.function else where


def _is_telling(line: str) -> bool:
    return len(line) >= 16 and not line.startswith(("#", "//", "import ", "from ", "+"))  # noqa: PLR2004 - a short line is everywhere
