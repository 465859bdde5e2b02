"""Runs the operator's program for one assignment and says what came of it."""

from __future__ import annotations

from pathlib import Path

from mendwire.agents import OnSaid
from mendwire.agents.answers import with_tokens
from mendwire.agents.command.config import CommandConfig
from mendwire.agents.command.line import environment, errand_of, find_program, wrapped
from mendwire.agents.command.outcome import judge
from mendwire.agents.command.said import Heard
from mendwire.errors import AgentFailed, OverBudget
from mendwire.execution.process import run
from mendwire.execution.sandbox import SandboxKind
from mendwire.model.codec import encode
from mendwire.model.work import AgentAnswer, Assignment


class CommandAgent:
    """Plays every role with a program of the operator's, whatever it is."""

    name = "command"
    paid = True

    def __init__(self, config: CommandConfig) -> None:
        self._config = config

    def find_program(self) -> Path:
        """Where the program is; raises ConfigError with what to do."""
        return find_program(self._config)

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Work on one assignment in its tree and answer.

        Raises AgentFailed, OverBudget, ProviderOutage, and for what is missing on this machine
        ConfigError. No process of the run is alive afterwards.
        """
        config = self._config
        if assignment.limits.cost_usd <= 0:
            raise OverBudget("No money is left for this run; it waits for the next budget.")
        program = find_program(config)
        if assignment.restricted and config.sandbox.kind is SandboxKind.NONE:
            # Only a wall keeps a program that we know nothing about from writing and running.
            raise AgentFailed(
                "A restricted case is given to this agent inside a sandbox only; install "
                "bubblewrap, or look at the case yourself."
            )
        task = encode(errand_of(assignment, config)) + b"\n"
        by_file = any("{task}" in word for word in config.command)
        (assignment.scratch / "task.json").write_bytes(task)
        heard = Heard(said)
        done = await run(
            wrapped(assignment, config, program),
            cwd=assignment.tree,
            env=environment(assignment, config),
            stdin=b"" if by_file else task,
            timeout_s=assignment.limits.seconds,
            limits=config.limits,
            on_line=heard.hear,
        )
        if any("{answer}" in word for word in config.command):
            heard.read_file(assignment.scratch / "answer.json")
        limits = assignment.limits
        return with_tokens(
            lambda: judge(assignment.role, done, heard, limit_s=limits.seconds), heard.tokens
        )
