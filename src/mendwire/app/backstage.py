"""What the dashboard's pages ask and do, by the functions that the command line calls."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from mendwire.app.looking import Sight
from mendwire.app.uptime import uptime
from mendwire.dashboard.backstage import Stand, TaskRow
from mendwire.docket.audit import Audit
from mendwire.docket.cases import Filed
from mendwire.docket.switch import Halt, Switch
from mendwire.model.report import Trust
from mendwire.model.screening import Screening
from mendwire.model.standing import HeldRow, Kept
from mendwire.ops import cases as on_cases
from mendwire.ops import kept as on_kept
from mendwire.ops.pulse import CaseBook, pulse
from mendwire.ops.quarantine import Desk, Label
from mendwire.screen import Screen
from mendwire.settings.environment import Environment
from mendwire.tasks.listing import listing, standing
from mendwire.tasks.queue import TaskQueue
from mendwire.wire.bus import Bucket
from mendwire.wire.ending import ended

_IDLE_S: Final = 60.0
"""The screen's process takes memory, so it ends when nobody has looked at a report for so long."""
_JUDGED: Final = 128
"""Screenings that are remembered."""


@dataclass(kw_only=True, slots=True)
class Judge:
    """The screen, started when a page wants to know and ended when none does."""

    rules: Path | None
    seconds: float
    _screen: Screen | None = None
    _used: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _known: OrderedDict[tuple[str, Trust], Screening] = field(default_factory=OrderedDict)

    async def screening(self, payload: bytes, trust: Trust) -> Screening:
        """What it says today; raises ScreenBroken, ScreenUnavailable."""
        key = (sha256(payload).hexdigest(), trust)
        async with self._turn:
            if key not in self._known:
                if self._screen is None:
                    self._screen = await Screen.load(self.rules, seconds=self.seconds)
                self._known[key] = await self._screen.verdict(payload, trust)
                self._used = time.monotonic()
                while len(self._known) > _JUDGED:
                    self._known.popitem(last=False)
            return self._known[key]

    @asynccontextmanager
    async def at_hand(self) -> AsyncIterator[None]:
        """Its process is gone at the end, and sooner when it is idle."""
        task = asyncio.create_task(self._rest(), name="dashboard's screen")
        try:
            yield
        finally:
            await ended(task)
            await self._close()

    async def _rest(self) -> None:
        while True:
            await asyncio.sleep(_IDLE_S / 4)
            async with self._turn:
                if time.monotonic() - self._used > _IDLE_S:
                    await self._close()

    async def _close(self) -> None:
        screen, self._screen = self._screen, None
        if screen is not None:
            await screen.close()


