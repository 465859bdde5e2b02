"""Runs ``codex exec`` for one assignment and says what came of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mendwire.agents import OnSaid
from mendwire.agents.aside import set_aside
from mendwire.agents.codex.config import KEYS, CodexConfig
from mendwire.agents.codex.home import CodexHome, opened
from mendwire.agents.codex.outcome import excess, judge
from mendwire.agents.codex.said import Counts, Heard
from mendwire.agents.command.line import (
    environment,
    find_program,
    read_only,
    refuse_unwalled,
    walled,
)
from mendwire.errors import AgentError, OverBudget, ProviderOutage
from mendwire.execution.process import Completed, run
from mendwire.execution.sandbox import SandboxKind
from mendwire.model.work import AgentAnswer, Assignment


class CodexAgent:
    """Plays every role with the user's ``codex`` program."""

    name = "codex"
    paid = True

    def __init__(self, config: CodexConfig) -> None:
        self._config = config

    def find_program(self) -> Path:
        """Where the program is; raises ConfigError with what to do."""
        return find_program(self._config)

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Work on one assignment in its tree and answer.

        Raises AgentFailed, OverBudget, ProviderOutage, and for what is missing on this machine
        ConfigError and SandboxUnavailable. No process of the run is alive afterwards.
        """
        config = self._config
        if assignment.limits.cost_usd <= 0:
            raise OverBudget("No money is left for this run; it waits for the next budget.")
        program = self.find_program()
        refuse_unwalled(assignment, config.sandbox)
        if not config.key:
            raise ProviderOutage(
                f"Codex has no key: set {KEYS[-1]} for the worker (a login of ChatGPT's is not "
                "used, for renewing it here would end the one on your desk)."
            )
        with (
            set_aside(assignment.tree, assignment.scratch),
            opened(assignment, config) as home,
        ):
            return await self._played(assignment, program, home, said)

    async def _played(
        self, assignment: Assignment, program: Path, home: CodexHome, said: OnSaid
    ) -> AgentAnswer:
        config, limits = self._config, assignment.limits
        problem: AgentError | None = None

        def look() -> None:
            nonlocal problem
            problem = problem or excess(heard, limits, self._known(heard))
            if problem is not None:
                child.cancel()

        heard = Heard(said, Counts(home.sessions), look)
        child = asyncio.ensure_future(
            run(
                walled(_words(assignment, config, program, home), assignment, config, program),
                cwd=assignment.tree,
                env={**environment(assignment, config), "CODEX_HOME": str(home.folder)},
                stdin=assignment.prompt.encode("utf-8", "replace"),
                timeout_s=limits.seconds,
                limits=config.limits,
                on_line=heard.hear,
            )
        )
        done = await _ended(child)
        cost = self._cost(heard)
        if problem is not None:
            problem.cost_usd = cost
            raise problem
        if done is None:
            raise asyncio.CancelledError
        return judge(assignment.role, done, heard, cost=cost, limit_s=limits.seconds)

    def _known(self, heard: Heard) -> float | None:
        prices = self._config.token_usd
        return heard.tokens.usd(prices) if prices else None

    def _cost(self, heard: Heard) -> float:
        known = self._known(heard)
        if known is not None:
            return known
        return self._config.unknown_usd if heard.spoken else 0.0


async def _ended(child: asyncio.Task[Completed]) -> Completed | None:
    """What came of the child; None where we ended it. Our own cancellation goes on."""
    try:
        return await child
    except asyncio.CancelledError:
        ours = asyncio.current_task()
        if ours is not None and ours.cancelling():
            raise
        return None


def _words(
    assignment: Assignment, config: CodexConfig, program: Path, home: CodexHome
) -> list[str]:
    """The command. Inside our wall its own sandbox, which cannot stand in another, is left out."""
    inside = config.sandbox.kind is not SandboxKind.NONE
    own = ("-s", "read-only" if read_only(assignment) else "workspace-write")
    return [
        *(str(program), "exec", "--strict-config", "--json", "--skip-git-repo-check"),
        *("--output-schema", str(home.schema)),
        *(("--dangerously-bypass-approvals-and-sandbox",) if inside else own),
        "-",
    ]
