"""Who is alive: one record a worker, renewed by heartbeat; the lease of all it holds at once.

A worker that cannot renew in time stops itself before anybody may think it dead. Silence is
measured by this machine's own clock between changes of revision (rules A10), so no two machines'
clocks are ever compared.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import psutil

from mendwire.errors import Conflict, Fenced, MendwireError, Undecodable
from mendwire.model.codec import decode_as, encode
from mendwire.telemetry import emit
from mendwire.wire.bus import Bucket, Entry
from mendwire.wire.ending import ended

DEAD_AFTER: Final = 4.5
"""Heartbeats of silence after which a worker is dead."""
STOP_AFTER: Final = 3.0
"""Heartbeats without a renewal after which a worker stops itself: well before others act."""
WORKER: Final = "worker"
SPECIALIST: Final = "specialist"
"""Their records stand in the bucket of the task states, so that they need not write in ours."""


log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Presence:
    """One worker's record."""

    worker: str
    host: str
    boot: str
    """The kernel's boot id and process namespace: elsewhere a pid means nothing."""
    pid: int
    started: float
    """The process's start time, seconds since the epoch, as the kernel gives it."""
    roles: tuple[str, ...] = ()
    """Of a specialist's process: what it does."""
    name: str = ""
    """Of a specialist's process: what it is called in results."""
    every_s: float = 0.0
    """Of a specialist's process: between its heartbeats, seconds; 0 is as often as ours."""
    at_work: tuple[str, ...] = ()
    """Of a specialist's process: ids of the tasks that it is at."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """A worker's record as it stands, for people who look."""

    presence: Presence
    seen_ns: int
    """The server's time of its last heartbeat, nanoseconds since the epoch."""

    def silent_s(self, now_ns: int) -> float:
        """Seconds since then, by the server's time now."""
        return max(0.0, (now_ns - self.seen_ns) / 1e9)

    def is_alive(self, now_ns: int, heartbeat_s: float) -> bool:
        """Whether it was heard in time; a specialist may have a heartbeat of its own."""
        every_s = max(heartbeat_s, self.presence.every_s)
        return self.silent_s(now_ns) < DEAD_AFTER * every_s


@dataclass(kw_only=True, slots=True)
class Hands:
    """What a specialist's process has in hand; its record says so at once, and with each beat."""

    tasks: set[str] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def on(self, task_id: str) -> Iterator[None]:
        """While the block runs, the process is at this task."""
        self.tasks.add(task_id)
        self.changed.set()
        try:
            yield
        finally:
            self.tasks.discard(task_id)
            self.changed.set()


@dataclass(frozen=True, slots=True)
class _Seen:
    revision: int
    at: float


async def presences(bucket: Bucket, kind: str = WORKER) -> list[Sighting]:
    """Every worker's record; a damaged one is left out."""
    found = []
    async for entry in bucket.scan(kind):
        with suppress(Undecodable):
            presence = decode_as(Presence, entry.value)
            found.append(Sighting(presence=presence, seen_ns=entry.created_ns))
    return found


def clock() -> float:
    """Seconds on a clock that counts through suspend."""
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(kind)


