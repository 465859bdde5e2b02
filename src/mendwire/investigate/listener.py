"""Repeats that the server drops, heard on the wire before it drops them.

A publisher that knows nothing of Mendwire counts nothing, and what JetStream takes for a repeat
reaches no stream. A core subscription sees every publication, so the second one of an id within
the duplicate window is counted here. Best effort, and labelled so (``"source": "heard"``): what is
said while no worker listens, or faster than this one can hear, is missed; and the first one of an
id that a worker hears counts as the one that was stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from typing import Any, Final, Self

from mendwire.docket.cases import Docket
from mendwire.errors import Damaged, MendwireError, Undecodable
from mendwire.model.names import Names
from mendwire.model.report import parse_report
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_report
from mendwire.model.signature import issue_key
from mendwire.wire.bus import Bus
from mendwire.wire.ending import ended

QUEUE: Final = "mendwire-heard"
"""Workers share the listening, so that each publication is heard by one of them."""
MAX_IDS: Final = 10_000
_LANES: Final = ("", "-r")
_PUBLISHER: Final = "Mendwire-Publisher"
"""Whoever sends it counts its own repeats."""
_CLOSING_S: Final = 2.0

log = logging.getLogger(__name__)


@dataclass(kw_only=True, slots=True)
class _Id:
    since: float
    """Monotonic seconds of the publication that was stored, as far as we heard."""
    payload: bytes = b""
    """Of the newest repeat that is not told yet."""
    repeats: int = 0
    issue: str = ""


@dataclass(kw_only=True, slots=True)
class Listener:
    """Listens while its ``async with`` block runs."""

    bus: Bus
    docket: Docket
    names: Names
    windows_s: Mapping[str, float]
    """Subject to the duplicate window of its stream, in seconds."""
    scrub: ScrubPolicy = DEFAULT
    """The intake's, so that a report has the same issue here."""
    every_s: float = 5.0
    """Between two tellings."""
    _ids: OrderedDict[str, _Id] = field(default_factory=OrderedDict)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        subjects = tuple(self.windows_s)
        await self._open.enter_async_context(self.bus.hearing(subjects, QUEUE, self._hear))
        self._task = asyncio.create_task(self._run(), name="listener")
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._open.aclose()
        task, self._task = self._task, None
        if task is not None:
            await ended(task)
            with suppress(TimeoutError, MendwireError):
                await asyncio.wait_for(self.tell(), _CLOSING_S)

    async def tell(self) -> None:
        """Publish what was counted since the last time; raises what the bus raises."""
        for known in [one for one in self._ids.values() if one.repeats]:
            known.issue = known.issue or await self._issue(known.payload)
            count, known.repeats, known.payload = known.repeats, 0, b""
            if not known.issue:
                continue
            try:
                await self._told(known.issue, count)
            except BaseException:
                known.repeats += count
                raise

    def _hear(self, subject: str, payload: bytes, headers: Mapping[str, str]) -> None:
        msg_id = headers.get("Nats-Msg-Id", "")
        if not msg_id or _PUBLISHER in headers:
            return
        now = time.monotonic()
        known = self._ids.get(msg_id)
        if known is None or now - known.since > self.windows_s.get(subject, 0.0):
            self._ids[msg_id] = _Id(since=now, repeats=known.repeats if known else 0)
            self._ids.move_to_end(msg_id)
            if len(self._ids) > MAX_IDS:
                self._ids.popitem(last=False)
            return
        known.repeats += 1
        if not known.issue and not known.payload:
            known.payload = payload

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self.every_s)
            try:
                await self.tell()
            except MendwireError as problem:
                log.debug("what was heard is told later: %s", problem)
            except Exception:
                log.exception("what was heard cannot be told")

    async def _issue(self, payload: bytes) -> str:
        """The issue that a report belongs to; empty for what is no report."""
        try:
            key = issue_key(parse_report(scrub_report(payload, self.scrub)))
        except Undecodable:
            return ""
        for lane in _LANES:
            with suppress(Damaged):
                if await self.docket.get(key + lane) is not None:
                    return key + lane
        return key

    async def _told(self, issue: str, count: int) -> None:
        body: dict[str, Any] = {"issue": issue, "count": count, "source": "heard"}
        await self.bus.publish(self.names.occurrences(issue), json.dumps(body).encode())
