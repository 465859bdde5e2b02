"""``TaskQueue``: publish tasks, follow them, cancel them."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mendwire.errors import ConfigError, Undecodable, Unreachable
from mendwire.model.bodies import Progress
from mendwire.model.bodies import Task as Body
from mendwire.model.codec import encode
from mendwire.model.delivery import Received
from mendwire.model.names import Names
from mendwire.settings.environment import read_environment
from mendwire.tasks.book import Book, Trial, Wish
from mendwire.tasks.conduct import cancelled_result
from mendwire.tasks.lanes import ANY, consumers_of, owner_of, priority, receiver, word
from mendwire.tasks.outcomes import End, Ended, Outcomes, ended
from mendwire.tasks.reading import Task, read_task, task_id
from mendwire.tasks.schedule import Later, Schedules
from mendwire.wire.connection import connected
from mendwire.wire.jetstream import JetStreamBus

MOST: Final = 10_000
"""Waiting tasks that are looked through."""
_LAST: Final = 1 << 62
_OWNERS_S: Final = 30.0
_HEARD: Final = 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A task is stored."""

    task_id: str
    subject: str
    seq: int
    """0 while it waits for its time."""
    duplicate: bool
    """There was one with that id within a day; this one was dropped."""
    due: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A task that has no result yet."""

    task: Task
    seq: int
    """0 while it waits for its time."""
    at_ns: int
    """Server time of storing, nanoseconds since the epoch."""
    trial: Trial | None = None
    due: datetime | None = None


class TaskQueue:
    """The tasks of one namespace, over one connection. Raises ServerError, WireError."""

    def __init__(self, bus: JetStreamBus) -> None:
        self._bus = bus
        self.outcomes = Outcomes(bus)
        self.book = Book(bus.bucket(bus.names.bucket("TASK_STATES")))
        self.schedules = Schedules(bus, self.book.bucket)
        self._consumers: dict[str, dict[str, Any]] = {}
        self._consumers_at = -_OWNERS_S

    @property
    def bus(self) -> JetStreamBus:
        """What it speaks over."""
        return self._bus

    @property
    def names(self) -> Names:
        """Of the namespace."""
        return self._bus.names

    async def publish(
        self,
        kind: str,
        description: str = "",
        *,
        priority_: str = "normal",
        to: str = "",
        context: Mapping[str, object] | None = None,
        deadline: datetime | None = None,
        due: datetime | None = None,
        id_: str = "",
    ) -> Published:
        """Store a task; ``due`` keeps it back until then, while some worker runs.

        A second one with an id of the last day is dropped as a repeat. Raises InvalidName,
        ConfigError, StreamFull.
        """
        chosen, level = receiver(to), priority(priority_)
        body = Body(
            task_id=task_id(id_ or uuid.uuid4().hex),
            type=word(kind, "type"),
            priority=level,
            description=description,
            assigned_to="" if chosen == ANY else chosen,
            context=dict(context or {}),
            deadline=deadline.astimezone(UTC).isoformat() if deadline else "",
        )
        subject = self.names.task(kind, level, chosen)
        if await self._is_foreign(kind):
            subject = self.names.raw_task(kind)
        payload = encode(body)
        if due is not None and due.timestamp() > time.time():
            later = Later(
                task_id=body.task_id,
                subject=subject,
                payload=payload,
                due_ns=int(due.timestamp() * 1e9),
            )
            stored = await self.schedules.delay(later)
            return Published(
                task_id=body.task_id, subject=subject, seq=0, duplicate=not stored, due=due
            )
        ack = await self._bus.publish(subject, payload, msg_id=f"task-{body.task_id}")
        return Published(
            task_id=body.task_id, subject=subject, seq=ack.seq, duplicate=ack.duplicate
        )

    async def _is_foreign(self, kind: str) -> bool:
        """Whether another program takes that type by its plain subject; looked up now and then."""
        if time.monotonic() - self._consumers_at >= _OWNERS_S:
            self._consumers = await consumers_of(self._bus)
            self._consumers_at = time.monotonic()
        owner = owner_of(self.names, kind, self._consumers)
        return owner is not None and owner.subject == self.names.raw_task(kind)

    async def result(self, task_id_: str, *, wait_s: float = 0.0) -> Ended | None:
        """The result of a task, waited for at most so many seconds; None while there is none."""
        subject = f"{self.names.namespace}.results.*.{task_id(task_id_)}"
        if wait_s <= 0:
            return await self.outcomes.find(task_id_)
        heard = asyncio.Event()
        async with self._bus.hearing([subject], "", lambda *_: heard.set()):
            until = time.monotonic() + wait_s
            while (found := await self.outcomes.find(task_id_)) is None:
                left = until - time.monotonic()
                if left <= 0:
                    return None
                try:
                    async with asyncio.timeout(min(left, 5.0)):  # what was missed is found later
                        await heard.wait()
                    heard.clear()
                except TimeoutError:
                    continue
            return found

    async def progress(self, task_id_: str) -> Progress | None:
        """The last line of progress of a task, or None."""
        return await self.outcomes.progress(task_id(task_id_))

    async def waiting(self) -> list[Waiting]:
        """Tasks without a result, oldest first, at most ``MOST``; the delayed ones at the end."""
        trials = {trial.task_id: trial for trial in await self.book.trials()}
        found: list[Waiting] = []
        async for received in self._bus.walk(self.names.stream("TASKS"), MOST, _LAST):
            try:
                task = read_task(self.names, received)
            except Undecodable:
                continue  # a worker buries it
            found.append(
                Waiting(
                    task=task,
                    seq=received.ref.seq,
                    at_ns=received.published_ns,
                    trial=trials.get(task.id),
                )
            )
        return found + [self._later(later) async for later in self.schedules.delayed()]

    def _later(self, later: Later) -> Waiting:
        return Waiting(
            task=read_task(self.names, later.received()),
            seq=0,
            at_ns=0,
            due=datetime.fromtimestamp(later.due_ns / 1e9, tz=UTC),
        )

    async def ended(self, limit: int = MOST) -> list[Ended]:
        """Results of tasks, oldest first; those of cases are left out."""
        ends = {str(end) for end in End}
        return [
            found
            async for received in self._bus.walk(self.names.stream("RESULTS"), limit, _LAST)
            if (found := ended(received)).end in ends
        ]

    async def cancel(self, task_id_: str, *, by: str = "", reason: str = "") -> Ended:
        """Its result is ``cancelled``, and whoever runs it is told; the result that it has.

        Raises ConfigError for a task that is not known, which may also be one that was never
        shown to run.
        """
        wanted = task_id(task_id_)
        known = await self.outcomes.find(wanted)
        received = await self._find(wanted)
        generation = 0
        if received is not None:
            generation = read_task(self.names, received).generation
        if known is not None and (received is None or known.generation >= generation):
            return known
        later = await self.schedules.undelay(wanted)
        if received is None and not later and await self.book.trial(wanted) is None:
            raise ConfigError(f"There is no open task {wanted}: see mendwire tasks list.")
        await self.book.wish(Wish(task_id=wanted, by=by, reason=reason))
        result = cancelled_result(wanted, by, reason)
        await self.outcomes.publish(End.CANCELLED, result, generation)
        if received is not None:
            await self._bus.remove(received.ref)
        await self.book.close(wanted)
        final = await self.outcomes.find(wanted)
        if final is None:
            raise Unreachable("The result was stored and cannot be read back; ask again.")
        return final

    async def find(self, task_id_: str) -> Task | None:
        """An open task by its id, or None."""
        received = await self._find(task_id(task_id_))
        return None if received is None else read_task(self.names, received)

    async def _find(self, wanted: str) -> Received | None:
        async for received in self._bus.walk(self.names.stream("TASKS"), MOST, _LAST):
            try:
                if read_task(self.names, received).id == wanted:
                    return received
            except Undecodable:
                continue
        return None

    async def watch(self, task_id_: str = "") -> AsyncIterator[tuple[str, dict[str, object]]]:
        """Progress and results as they come: (``progress`` or the end's name, the body)."""
        which = task_id(task_id_) if task_id_ else "*"
        heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_HEARD)

        def hear(subject: str, payload: bytes, _headers: object) -> None:
            if not heard.full():  # a reader that is too slow misses lines; nothing grows
                heard.put_nowait((subject, payload))

        subjects = [self.names.namespace + f".investigation.status.{which}"]
        subjects += [self.names.namespace + f".results.{end}.{which}" for end in End]
        async with self._bus.hearing(subjects, "", hear):
            if task_id_ and (found := await self.outcomes.find(which)):
                yield found.end, json.loads(encode(found.result))
                return
            while True:
                subject, payload = await heard.get()
                try:
                    body = json.loads(payload)
                except (ValueError, RecursionError):
                    continue
                if not isinstance(body, dict):
                    continue
                kind = subject.removeprefix(f"{self.names.namespace}.").split(".")[1]
                yield ("progress" if kind == "status" else kind), body
                if task_id_ and kind != "status":
                    return


@asynccontextmanager
async def connect() -> AsyncIterator[TaskQueue]:
    """A queue on the server that the environment names. Raises ConfigError, ServerError."""
    environment = read_environment(os.environ, Path.cwd())
    async with connected(environment, name="mendwire tasks") as link:
        yield TaskQueue(JetStreamBus(link.client, link.names, link.denials))