class Roster:
    """Our place among the workers of a namespace.

    ``lost`` is set when our own record could not be renewed in time, or somebody declared us
    dead: everything held must stop.
    """

    def __init__(
        self,
        bucket: Bucket,
        worker: str,
        *,
        heartbeat_s: float = 10.0,
        kind: str = WORKER,
        roles: tuple[str, ...] = (),
        name: str = "",
        hands: Hands | None = None,
    ) -> None:
        self._bucket = bucket
        self._heartbeat_s = heartbeat_s
        self._kind = kind
        # Workers of one namespace beat alike; a specialist's machine has settings of its own.
        every_s = heartbeat_s if kind == SPECIALIST else 0.0
        self._me = _presence(worker, roles, name, every_s)
        self._hands = hands or Hands()
        self._revision = 0
        self._renewed = clock()
        self._seen: dict[str, _Seen] = {}
        self._task: asyncio.Task[None] | None = None
        self.lost = asyncio.Event()

    @property
    def worker(self) -> str:
        """Our id."""
        return self._me.worker

    async def __aenter__(self) -> Self:
        self._revision = await self._bucket.put(self._key(self.worker), self._told())
        self._renewed = clock()
        self._task = asyncio.create_task(self._beat(), name="roster")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await ended(self._task)
        with suppress(MendwireError):
            await self._bucket.delete(self._key(self.worker), self._revision)

    async def living(self) -> frozenset[str]:
        """Ids of the workers that are alive; the dead are struck off on the way."""
        return frozenset({self.worker, *await self.others()})

    async def others(self) -> dict[str, Presence | None]:
        """The living beside us by id; None for a record that cannot be read."""
        alive: dict[str, Presence | None] = {}
        async for entry in self._bucket.scan(self._kind):
            worker = entry.key.removeprefix(f"{self._kind}.")
            if worker == self.worker:
                continue
            presence = _read(entry)
            if self._is_dead(worker, entry, presence):
                await self._strike(worker, entry)
            else:
                alive[worker] = presence
        return alive

    def _is_dead(self, worker: str, entry: Entry, presence: Presence | None) -> bool:
        seen = self._seen.get(worker)
        if seen is None or seen.revision != entry.revision:
            self._seen[worker] = seen = _Seen(entry.revision, clock())
        every_s = max(self._heartbeat_s, presence.every_s if presence else 0.0)
        if clock() - seen.at > DEAD_AFTER * every_s:
            return True
        # A damaged record says nothing: its silence will.
        return presence is not None and _is_gone(presence, self._me)

    async def _strike(self, worker: str, entry: Entry) -> None:
        """Fence first: once its record is gone, its next renewal fails and it stops."""
        with suppress(Conflict):
            await self._bucket.delete(entry.key, entry.revision)
            self._seen.pop(worker, None)
            emit("worker.lost", worker=worker)

    async def _beat(self) -> None:
        """Whatever ends the beating, nobody here may believe that we still hold anything."""
        try:
            wait_s = self._heartbeat_s
            while self._left_s() > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(max(0.0, min(wait_s, self._left_s()))):
                        await self._hands.changed.wait()
                self._hands.changed.clear()
                wait_s = self._heartbeat_s if await self._renew() else self._heartbeat_s / 4
        except Exception:
            log.exception("the heartbeat failed")
        self.lost.set()

    def _left_s(self) -> float:
        """Seconds until we must stop."""
        return self._renewed + STOP_AFTER * self._heartbeat_s - clock()

    async def _renew(self) -> bool:
        asked = clock()
        try:
            async with asyncio.timeout(max(0.0, min(self._heartbeat_s, self._left_s()))):
                try:
                    self._revision = await self._bucket.update(
                        self._key(self.worker), self._told(), self._revision
                    )
                except Conflict:
                    await self._read_again()
        except (MendwireError, TimeoutError):
            return False
        self._renewed = asked
        return True

    async def _read_again(self) -> None:
        """After a lost answer our own write stands under a newer revision; absence is a strike."""
        entry = await self._bucket.get(self._key(self.worker))
        if entry is None:
            self._renewed = -math.inf
            raise Fenced(f"Worker {self.worker} was declared dead.")
        self._revision = entry.revision

    def _told(self) -> bytes:
        return encode(replace(self._me, at_work=tuple(sorted(self._hands.tasks))))

    def _key(self, worker: str) -> str:
        return f"{self._kind}.{worker}"


def _read(entry: Entry) -> Presence | None:
    try:
        return decode_as(Presence, entry.value)
    except Undecodable:
        return None


def _presence(worker: str, roles: tuple[str, ...], name: str, every_s: float) -> Presence:
    return Presence(
        worker=worker,
        roles=roles,
        name=name,
        every_s=every_s,
        host=socket.gethostname(),
        boot=_boot_id(),
        pid=os.getpid(),
        started=psutil.Process().create_time(),
    )


def _boot_id() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return str(psutil.boot_time())


def _is_gone(other: Presence, me: Presence) -> bool:
    """Whether a worker of this very machine has no process any more: no need to wait for it."""
    if (other.host, other.boot) != (me.host, me.boot):
        return False
    try:
        return abs(psutil.Process(other.pid).create_time() - other.started) > 1.0
    except psutil.NoSuchProcess:
        return True
    except psutil.AccessDenied:
        return False
