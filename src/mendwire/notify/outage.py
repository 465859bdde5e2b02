"""That the NATS server is away: the one thing that cannot be written down there.

Kept in a file of the project beside everything else that is local. A process that was killed
between sending and writing sends again, with the same id.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from mendwire.errors import AlertRefused
from mendwire.notify.letter import Letter, Post
from mendwire.telemetry import emit

_AGAIN_S: Final = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Record:
    since: float
    """Seconds since the epoch, by this machine."""
    left: tuple[str, ...] = ()
    """Destinations that were not told yet."""
    told: bool = False
    """Somebody was."""
    over: bool = False
    """It answers again, and they are being told so."""


class Outage:
    """What this project knows of it."""

    def __init__(
        self,
        file: Path,
        post: Post,
        destinations: Sequence[str],
        *,
        namespace: str,
        after_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._file = file
        self._post = post
        self._destinations = tuple(destinations)
        self._namespace = namespace
        self._after_s = after_s
        self._clock = clock
        self._again = 0.0

    async def away(self, why: str, *, may_tell: bool) -> None:
        """It does not answer; told once it has not for long, by the one that led."""
        record = self._read()
        if record is None or record.over:
            record = _Record(since=self._clock(), left=self._destinations)
            self._write(record)
        now = self._clock()
        if may_tell and record.left and now - record.since >= self._after_s and now >= self._again:
            minutes = (now - record.since) / 60
            letter = Letter(
                id=f"{self._namespace}.server.{int(record.since):x}.1",
                title=f"[{self._namespace}] server: The NATS server does not answer",
                body=f"Not for {minutes:.0f} minutes. Reports wait in their spools.\n{why}\n\n"
                "mendwire doctor",
                urgent=True,
            )
            await self._tell(record, letter)

    async def back(self, *, resolved: bool) -> None:
        """It answers; whoever heard that it did not hears of it."""
        record = self._read()
        if record is None or self._clock() < self._again:
            return
        if record.told and resolved:
            # ``left`` holds those who did not hear of the outage: nor need they of its end.
            record = (
                record
                if record.over
                else replace(
                    record,
                    over=True,
                    left=tuple(d for d in self._destinations if d not in record.left),
                )
            )
            letter = Letter(
                id=f"{self._namespace}.server.{int(record.since):x}.2",
                title=f"[{self._namespace}] over: The NATS server does not answer",
                body=f"It was away for {(self._clock() - record.since) / 60:.0f} minutes.",
                urgent=False,
            )
            if not await self._tell(record, letter):
                return
        self._file.unlink(missing_ok=True)

    async def _tell(self, record: _Record, letter: Letter) -> bool:
        """Whether everybody took it; those who did are written down one by one."""
        self._write(record)
        for destination in record.left:
            try:
                await self._post.send(destination, letter)
            except AlertRefused as problem:
                self._again = self._clock() + _AGAIN_S
                emit(
                    "alert.failed",
                    alert=letter.id,
                    rule="server",
                    reason=str(problem),
                    again_s=int(_AGAIN_S),
                )
                continue
            left = tuple(one for one in record.left if one != destination)
            record = replace(record, left=left, told=True)
            self._write(record)
        if not record.left:
            emit("alert.sent", alert=letter.id, rule="server", destinations=1)
        return not record.left

    def _read(self) -> _Record | None:
        with suppress(OSError, ValueError, TypeError, KeyError):
            said = json.loads(self._file.read_text(encoding="utf-8"))
            known = set(self._destinations)
            left = tuple(one for one in said["left"] if one in known)
            return _Record(
                since=float(said["since"]),
                left=left,
                told=bool(said["told"]),
                over=bool(said["over"]),
            )
        return None

    def _write(self, record: _Record) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self._file.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(record), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._file)
