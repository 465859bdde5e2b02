"""Runs the program for one assignment and says what came of it."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from mendwire.agents import OnSaid
from mendwire.agents.answers import with_tokens
from mendwire.agents.claude.command import Folders, arguments, environment, prompt, wrapped
from mendwire.agents.claude.config import ClaudeConfig
from mendwire.agents.claude.login import prepare_login
from mendwire.agents.claude.outcome import counted_tokens, judge, used_of
from mendwire.agents.claude.stream import Stream
from mendwire.errors import ConfigError, OverBudget
from mendwire.execution.process import Completed, run
from mendwire.model.work import AgentAnswer, Assignment
from mendwire.telemetry import emit


class ClaudeAgent:
    """Plays every role with the user's ``claude`` program."""

    name = "claude"
    paid = True

    def __init__(self, config: ClaudeConfig) -> None:
        self._config = config

    def find_program(self) -> Path:
        """Where the program is; raises ConfigError with how to install it."""
        found = shutil.which(self._config.program, path=self._config.environ.get("PATH"))
        if found:
            return Path(found).resolve()  # a link may lie where the sandbox shows nothing
        message = (
            f"The program {self._config.program} was not found: install Claude Code "
            "(npm install -g @anthropic-ai/claude-code, or https://code.claude.com), put it on "
            "PATH, or choose the agent rollback, which needs no model."
        )
        raise ConfigError(message)

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Work on one assignment in its tree and answer.

        Raises AgentFailed, OverBudget, ProviderOutage, and for what is missing on this machine
        ConfigError and SandboxUnavailable. No process of the run is alive afterwards.
        """
        if assignment.limits.cost_usd <= 0:
            raise OverBudget("No money is left for this run; it waits for the next budget.")
        program = self.find_program()
        config = self._config
        with Folders.opened(assignment.scratch, config.sandbox.kind) as folders:
            login = prepare_login(config.environ, config.home, folders.config)
            try:
                argv = [*login.prefix, str(program), *arguments(assignment, config, folders, login)]
                done, stream = await self._played(
                    wrapped(argv, assignment, config, login, program),
                    environment(assignment, config, folders, login),
                    assignment,
                    said,
                )
            finally:
                login.forget()
        emit("agent.used", case=assignment.case_id, role=assignment.role, **used_of(stream))
        limits = assignment.limits
        return with_tokens(
            lambda: judge(assignment.role, done, stream, limit_s=limits.seconds),
            counted_tokens(stream),
        )

    async def _played(
        self, argv: list[str], env: dict[str, str], assignment: Assignment, said: OnSaid
    ) -> tuple[Completed | None, Stream]:
        """The ended child, None when we gave up waiting for the provider; and what it said."""

        def give_up() -> None:
            child.cancel()

        stream = Stream(
            said,
            patience_s=self._config.api_patience_s,
            most_tokens=assignment.limits.tokens,
            give_up=give_up,
        )
        child = asyncio.ensure_future(
            run(
                argv,
                cwd=assignment.tree,
                env=env,
                stdin=prompt(assignment),
                timeout_s=assignment.limits.seconds,
                limits=self._config.limits,
                on_line=stream.hear,
            )
        )
        try:
            return await child, stream
        except asyncio.CancelledError:
            ours = asyncio.current_task()
            if stream.gave_up and ours is not None and not ours.cancelling():
                return None, stream
            raise
