"""Runs an agent of the Agent Client Protocol for one assignment and says what came of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from acp.connection import Connection
from acp.exceptions import RequestError
from acp.schema import NewSessionResponse, PromptResponse
from pydantic import ValidationError

from mendwire.agents import OnSaid
from mendwire.agents.acp.config import AcpConfig
from mendwire.agents.acp.desk import Desk
from mendwire.agents.acp.ending import stopped, unfinished
from mendwire.agents.acp.greeting import greet
from mendwire.agents.acp.heard import Heard
from mendwire.agents.acp.lines import connected
from mendwire.agents.answers import out_of_tokens, with_cost
from mendwire.agents.aside import set_aside
from mendwire.agents.claude.command import AT_SIGN_NOTE, prompt
from mendwire.agents.command.line import (
    environment,
    find_program,
    read_only,
    refuse_unwalled,
    wrapped,
)
from mendwire.agents.refusals import refused
from mendwire.agents.spoken import find_answer
from mendwire.errors import AgentError, AgentFailed, OverBudget
from mendwire.execution.dialogue import Dialogue, converse
from mendwire.model.work import AgentAnswer, Assignment

_START_S: Final = 60.0
"""For the two requests before the task, in seconds."""
_CANCEL_S: Final = 2.0
_GRACE_S: Final = 30.0
_AGAIN: Final = (
    "That was no answer yet. Say nothing but the JSON object that was asked for; whatever was "
    "refused stays refused."
)


class AcpAgent:
    """Plays every role with any agent that speaks the protocol."""

    name = "acp"
    paid = True

    def __init__(self, config: AcpConfig) -> None:
        self._config = config

    def find_program(self) -> Path:
        """Where the program is; raises ConfigError with what to do."""
        return find_program(self._config)

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Work on one assignment in its tree and answer.

        Raises AgentFailed, OverBudget, ProviderOutage, and for what is missing on this machine
        ConfigError and SandboxUnavailable. No process of the run is alive afterwards.
        """
        if assignment.limits.cost_usd <= 0:
            raise OverBudget("No money is left for this run; it waits for the next budget.")
        program = self.find_program()
        refuse_unwalled(assignment, self._config.sandbox)
        with set_aside(assignment.tree) as spent:
            async with self._connected(assignment, program, said) as session:
                answer = await session.play()
            spent.cost_usd, spent.tokens = answer.cost_usd, answer.tokens
        return answer

    @asynccontextmanager
    async def _connected(
        self, assignment: Assignment, program: Path, said: OnSaid
    ) -> AsyncIterator[_Session]:
        config = self._config
        changed = asyncio.Event()
        heard = Heard(said, changed.set)
        desk = Desk(
            tree=assignment.tree,
            writes=not read_only(assignment),
            test="" if read_only(assignment) or not assignment.may_run else config.test_command,
            heard=heard,
        )
        async with (
            converse(
                wrapped(assignment, config, program),
                cwd=assignment.tree,
                env=environment(assignment, config),
                timeout_s=assignment.limits.seconds + _START_S + _GRACE_S,
                limits=config.limits,
            ) as dialogue,
            connected(desk.serve, dialogue) as connection,
        ):
            yield _Session(assignment, config, connection, dialogue, heard, changed)


