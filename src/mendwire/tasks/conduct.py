"""One task from its delivery to its end: admitted, run, its result stored, and only then settled.

Whatever dies in between, the message comes again: what has its result is only settled, what was
taken by hand waits for its holder, what fails by itself is counted, and what kills its workers is
buried after a few of them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Final, TypeVar

from mendwire.errors import Undecodable
from mendwire.model.bodies import Result
from mendwire.model.delivery import SETTLED, DeliveryState, Outcome, Received
from mendwire.model.printable import printable
from mendwire.tasks.book import Book, Trial, Wish, begun, failed, given_back
from mendwire.tasks.calls import Context, Fail, Handler, Retry, call, result_of
from mendwire.tasks.outcomes import End, Ended, Outcomes
from mendwire.tasks.reading import Task
from mendwire.wire.settling import Settler

MOST_BEGUN: Final = 5
"""Runs of which nobody saw the end, before it is the task that is to blame."""
_LONGEST_PAUSE_S: Final = 600.0
_REASON_CHARS: Final = 500

T = TypeVar("T")
log = logging.getLogger(__name__)


class Clock:
    """The server's time, as far as this machine can tell (rules A10)."""

    def __init__(self) -> None:
        self._offset_ns = 0

    def set(self, server_ns: int) -> None:
        """Compare with what the server said just now."""
        self._offset_ns = server_ns - time.time_ns()

    def now_ns(self) -> int:
        """Nanoseconds since the epoch."""
        return time.time_ns() + self._offset_ns

    def now(self) -> datetime:
        """The same, UTC."""
        return datetime.fromtimestamp(self.now_ns() / 1e9, tz=UTC)


