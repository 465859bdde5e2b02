"""An interactive session that mends errors one at a time: the engine, with the session as agent.

Nothing is pulled before the session asks, and while it works on a case nothing new is begun, so
that an idle session keeps no error from the workers.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from mendwire.agents.session import End, SessionAgent
from mendwire.app.engine import Engine, engine
from mendwire.app.serve import served
from mendwire.app.tracing import traced
from mendwire.errors import AgentFailed, ConfigError
from mendwire.model.bodies import Progress
from mendwire.model.case import Case
from mendwire.model.codec import encode
from mendwire.model.printable import printable
from mendwire.model.scrub import find_secret
from mendwire.model.work import Assignment
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.telemetry import subscribed

_PAUSED = "the session works on a case"
_TEXT = 4_000
_ENDS = {"case.closed": "closed", "case.parked": "parked"}


class Session:
    """One connection's work. The engine starts with the first question that needs it."""

    def __init__(self, config: Config, environment: Environment) -> None:
        worker = config.worker.model_copy(update={"concurrency": 1})
        self._config = config.model_copy(update={"worker": worker})
        self._environment = environment
        self._ready: asyncio.Future[Engine] | None = None
        self._task: asyncio.Task[None] | None = None
        self._leave = asyncio.Event()
        self.agent = SessionAgent()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give back what is held: any worker takes it at once."""
        self._leave.set()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def next_error(self, seconds: float) -> Assignment | None:
        """The assignment to work on, asked for again until it is answered; None: nothing waits.

        Raises what keeps a worker from starting.
        """
        machine = await self._engine()
        if self.agent.offered() is None:
            machine.worker.resume()
        found = await self.agent.next(seconds)
        machine.worker.pause(_PAUSED)
        return found

    async def answer(
        self, case_id: str, value: dict[str, object], seconds: float
    ) -> Assignment | End | None:
        """Answer, and what becomes of the case within so many seconds. Raises AgentFailed."""
        self.agent.answer(case_id, value)
        return await self.agent.after(case_id, seconds)

    async def progress(
        self, case_id: str, status: str, findings: str, next_steps: list[str]
    ) -> None:
        """Tell those who watch; raises AgentFailed where the case is not this session's."""
        machine = await self._engine()
        if self.agent.offered(case_id) is None:
            raise AgentFailed(f"Case {case_id} is not worked on here: ask for the next error.")
        told = (status, findings, *next_steps)
        if any(find_secret(text) for text in told):
            raise AgentFailed(
                "What was told holds a secret, so it was not stored: call again without it."
            )
        body = Progress(
            task_id=case_id,
            agent=self.agent.name,
            status=printable(status, 100),
            findings=printable(findings, _TEXT),
            next_steps=tuple(printable(step, 300) for step in next_steps[:20]),
        )
        bus = machine.grounds.bus
        await bus.tell(bus.names.progress(case_id), encode(body))

    async def cases(self, words: str, limit: int) -> list[Case]:
        """Cases whose title, issue or verdict has all of the words, newest first."""
        machine = await self._engine()
        sought = words.casefold().split()
        found = [
            filed.case
            async for filed in machine.grounds.docket.cases()
            if all(word in _sayings(filed.case) for word in sought)
        ]
        return sorted(found, key=lambda case: case.opened_ns, reverse=True)[:limit]

    async def _engine(self) -> Engine:
        if self._task is None or (self._task.done() and not self._leave.is_set()):
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._run(self._ready), name="session")
        assert self._ready is not None, "made with the task"
        return await asyncio.shield(self._ready)

    async def _run(self, ready: asyncio.Future[Engine]) -> None:
        try:
            async with AsyncExitStack() as stack:
                stack.enter_context(subscribed(self._heard))
                sent = traced(self._config, self._environment, "session")
                await stack.enter_async_context(sent)
                await stack.enter_async_context(served(self._config, self._environment))
                machine = await stack.enter_async_context(
                    engine(self._config, self._environment, agent=self.agent)
                )
                machine.worker.pause(_PAUSED)
                await _refuse_halted(machine)
                ready.set_result(machine)
                await machine.forever(self._leave)
                # Nobody answers any more: what is held is given back at once.
                await asyncio.gather(machine.worker.stop(drain_s=0), machine.sweeper.stop())
        except Exception as problem:
            if ready.done():
                raise
            ready.set_exception(problem)

    def _heard(self, event: str, fields: dict[str, object]) -> None:
        if how := _ENDS.get(event):
            self.agent.ended(End(case_id=str(fields["case"]), how=how, fields=fields))


async def _refuse_halted(machine: Engine) -> None:
    if halt := await machine.switch.thrown():
        told = printable(f"{halt.by} stopped everything at {halt.at}", 300)
        raise ConfigError(f"{told}. To go on: mendwire resume.")


def _sayings(case: Case) -> str:
    verdict = case.verdict.value if case.verdict else ""
    return f"{case.title} {case.issue} {case.case_id} {case.state.value} {verdict}".casefold()