class _Session:
    """One conversation: greeting, task, and at most one reminder of the answer."""

    def __init__(
        self,
        assignment: Assignment,
        config: AcpConfig,
        connection: Connection,
        dialogue: Dialogue,
        heard: Heard,
        changed: asyncio.Event,
    ) -> None:
        self._assignment = assignment
        self._config = config
        self._connection = connection
        self._dialogue = dialogue
        self._heard = heard
        self._changed = changed
        self._began = asyncio.get_running_loop().time()

    @property
    def _cost(self) -> float:
        told = self._heard.cost_usd
        return self._config.unknown_usd if told is None else told

    async def play(self) -> AgentAnswer:
        """The answer, or the exception that says why there is none, with its tokens."""
        try:
            answer = await self._played()
        except AgentError as problem:
            problem.tokens = self._heard.tokens or 0
            raise
        return replace(answer, tokens=self._heard.tokens or 0)

    async def _played(self) -> AgentAnswer:
        try:
            return await self._play()
        except (RequestError, ConnectionError) as problem:
            raise await self._ended(problem) from None
        except ValidationError:
            message = "The agent does not speak this version of the Agent Client Protocol."
            raise AgentFailed(message, cost_usd=self._cost) from None

    async def _play(self) -> AgentAnswer:
        role, heard = self._assignment.role, self._heard
        session = await self._greeted()
        await self._asked(session, _task(self._assignment))
        try:
            answer = find_answer(role, heard.text)
        except AgentFailed:
            heard.forget_text()
            if 0 < self._assignment.limits.tokens < (heard.tokens or 0):
                raise out_of_tokens(heard.tokens or 0, cost_usd=self._cost) from None
            await self._asked(session, _AGAIN)
            try:
                answer = find_answer(role, heard.text)
            except AgentFailed as problem:
                raise AgentFailed(str(problem), cost_usd=self._cost) from None
        heard.forget_text()
        if heard.cost_usd is None:
            heard.show("cost", f"unknown; the run counts as {self._cost:g} US dollars")
        if heard.tokens is None and self._assignment.limits.tokens:
            heard.show("tokens", "unknown; the run counts none")
        return with_cost(answer, cost_usd=self._cost, turns=heard.tools + 1, log=heard.log)

    async def _greeted(self) -> str:
        """The session's id."""
        request = self._connection.send_request
        try:
            async with asyncio.timeout(_START_S):
                await greet(self._connection)
                where = {"cwd": str(self._assignment.tree), "mcpServers": []}
                made = NewSessionResponse.model_validate(await request("session/new", where))
        except TimeoutError:
            raise AgentFailed(f"The agent did not start within {_START_S:g} s.") from None
        return made.session_id

    async def _asked(self, session: str, text: str) -> None:
        """Have one prompt worked on, within the limits; raises where they, or it, end it."""
        content = [{"type": "text", "text": text}]
        asked = asyncio.ensure_future(
            self._connection.send_request(
                "session/prompt", {"sessionId": session, "prompt": content}
            )
        )
        try:
            problem = await self._watched(asked)
            if problem is not None:
                await self._cancel(session)
                await asyncio.wait({asked}, timeout=_CANCEL_S)
                if asked.done() and not asked.cancelled() and asked.exception() is None:
                    with suppress(ValidationError):
                        self._heard.used(PromptResponse.model_validate(asked.result()).usage)
                raise problem
            done = PromptResponse.model_validate(asked.result())
            self._heard.used(done.usage)
        except asyncio.CancelledError:
            with suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(self._cancel(session), 0.5)
            raise
        finally:
            if not asked.done():
                asked.cancel()
            elif not asked.cancelled():
                asked.exception()  # heard, whatever it was
        if problem := stopped(done.stop_reason, self._cost):
            raise problem

    async def _cancel(self, session: str) -> None:
        await self._connection.send_notification("session/cancel", {"sessionId": session})

    async def _watched(self, asked: asyncio.Future[Any]) -> AgentError | None:
        """Wait for the prompt's end; why it must be ended before, if so."""
        loop, limits, heard = asyncio.get_running_loop(), self._assignment.limits, self._heard
        until = self._began + limits.seconds
        first_word = self._began + min(self._config.first_word_s, limits.seconds)
        while not asked.done():
            self._changed.clear()
            problem = unfinished(
                heard, limits, late=loop.time() >= (until if heard.spoken else first_word)
            )
            if problem is not None:
                problem.cost_usd = self._cost if heard.spoken else heard.cost_usd or 0.0
                return problem
            rest = (until if heard.spoken else first_word) - loop.time()
            await self._something(asked, max(rest, 0.0))
        return None

    async def _something(self, asked: asyncio.Future[Any], within_s: float) -> None:
        """Wait until it is answered, or more is heard, or the time is over."""
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            await asyncio.wait(
                {asked, changed}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            changed.cancel()

    async def _ended(self, problem: RequestError | ConnectionError) -> AgentError:
        spent = self._cost if self._heard.spoken else self._heard.cost_usd or 0.0
        if isinstance(problem, RequestError):
            text = f"{problem} {json.dumps(problem.data) if problem.data else ''}"
            return refused(text, code=problem.code, spoken=self._heard.spoken, cost=spent)
        await self._dialogue.end()
        said = self._dialogue.complaint or "it said nothing"
        how = f"The agent's program ended with {self._dialogue.exit_code}: {said[-300:]}"
        return refused(how, code=None, spoken=self._heard.spoken, cost=spent)


def _task(assignment: Assignment) -> str:
    text = prompt(assignment).decode()
    schema = json.dumps(assignment.answer_schema)
    return (
        f"Your part: {assignment.called or assignment.role}.\n\n{assignment.system}\n\n"
        f"{AT_SIGN_NOTE}\n\n{text}\n\n"
        "End with one message that is a single JSON object and nothing else. It must fit this "
        f"JSON Schema:\n{schema}"
    )
