"""Tasks that wait for their time: once (delayed) and again and again (cron).

They stand in the bucket; whichever worker sees first that one is due publishes it. The id of the
message and of the task is made of the entry and the time it was due, so that two who see it at the
same moment, or one that dies half way, fire it once: the server refuses the second message, and
the compare-and-set on the entry lets one go on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

from mendwire.errors import ConfigError, Conflict, Undecodable
from mendwire.model.bodies import Task as Body
from mendwire.model.codec import decode_as, encode
from mendwire.model.delivery import MessageRef, Received
from mendwire.tasks.book import CRON, LATER
from mendwire.tasks.lanes import ANY, priority, receiver, word
from mendwire.wire.bus import Bucket, Entry
from mendwire.wire.jetstream import JetStreamBus

_CRON_FIELDS: Final = 5
_MISSED: Final = timedelta(hours=1)
"""What was due longer ago, while no worker ran, is left out."""
_LONGEST_NAME: Final = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Later:
    """A task that is kept back."""

    task_id: str
    subject: str
    payload: bytes
    due_ns: int
    """Nanoseconds since the epoch."""

    def received(self) -> Received:
        """As if it stood in the stream."""
        ref = MessageRef(stream="", stream_created="", seq=0, subject=self.subject)
        return Received(ref=ref, payload=self.payload, headers={}, deliveries=0, published_ns=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Schedule:
    """A task that is published again and again."""

    name: str
    cron: str
    """Five fields: minute, hour, day, month, day of the week."""
    zone: str
    """Of the IANA database, e.g. ``Europe/Berlin``."""
    type: str
    description: str = ""
    priority: str = "normal"
    assigned_to: str = ""
    context: dict[str, object] = field(default_factory=dict)
    next_ns: int = 0
    """When it is due, nanoseconds since the epoch."""
    fired_ns: int = 0
    """When it was due last; 0 is never yet."""

    def after(self, at: datetime) -> datetime:
        """The next time after ``at``. Raises ConfigError."""
        return next_time(self.cron, self.zone, at)


def next_time(cron: str, zone: str, after: datetime) -> datetime:
    """When a cron expression is due next, UTC; pure. Raises ConfigError."""
    try:
        there = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{zone[:40]!r} is no time zone: write UTC or Europe/Berlin.") from None
    if len(cron.split()) != _CRON_FIELDS:
        raise ConfigError(
            f"{cron[:60]!r} is no schedule: five fields, minute hour day month weekday, "
            "e.g. '30 7 * * 1-5'."
        )
    try:
        found = next(CronSim(cron, after.astimezone(there)))
    except (CronSimError, StopIteration):
        raise ConfigError(f"{cron[:60]!r} is no schedule that ever comes due.") from None
    return found.astimezone(UTC)


def schedule_of(  # noqa: PLR0913 - what a schedule is made of, nearly all keyword-only
    name: str,
    cron: str,
    kind: str,
    *,
    description: str = "",
    level: str = "normal",
    to: str = "",
    zone: str = "UTC",
    context: dict[str, object] | None = None,
    now: datetime,
) -> Schedule:
    """Everything checked; raises ConfigError, InvalidName."""
    chosen = receiver(to)
    if len(name) > _LONGEST_NAME:
        raise ConfigError(f"The name of a schedule has {_LONGEST_NAME} characters at most.")
    return Schedule(
        name=word(name, "schedule"),
        cron=cron,
        zone=zone,
        type=word(kind, "type"),
        description=description,
        priority=priority(level),
        assigned_to="" if chosen == ANY else chosen,
        context=context or {},
        next_ns=int(next_time(cron, zone, now).timestamp() * 1e9),
    )


class Schedules:
    """What waits for its time in one namespace."""

    def __init__(self, bus: JetStreamBus, bucket: Bucket) -> None:
        self._bus = bus
        self._bucket = bucket

    async def delay(self, later: Later) -> bool:
        """Keep a task back; False if one with its id is kept back already."""
        try:
            await self._bucket.create(f"{LATER}.{later.task_id}", encode(later))
        except Conflict:
            return False
        return True

    async def undelay(self, task_id: str) -> bool:
        """Forget a task that was kept back; whether there was one."""
        key = f"{LATER}.{task_id}"
        if await self._bucket.get(key) is None:
            return False
        await self._bucket.delete(key)
        return True

    async def delayed(self) -> AsyncIterator[Later]:
        """All that are kept back."""
        async for entry in self._bucket.scan(LATER):
            with suppress(Undecodable):
                yield decode_as(Later, entry.value)

    async def add(self, schedule: Schedule) -> None:
        """Store a new one; raises ConfigError where the name is taken."""
        try:
            await self._bucket.create(f"{CRON}.{schedule.name}", encode(schedule))
        except Conflict:
            raise ConfigError(
                f"There is a schedule {schedule.name} already; remove it first: "
                f"mendwire tasks schedule rm {schedule.name}."
            ) from None

    async def remove(self, name: str) -> None:
        """Raises ConfigError where there is none."""
        key = f"{CRON}.{word(name, 'schedule')}"
        if await self._bucket.get(key) is None:
            raise ConfigError(f"There is no schedule {name}: see mendwire tasks schedule ls.")
        await self._bucket.delete(key)

    async def all(self) -> list[Schedule]:
        """Every schedule, in order of change."""
        found: list[Schedule] = []
        async for entry in self._bucket.scan(CRON):
            with suppress(Undecodable):
                found.append(decode_as(Schedule, entry.value))
        return found

    async def fire(self, now_ns: int | None = None) -> int:
        """Publish all that is due; how many were. Safe to call by several at once."""
        now = time.time_ns() if now_ns is None else now_ns
        fired = 0
        async for entry in self._bucket.scan(LATER):
            with suppress(Undecodable, Conflict):
                fired += await self._fire_later(entry, now)
        async for entry in self._bucket.scan(CRON):
            with suppress(Undecodable, Conflict, ConfigError):
                fired += await self._fire_cron(entry, now)
        return fired

    async def _fire_later(self, entry: Entry, now_ns: int) -> int:
        later = decode_as(Later, entry.value)
        if later.due_ns > now_ns:
            return 0
        # Published first: a crash before the deletion repeats it under the same id.
        await self._bus.publish(later.subject, later.payload, msg_id=f"task-{later.task_id}")
        await self._bucket.delete(entry.key, entry.revision)
        return 1

    async def _fire_cron(self, entry: Entry, now_ns: int) -> int:
        schedule = decode_as(Schedule, entry.value)
        if schedule.next_ns > now_ns:
            return 0
        now = datetime.fromtimestamp(now_ns / 1e9, tz=UTC)
        due = datetime.fromtimestamp(schedule.next_ns / 1e9, tz=UTC)
        is_fresh = now - due <= _MISSED
        if is_fresh:
            task_id = f"{schedule.name}-{due:%Y%m%dT%H%M}"
            body = Body(
                task_id=task_id,
                type=schedule.type,
                priority=schedule.priority,
                description=schedule.description,
                assigned_to=schedule.assigned_to,
                context=schedule.context,
            )
            subject = self._bus.names.task(
                schedule.type, schedule.priority, schedule.assigned_to or ANY
            )
            await self._bus.publish(subject, encode(body), msg_id=f"task-{task_id}")
        following = replace(
            schedule,
            next_ns=int(schedule.after(now).timestamp() * 1e9),
            fired_ns=schedule.next_ns if is_fresh else schedule.fired_ns,
        )
        await self._bucket.update(entry.key, encode(following), entry.revision)
        return int(is_fresh)
