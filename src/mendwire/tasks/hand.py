"""Tasks taken by hand: one is taken, a lease kept, and its end said later by another command."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from mendwire.errors import ConfigError, Fenced
from mendwire.model.bodies import Progress, Result
from mendwire.model.delivery import MessageRef, Received
from mendwire.tasks.book import Book, Trial, failed, leased, renewed
from mendwire.tasks.calls import ATTEMPTS, handler_of, result_of
from mendwire.tasks.conduct import Clock
from mendwire.tasks.lanes import type_of
from mendwire.tasks.outcomes import End, Outcomes
from mendwire.tasks.reading import Task, task_id
from mendwire.tasks.worker import TaskWorker
from mendwire.wire.burial import bury
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.settling import Settler
from mendwire.wire.stored import nanoseconds

_LOOK_S: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """One task that is ours until the lease ends."""

    task: Task
    until: datetime
    attempt: int


class Hand:
    """What somebody does who takes tasks by hand, under the name of an agent."""

    def __init__(self, bus: JetStreamBus, agent: str) -> None:
        self._bus = bus
        self._agent = agent
        self._outcomes = Outcomes(bus)
        self._book = Book(bus.bucket(bus.names.bucket("TASK_STATES")))

    async def take(self, kinds: Sequence[str], *, lease_s: float, wait_s: float) -> Taken | None:
        """The next task of these types (of all that there are, for none), waited for so long.

        Raises ConfigError where another program takes them.
        """
        until = time.monotonic() + wait_s
        while True:
            wanted = list(kinds) or await self._kinds()
            left = until - time.monotonic()
            # New types are found by looking again.
            most = left if kinds else min(left, _LOOK_S)
            taken = await self._take(wanted, lease_s, max(0.0, most)) if wanted else None
            if taken is not None or time.monotonic() >= until:
                return taken
            if not wanted:
                await asyncio.sleep(_LOOK_S)

    async def _take(self, kinds: Sequence[str], lease_s: float, wait_s: float) -> Taken | None:
        worker = TaskWorker(agent=self._agent, concurrency=1)
        for kind in kinds:
            worker.add(handler_of(kind, _nothing))
        taken: asyncio.Future[Taken] = asyncio.get_running_loop().create_future()

        async def hold(task: Task, received: Received, clock: Clock) -> None:
            turn = leased(self._agent, clock.now_ns(), lease_s, received.ref)
            trial = await self._book.change(task.id, task.generation, turn)
            if not taken.done():
                taken.set_result(_taken(task, trial))

        worker.holding(hold)
        async with worker.on(self._bus):
            empty = asyncio.create_task(worker.until_empty())
            either: set[asyncio.Future[Any]] = {taken, empty}
            try:
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if not taken.done() and wait_s > 0:
                    await asyncio.wait({taken}, timeout=wait_s)
            finally:
                empty.cancel()
                await asyncio.gather(empty, return_exceptions=True)
        if not taken.done() and len(worker.owned) == len(kinds):
            raise ConfigError(next(iter(worker.owned.values())).sentence)
        return taken.result() if taken.done() else None

    async def _kinds(self) -> list[str]:
        """Types that a task waits for, whoever it is for."""
        stream = self._bus.names.stream("TASKS")
        ask = {"subjects_filter": f"{self._bus.names.namespace}.tasks.>"}
        info = await self._bus.api.call(f"STREAM.INFO.{stream}", ask)
        subjects = info["state"].get("subjects") or {}
        return sorted({type_of(self._bus.names, subject) for subject in subjects})

    async def progress(self, wanted: str, text: str, next_steps: Sequence[str] = ()) -> datetime:
        """Tell how far it came, and renew the lease; its new end. Raises ConfigError, Fenced."""
        trial, _ = await self._mine(wanted)
        now_ns = await self._now_ns()
        trial = await self._book.change(
            trial.task_id, trial.generation, renewed(self._agent, now_ns)
        )
        line = Progress(
            task_id=trial.task_id,
            agent=self._agent,
            status="in_progress",
            findings=text,
            next_steps=tuple(next_steps),
        )
        await self._outcomes.tell(line)
        return datetime.fromtimestamp(trial.until_ns / 1e9, tz=UTC)

    async def done(self, wanted: str, returned: object) -> Result:
        """Store its result, then settle it. Raises ConfigError, Undecodable, Fenced."""
        trial, ref = await self._mine(wanted)
        result = result_of(trial.task_id, self._agent, returned)
        await self._store(End.DONE, result, trial)
        await self._bus.settle(ref)
        await self._book.close(trial.task_id)
        return result

    async def fail(self, wanted: str, reason: str, *, retry: bool) -> bool:
        """Say that it failed; whether it will be tried again. Raises ConfigError, Fenced."""
        trial, ref = await self._mine(wanted)
        settler = Settler(self._bus, retry_s=1.0)
        received = await self._bus.peek(ref.stream, ref.seq)
        if retry:
            wait_s = handler_of("any", _nothing).wait_s(trial.attempts + 1)
            turn = failed(reason, await self._now_ns() + int(wait_s * 1e9))
            trial = await self._book.change(trial.task_id, trial.generation, turn)
            if trial.attempts < ATTEMPTS:
                if received is not None:
                    await settler.later(_as_delivered(received, ref), wait_s)
                return True
        result = Result(
            task_id=trial.task_id,
            agent=self._agent,
            status="failed",
            solution=reason,
            evidence={"reason": reason},
        )
        await self._store(End.FAILED, result, trial)
        if received is not None and received.ref.sha256 == ref.sha256:
            await bury(self._bus, _as_delivered(received, ref), reason)
        await self._bus.settle(ref)
        await self._book.close(trial.task_id)
        return False

    async def _store(self, end: End, result: Result, trial: Trial) -> None:
        if await self._outcomes.publish(end, result, trial.generation):
            return
        known = await self._outcomes.find(result.task_id)
        if known is None or known.end != end or known.result.agent != result.agent:
            said = known.end if known else "ended"
            raise ConfigError(f"The task {result.task_id} is {said} already; nothing was changed.")

    async def _mine(self, wanted: str) -> tuple[Trial, MessageRef]:
        trial = await self._book.trial(task_id(wanted))
        if trial is None or trial.ref is None:
            known = await self._outcomes.find(wanted)
            if known is not None:
                raise ConfigError(f"The task {wanted} is {known.end} already.")
            raise ConfigError(f"Nobody holds a task {wanted}: take one with mendwire tasks next.")
        if trial.holder != self._agent:
            raise Fenced(
                f"The task {wanted} is held by {trial.holder or 'a worker'}; name its holder with "
                "--as, or wait until the lease ends."
            )
        return trial, trial.ref

    async def _now_ns(self) -> int:
        info = await self._bus.stream(self._bus.names.stream("TASKS"))
        return time.time_ns() if info is None else nanoseconds(str(info["ts"]))


async def _nothing(_task: Task) -> None:
    raise AssertionError


def _taken(task: Task, trial: Trial) -> Taken:
    return Taken(
        task=task,
        until=datetime.fromtimestamp(trial.until_ns / 1e9, tz=UTC),
        attempt=trial.attempts + 1,
    )


def _as_delivered(received: Received, ref: MessageRef) -> Received:
    """The stored message, with the reply subject of its holder's delivery."""
    return Received(
        ref=ref,
        payload=received.payload,
        headers=received.headers,
        deliveries=max(1, received.deliveries),
        published_ns=received.published_ns,
    )
