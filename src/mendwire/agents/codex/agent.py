"""Runs ``codex exec`` for one assignment and says what came of it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from mendwire.agents import OnSaid
from mendwire.agents.answers import with_tokens
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
from mendwire.model.work import AgentAnswer, Assignment, Limits


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
                f"Codex has no key: set {KEYS[-1]} for the worker (ChatGPT's login is not used)."
            )
        with (
            set_aside(assignment.tree) as spent,
            opened(assignment, config) as home,
        ):
            answer = await self._played(assignment, program, home, said)
            spent.cost_usd, spent.tokens = answer.cost_usd, answer.tokens
        return answer

    async def _played(
        self, assignment: Assignment, program: Path, home: CodexHome, said: OnSaid
    ) -> AgentAnswer:
        config, limits = self._config, assignment.limits
        watch = _Watch(limits, config.token_usd, silence_s=config.api_timeout_s)
        heard = Heard(said, Counts(home.sessions), lambda: watch.look(heard))
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
        done = await watch.over(child, heard)
        known = heard.tokens.usd(config.token_usd) if config.token_usd else None
        cost = (config.unknown_usd if heard.spoken else 0.0) if known is None else known
        if watch.problem is not None:
            watch.problem.cost_usd, watch.problem.tokens = cost, heard.tokens.counted
            raise watch.problem
        if done is None:
            raise asyncio.CancelledError
        ended = done
        return with_tokens(
            lambda: judge(assignment.role, ended, heard, cost=cost, limit_s=limits.seconds),
            heard.tokens.counted,
        )


class _Watch:
    """Ends a run that costs, does or waits too much."""

    def __init__(self, limits: Limits, prices: tuple[float, ...], *, silence_s: float) -> None:
        self.problem: AgentError | None = None
        """Why it was ended."""
        self._limits = limits
        self._prices = prices
        self._silence_s = silence_s
        self._child: asyncio.Task[Completed] | None = None

    def look(self, heard: Heard) -> None:
        """After each word of it."""
        cost = heard.tokens.usd(self._prices) if self._prices else None
        if problem := excess(heard, self._limits, cost):
            self._end(problem)

    async def over(self, child: asyncio.Task[Completed], heard: Heard) -> Completed | None:
        """What came of it; None where we ended it. Our own cancellation goes on."""

        def silent() -> None:
            if not heard.spoken:
                self._end(
                    ProviderOutage(
                        f"The model behind Codex said nothing for {self._silence_s:g} s, as when "
                        "its provider is away; try again later."
                    )
                )

        self._child = child
        silence = asyncio.get_running_loop().call_later(self._silence_s, silent)
        try:
            return await child
        except asyncio.CancelledError:
            ours = asyncio.current_task()
            if ours is not None and ours.cancelling():
                raise
            return None
        finally:
            silence.cancel()

    def _end(self, problem: AgentError) -> None:
        self.problem = self.problem or problem
        if self._child is not None:
            self._child.cancel()


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
