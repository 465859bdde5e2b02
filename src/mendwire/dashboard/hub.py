"""What happens on the wire, told to open pages as names of what changed; never as content.

A page that hears such a name asks for its own part anew, so that one road leads to what is shown,
and a message that is missed costs nothing: pages also ask by themselves now and then.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from mendwire.errors import MendwireError
from mendwire.model.names import Names
from mendwire.wire.bus import Bus
from mendwire.wire.ending import ended

MOST: Final = 64
"""Lines that are open at once."""
MOST_ISSUES: Final = 50
"""Cases that are told of one by one; what is beyond is told as ``case:*``, which is any."""
BEAT_S: Final = 15.0
"""Between two signs of life, so that proxies keep the line open."""
GATHER_S: Final = 0.5
"""What comes within it is told together."""
_AGAIN_S: Final = 5.0
_TAILS: Final = {
    "errors": "queues",
    "results": "results",
    "dead": "dead",
    "quarantine": "quarantine",
    "tasks": "tasks",
}

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Listener:
    """One open line, of one page or of all pages of a browser."""

    topics: set[str] = field(default_factory=set)
    """What changed and was not told yet: ``case:<issue>``, ``cases`` and a handful of others."""
    issues: int = 0
    """How many of them are single cases."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, topic: str, issue: str) -> None:
        """Something changed; either may be empty."""
        if topic:
            self.topics.add(topic)
        single = f"case:{issue}"
        if not issue or single in self.topics:
            return
        self.issues += 1
        self.topics.add(single if self.issues <= MOST_ISSUES else "case:*")

    def take(self) -> list[str]:
        """All of it, once."""
        topics, self.topics, self.issues = sorted(self.topics), set(), 0
        return topics


@dataclass(kw_only=True, slots=True)
class Hub:
    """Of one namespace."""

    bus: Bus
    names: Names
    _listeners: set[Listener] = field(default_factory=set)
    _closed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_full(self) -> bool:
        """Whether one more cannot listen."""
        return len(self._listeners) >= MOST

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Listen while the block runs."""
        task = asyncio.create_task(self._listen(), name="dashboard")
        try:
            yield
        finally:
            self.close()
            await ended(task)

    def close(self) -> None:
        """End every open line, so that the HTTP server can end; legal twice."""
        self._closed.set()
        for listener in self._listeners:
            listener.woken.set()

    async def news(self) -> AsyncIterator[str]:
        """Server-sent events for one line: ``changed`` with the topics, and signs of life."""
        listener = Listener()
        self._listeners.add(listener)
        try:
            yield "retry: 3000\n\n"
            while not self._closed.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT_S):
                        await listener.woken.wait()
                if not listener.woken.is_set():
                    yield ": still here\n\n"
                    continue
                await asyncio.sleep(GATHER_S)
                listener.woken.clear()
                topics = listener.take()
                if topics:
                    yield f"event: changed\ndata: {json.dumps(topics)}\n\n"
        finally:
            self._listeners.discard(listener)

    def hear(self, subject: str, _payload: bytes, _headers: Mapping[str, str]) -> None:
        """Called for what is published."""
        topic, issue = self._topic(subject)
        for listener in self._listeners:
            listener.add(topic, issue)
            if listener.topics:
                listener.woken.set()

    def _topic(self, subject: str) -> tuple[str, str]:
        """The topic, and the case that it is about."""
        words = subject.split(".")
        if subject.startswith("$KV."):
            key = words[2:]
            if key[0] == "case":
                return "cases", key[-1]
            return "agents" if key[0] in {"worker", "halt"} else "", ""
        kind = words[1] if len(words) > 1 else ""
        if kind == "investigation":
            return "", words[-1].rpartition("-e")[0]
        return _TAILS.get(kind, ""), ""

    def _subjects(self) -> list[str]:
        own, bucket = self.names.namespace, self.names.bucket("DOCKET")
        kinds = ("errors", "errors.*", "dead.>", "quarantine.>", "results.>", "tasks.>")
        keys = ("case.*", "halt")
        return [
            f"{own}.investigation.status.*",
            *(f"{own}.{kind}" for kind in kinds),
            *(f"$KV.{bucket}.{key}" for key in keys),
        ]

    async def _listen(self) -> None:
        while True:
            try:
                async with self.bus.hearing(self._subjects(), "", self.hear):
                    await asyncio.Event().wait()  # the client subscribes anew by itself
            except MendwireError as problem:
                log.info("the dashboard hears nothing for now: %s", problem)
            await asyncio.sleep(_AGAIN_S)
