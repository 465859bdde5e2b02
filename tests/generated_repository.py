"""Operators' repositories, made by real git: the neighbour of the tests that need one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mendwire.agents.rollback import RollbackAgent
from mendwire.execution.commands import Bench, reproductions_on
from mendwire.execution.git import CaseRepository
from mendwire.execution.sandbox import Sandbox, SandboxKind
from mendwire.model.report import ErrorReport, Trust, report_of
from mendwire.model.screening import ScreenedReport, Screening, ScreenVerdict
from mendwire.model.work import Assignment, Change, Finding, Reproduction, Role

_SECONDS_OF_2026 = 1_767_225_600


@dataclass(kw_only=True)
class Generated:
    """A repository in the making; each commit is an hour later than the one before."""

    path: Path
    commits: int = 0
    settings: tuple[str, ...] = field(default=())

    def git(self, *words: str, check: bool = True, stdin: bytes | None = None) -> str:
        """Run the operator's git, with a configuration of its own."""
        when = f"{_SECONDS_OF_2026 + 3600 * self.commits} +0000"
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.path.parent),
            "GIT_AUTHOR_DATE": when,
            "GIT_COMMITTER_DATE": when,
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        done = subprocess.run(
            ["git", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", *words],
            cwd=self.path,
            env=env,
            input=stdin,
            capture_output=True,
            check=False,
        )
        assert not check or done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def commit(self, subject: str, files: Mapping[str, str | None]) -> str:
        """Write the files (None removes one) and commit; the commit's name."""
        for name, text in files.items():
            target = self.path / name
            if text is None:
                target.unlink()
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        self.commits += 1
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", subject)
        return self.git("rev-parse", "HEAD")


def generated(folder: Path) -> Generated:
    """An empty repository in ``folder``."""
    path = folder / "shop"
    path.mkdir(parents=True)
    repository = Generated(path=path)
    repository.git("init", "-q", "-b", "main")
    return repository


def unconfined(scratch: Path, repo: Path) -> Bench:
    """A bench without a sandbox, as an operator may ask for."""
    scratch.mkdir(exist_ok=True)
    sandbox = Sandbox(kind=SandboxKind.NONE, may_run=True, cuts_network=False)
    return Bench(repo=repo, sandbox=sandbox, scratch=scratch, timeout_s=30)


def screened(report: ErrorReport, *, restricted: bool = False) -> ScreenedReport:
    """The report as if the screen had passed it."""
    verdict = ScreenVerdict.RESTRICT if restricted else ScreenVerdict.PASS
    return ScreenedReport(
        report=report,
        screening=Screening(verdict=verdict, score=0.0),
        restricted=restricted,
        trust=Trust.TRUSTED,
    )


@dataclass(kw_only=True)
class Rolling:
    """A rollback agent on one generated repository."""

    repository: CaseRepository
    agent: RollbackAgent
    state: Path
    base: str
    said: list[str] = field(default_factory=list)

    def assignment(self, role: Role, report: dict[str, Any], **more: Any) -> Assignment:
        """What the orchestrator would give it."""
        known: dict[str, Any] = {
            "case_id": "k3y-e1",
            "role": role,
            "prompt": "",
            "system": "",
            "answer_schema": {},
            "tree": self.state,
            "repo": self.repository.origin.top,
            "base": self.base,
            "begins": self.base,
            "scratch": self.state,
            "screened": screened(report_of(report), restricted=bool(more.get("restricted"))),
            "may_run": True,
        }
        return Assignment(**{**known, **more})

    async def research(self, report: dict[str, Any], **more: Any) -> Finding:
        answer = await self.agent.run(self.assignment(Role.RESEARCH, report, **more), self._say)
        assert answer.finding is not None
        return answer.finding

    async def implement(
        self, report: dict[str, Any], finding: Finding, tree: Path, **more: Any
    ) -> Change:
        """Its change, read as the orchestrator reads it."""
        assignment = self.assignment(
            Role.IMPLEMENTATION, report, finding=finding, tree=tree, **more
        )
        answer = await self.agent.run(assignment, self._say)
        after = await self.repository.write_tree(tree, self.base)
        return Change(
            patch=await self.repository.diff(self.base, after),
            files=await self.repository.changed(self.base, after),
            explanation=answer.explanation,
        )

    def _say(self, kind: str, text: str) -> None:
        self.said.append(f"{kind}: {text}")


async def rolling(repository: Generated, folder: Path) -> Rolling:
    """A rollback agent at the repository's HEAD."""
    state = folder / "state"
    ours = await CaseRepository.open(repository.path, state)
    judge = reproductions_on(unconfined(folder / "scratch", repository.path))
    agent = RollbackAgent(repository=ours, judge=judge, state=state)
    base = (await ours.base_commit()).commit
    return Rolling(repository=ours, agent=agent, state=state, base=base)


def shell(script: str, expects: str = "", file: str = "") -> Reproduction:
    """An operator's reproduction command."""
    return Reproduction(
        command=("sh", "-c", script), origin="config", expects_type=expects, expects_file=file
    )