@dataclass(frozen=True, kw_only=True, slots=True)
class Operations:
    """``dashboard.backstage.Backstage`` over one connection."""

    sight: Sight
    environment: Environment
    judge: Judge
    states: CaseBook

    async def stand(self) -> Stand:
        config = self.sight.config
        found = await pulse(
            self.sight.shelf,
            self.states,
            server=self.sight.server,
            uptime=await uptime(config, self.environment, embedded=self.sight.embedded),
            heartbeat_s=config.worker.heartbeat_s,
            day_usd=config.limits.day_usd,
            day_tokens=config.limits.day_tokens,
        )
        return Stand(
            namespace=found.namespace,
            server=found.server,
            uptime_s=found.uptime_s,
            halt=found.halt,
            queues=found.queues,
            services=found.rates,
            workers=found.workers,
            spent_usd=found.spent_usd,
            day_usd=found.day_usd,
            used_tokens=found.used_tokens,
            day_tokens=found.day_tokens,
            dead=found.dead,
            quarantine=found.quarantine,
            now_ns=time.time_ns(),
        )

    async def case(self, wanted: str) -> Filed:
        return await on_cases.find(self.sight.docket, wanted)

    async def screened(self, payload: bytes, trust: Trust) -> Screening:
        return await self.judge.screening(payload, trust)

    async def held(self, limit: int) -> Sequence[HeldRow]:
        return await self._desk("").held(limit=limit)

    async def kept(self, kind: str, size: int, before: int) -> Sequence[Kept]:
        return await on_kept.newest(self.sight.bus, kind, size, before)

    async def kept_one(self, kind: str, seq: int) -> Kept:
        return await on_kept.shown(self.sight.bus, kind, seq)

    async def tasks(self, *, with_ended: bool) -> Sequence[TaskRow]:
        rows = await listing(TaskQueue(self.sight.bus), with_ended=with_ended)
        return [TaskRow(**{name: str(text) for name, text in row.items()}) for row in rows]

    async def task(self, task_id: str) -> Mapping[str, object]:
        return await standing(TaskQueue(self.sight.bus), task_id)

    async def retry(self, by: str, case: str, *, sure: bool) -> str:
        await self._note(by, "cases retry", case)
        opened = await on_cases.retry(self.sight.docket, case, sure=sure)
        return f"{opened.case_id} is open; the next free worker takes it."

    async def silence(self, by: str, case: str, note: str, seconds: int) -> str:
        await self._note(by, "cases silence", case, note)
        until_ns = time.time_ns() + seconds * 10**9 if seconds else 0
        why = note or f"silenced by {by}"
        silent = await on_cases.silence(self.sight.docket, case, why, until_ns)
        until = "until it is said to go on"
        if seconds:
            until = f"until {datetime.fromtimestamp(until_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M} UTC"
        return f"{silent.case_id} is silent {until}; its errors are counted."

    async def close(self, by: str, case: str, note: str) -> str:
        await self._note(by, "cases close", case, note)
        closed = await on_cases.close(self.sight.docket, case, f"{note} ({by})")
        return f"{closed.case_id} is {closed.state}: nothing is done about it until it is reopened."

    async def approve(self, by: str, case: str, note: str) -> str:
        await self._note(by, "cases release", case, note)
        decision = await on_cases.unrestricted(self._desk(by), self.sight.docket, case, note)
        return f"Released: it waits as {decision.entered}, and opens a case of its own."

    async def accept(self, by: str, case: str) -> str:
        config = self.sight.config
        level = on_cases.furthest(config.delivery, config.forge)
        await self._note(by, "cases approve", case, level)
        opened = await on_cases.approve(self.sight.docket, case, level, by)
        return f"{opened.case_id} is approved as {level}; the next free worker hands it over."

    async def release(self, by: str, seq: int, note: str) -> str:
        await self._note(by, "quarantine release", f"QUARANTINE {seq}", note)
        decision = await self._desk(by).release(seq, note)
        return f"{seq} is released: it waits as {decision.entered}."

    async def discard(self, by: str, seq: int, note: str, *, harmless: bool) -> str:
        await self._note(by, "quarantine discard", f"QUARANTINE {seq}", note)
        label = Label.BENIGN if harmless else Label.ATTACK
        decision = await self._desk(by).discard(seq, label, note)
        return f"{seq} is discarded, as {decision.label.value}."

    async def replay(self, by: str, seq: int) -> str:
        await self._note(by, "dead replay", f"DEAD {seq}")
        ack = await on_kept.replay(self.sight.bus, self.sight.releases, seq)
        return f"{seq} waits as {ack.stream} {ack.seq}."

    async def remove(self, by: str, seq: int, note: str) -> str:
        await self._note(by, "dead discard", f"DEAD {seq}", note)
        await on_kept.discard(self.sight.bus, seq)
        return f"{seq} is gone."

    async def cancel(self, by: str, task_id: str, reason: str) -> str:
        await self._note(by, "tasks cancel", task_id, reason)
        done = await TaskQueue(self.sight.bus).cancel(task_id, by=by, reason=reason)
        return f"{task_id} is {done.end}."

    async def halt(self, by: str, note: str) -> str:
        await self._note(by, "halt", "all workers", note)
        at = datetime.now(UTC).isoformat(timespec="seconds")
        await Switch(bucket=self._bucket).throw(Halt(by=by, at=at, note=note))
        return "Every worker stops within two seconds; nothing is lost."

    async def resume(self, by: str) -> str:
        await self._note(by, "resume", "all workers")
        released = await Switch(bucket=self._bucket).release()
        return "Workers go on." if released else "Nobody had stopped anything."

    @property
    def _bucket(self) -> Bucket:
        return self.sight.bus.bucket(self.sight.bus.names.bucket("DOCKET"))

    def _desk(self, by: str) -> Desk:
        return Desk(self.sight.bus, self.sight.releases, by)

    async def _note(self, by: str, what: str, target: str, detail: str = "") -> None:
        await Audit(bucket=self._bucket, by=by).note(what, target, detail)
