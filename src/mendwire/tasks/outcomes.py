"""The one result of a task: published once, whoever says it and however often (rules A5).

Whether done, failed or cancelled, it is stored on the condition that no result with that id was
stored before, under any of the three. So the result is the verdict, and no record beside it is
needed. A task that was replayed has a higher generation, and may replace the result of a lower one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mendwire.errors import Conflict, Undecodable
from mendwire.model.bodies import Progress, Result
from mendwire.model.codec import decode_as, encode
from mendwire.model.delivery import Received
from mendwire.wire.burial import GENERATION, generation
from mendwire.wire.jetstream import JetStreamBus

_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_EXPECTED_ON: Final = "Nats-Expected-Last-Subject-Sequence-Subject"


class End(StrEnum):
    """How a task may end."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ended:
    """A stored result."""

    end: str
    """``done``, ``failed`` or ``cancelled``."""
    result: Result
    generation: int
    seq: int
    at_ns: int
    """Server time, nanoseconds since the epoch."""


class Outcomes:
    """Results and progress by id."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus
        self._prefix = f"{bus.names.namespace}.results."

    async def publish(self, end: End, result: Result, gen: int = 0) -> bool:
        """Store durably; False if that task has its result already, from an equal or later run.

        Raises StreamFull, Unreachable.
        """
        payload = encode(result)
        try:
            await self._store(end, result.task_id, payload, gen, 0)
            return True
        except Conflict:
            pass
        before = await self.find(result.task_id)
        if before is None or before.generation >= gen:
            return False
        try:
            await self._store(end, result.task_id, payload, gen, before.seq)
        except Conflict:
            return False
        return True

    async def _store(self, end: End, task_id: str, payload: bytes, gen: int, last: int) -> None:
        headers = {
            _EXPECTED: str(last),
            _EXPECTED_ON: f"{self._prefix}*.{task_id}",
        }
        if gen:
            headers[GENERATION] = str(gen)
        await self._bus.publish(f"{self._prefix}{end}.{task_id}", payload, headers=headers)

    async def find(self, task_id: str) -> Ended | None:
        """The result of a task, or None while it has none."""
        found = await self._bus.newest(
            self._bus.names.stream("RESULTS"), f"{self._prefix}*.{task_id}"
        )
        return None if found is None else ended(found)

    async def tell(self, progress: Progress) -> None:
        """Store a line of progress."""
        subject = self._bus.names.progress(progress.task_id)
        await self._bus.publish(subject, encode(progress))

    async def tell_soon(self, progress: Progress) -> None:
        """The same without waiting until it is stored; it may be lost."""
        await self._bus.tell(self._bus.names.progress(progress.task_id), encode(progress))

    async def progress(self, task_id: str) -> Progress | None:
        """The last line of progress, or None."""
        found = await self._bus.newest(
            self._bus.names.stream("INVESTIGATIONS"), self._bus.names.progress(task_id)
        )
        if found is None:
            return None
        try:
            return decode_as(Progress, found.payload)
        except Undecodable:
            return Progress(task_id=task_id, agent="", status="unreadable")


def ended(found: Received) -> Ended:
    """A stored result, read; what is none of ours is told as far as it goes."""
    end, _, task_id = found.ref.subject.rpartition(".")
    try:
        result = decode_as(Result, found.payload)
    except Undecodable:
        result = Result(task_id=task_id, agent="", status=_status(found.payload))
    return Ended(
        end=end.rpartition(".")[2],
        result=result,
        generation=generation(found),
        seq=found.ref.seq,
        at_ns=found.published_ns,
    )


def _status(payload: bytes) -> str:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError):
        return ""
    return str(body.get("status", "")) if isinstance(body, dict) else ""