class Conduct:
    """What a worker does with one message; says what becomes of it."""

    def __init__(
        self,
        outcomes: Outcomes,
        book: Book,
        settler: Settler,
        *,
        agent: str,
        clock: Clock,
        wishes: Mapping[str, Wish],
    ) -> None:
        self._outcomes = outcomes
        self._book = book
        self._settler = settler
        self._agent = agent
        self._clock = clock
        self._wishes = wishes

    async def admit(
        self, task: Task, received: Received, say: Callable[[str], None]
    ) -> Outcome | Trial | None:
        """What is to become of it without a run, or what is known of it; None is nothing."""
        wish = self._wishes.get(task.id)
        if received.deliveries <= 1 and wish is None and not task.is_late(self._clock.now()):
            return None
        ended = await self._surely(lambda: self._outcomes.find(task.id), say)
        if ended is not None and ended.generation >= task.generation:
            return await self._known(task, ended, say)
        if wish is not None:
            return await self._cancelled(task, wish, say)
        if task.is_late(self._clock.now()):
            return await self.fail(task, "Its deadline had passed.", say)
        return await self._again(task, say)

    async def _again(self, task: Task, say: Callable[[str], None]) -> Outcome | Trial:
        """It was given out before: its holder or its next try may have to be waited for."""
        known = await self._surely(lambda: self._book.trial(task.id), say)
        wait_s = self._wait_s(known) if known and known.generation == task.generation else 0.0
        if wait_s > 0:
            return Outcome(state=DeliveryState.DEFERRED, delay_s=min(wait_s, _LONGEST_PAUSE_S))
        trial = await self._surely(lambda: self._book.change(task.id, task.generation, begun), say)
        if trial.begun > MOST_BEGUN:
            reason = f"{MOST_BEGUN} workers ended while they ran it."
            return await self.fail(task, reason, say)
        return trial

    def _wait_s(self, trial: Trial) -> float:
        until = trial.until_ns if trial.holder else trial.not_before_ns
        return (until - self._clock.now_ns()) / 1e9

    async def _known(self, task: Task, ended: Ended, say: Callable[[str], None]) -> Outcome:
        """It has its result: only what a crash left undone is done (rules A4)."""
        await self._surely(lambda: self._book.close(task.id), say)
        if ended.end == End.FAILED and ended.generation == task.generation:
            return Outcome(state=DeliveryState.DEAD, reason=ended.result.solution or "It failed.")
        return SETTLED

    async def run(
        self,
        handler: Handler,
        task: Task,
        context: Context,
        trial: Trial | None,
        say: Callable[[str], None],
    ) -> Outcome:
        """Run the function, and store what comes of it."""
        try:
            result = result_of(task.id, self._agent, await self._called(handler, task, context))
        except asyncio.CancelledError:
            if not context.cancelled.is_set():
                if trial is not None:
                    await self._book.change(task.id, task.generation, given_back)
                raise
            _not_us()
            return await self._cancelled(task, self._wishes.get(task.id), say)
        except (Fail, Undecodable) as problem:
            return await self.fail(task, told(problem), say)
        except Exception as problem:  # noqa: BLE001 - whatever it is, it is the task's next try
            if task.is_late(self._clock.now()):
                return await self.fail(task, "Its deadline passed while it ran.", say)
            return await self._tried(handler, task, problem, say)
        await self._surely(lambda: self._outcomes.publish(End.DONE, result, task.generation), say)
        if trial is not None:
            await self._surely(lambda: self._book.close(task.id), say)
        return SETTLED

    async def _called(self, handler: Handler, task: Task, context: Context) -> object:
        limit = handler.timeout_s
        if task.deadline is not None:
            left = (task.deadline - self._clock.now()).total_seconds()
            limit = left if limit is None else min(left, limit)
        if limit is None:
            return await call(handler, task, context)
        async with asyncio.timeout(limit):
            return await call(handler, task, context)

    async def _tried(
        self, handler: Handler, task: Task, problem: Exception, say: Callable[[str], None]
    ) -> Outcome:
        log.warning("task %s failed", task.id, exc_info=problem)
        known = await self._surely(lambda: self._book.trial(task.id), say)
        before = known.attempts if known and known.generation == task.generation else 0
        wait_s = handler.wait_s(before + 1)
        if isinstance(problem, Retry) and problem.delay_s is not None:
            wait_s = problem.delay_s
        reason = told(problem)
        turn = failed(reason, self._clock.now_ns() + int(wait_s * 1e9))
        trial = await self._surely(lambda: self._book.change(task.id, task.generation, turn), say)
        if trial.attempts >= handler.attempts:
            return await self.fail(task, f"{trial.attempts} attempts failed: {reason}", say)
        return Outcome(state=DeliveryState.DEFERRED, reason=reason, delay_s=wait_s)

    async def fail(self, task: Task, reason: str, say: Callable[[str], None]) -> Outcome:
        """Its result is ``failed``, and it goes to the dead letters."""
        result = Result(
            task_id=task.id,
            agent=self._agent,
            status="failed",
            solution=reason,
            evidence={"reason": reason},
        )
        return await self._finish(task, End.FAILED, result, say)

    async def _cancelled(
        self, task: Task, wish: Wish | None, say: Callable[[str], None]
    ) -> Outcome:
        by, reason = (wish.by, wish.reason) if wish else ("", "")
        result = cancelled_result(task.id, by, reason)
        return await self._finish(task, End.CANCELLED, result, say)

    async def _finish(
        self, task: Task, end: End, result: Result, say: Callable[[str], None]
    ) -> Outcome:
        stored = await self._surely(
            lambda: self._outcomes.publish(end, result, task.generation), say
        )
        if not stored:
            ended = await self._surely(lambda: self._outcomes.find(task.id), say)
            if ended is not None:
                return await self._known(task, ended, say)
        await self._surely(lambda: self._book.close(task.id), say)
        if end is End.FAILED:
            return Outcome(state=DeliveryState.DEAD, reason=result.solution)
        return SETTLED

    async def _surely(self, step: Callable[[], Awaitable[T]], say: Callable[[str], None]) -> T:
        return await self._settler.surely(step, say)


def cancelled_result(task_id: str, by: str, reason: str) -> Result:
    """The body of a result that says who did not want it any more."""
    text = reason or "cancelled"
    return Result(
        task_id=task_id,
        agent=by,
        status="cancelled",
        solution=text,
        evidence={"reason": text, "by": by},
    )


def told(problem: Exception) -> str:
    """An exception in a line."""
    text = str(problem) or "no reason given"
    own = isinstance(problem, (Fail, Retry, Undecodable))
    return printable(text if own else f"{type(problem).__name__}: {text}", _REASON_CHARS)


def _not_us() -> None:
    """The cancelling was meant for the function, and it has ended."""
    current = asyncio.current_task()
    assert current is not None
    current.uncancel()
