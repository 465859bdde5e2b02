"""What waits to be sent: in memory as it was captured, scrubbed and keyed, or on disk."""

from __future__ import annotations

import json
import secrets
import threading
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final

from mendwire.capture.guard import Guard
from mendwire.capture.outgoing import outgoing, without_scrubbed_arguments
from mendwire.capture.spool import Spool, Spooled
from mendwire.capture.tally import Count, Tally
from mendwire.model.names import Names
from mendwire.model.report import JSONValue
from mendwire.model.scrub import DEFAULT, ScrubPolicy, scrub_report
from mendwire.settings.environment import Environment

MAX_QUEUED: Final = 500
MAX_PAYLOAD: Final = 1024 * 1024
"""Bytes; what a server takes unless it is told otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Where reports go."""

    surroundings: Environment
    """What leads to the server."""
    names: Names | None
    """The namespace as far as it is known without a connection."""
    environment: str | None
    """Of the reports: ``staging``, or None for the plain subject."""
    spool: Spool
    scrub: ScrubPolicy = DEFAULT
    """What is taken out of reports before they leave the process."""


class Outbox:
    """The bounded queue between the host's threads and the sender's."""

    def __init__(self, target: Target, tally: Tally, guard: Guard) -> None:
        self.target = target
        self.tally = tally
        self.guard = guard
        self.stored = 0
        """Reports that the server has stored."""
        self.dropped = 0
        """Reports that found queue or spool full, or that no server would take."""
        self.ready: deque[Spooled] = deque()
        """Scrubbed and to be sent next; belongs to the sender's thread."""
        self._lock = threading.Lock()
        self._incoming: deque[tuple[Hashable, dict[str, JSONValue]]] = deque()

    def put(self, key: Hashable, body: dict[str, JSONValue]) -> bool:
        """Queue one report; False (and counted) when the queue is full."""
        with self._lock:
            has_room = len(self._incoming) < MAX_QUEUED
            if has_room:
                self._incoming.append((key, body))
        if not has_room:
            self.drop(self.tally.forget(key), "queue full")
        return has_room

    def is_empty(self) -> bool:
        """Whether nothing waits in memory or on disk."""
        return not self._incoming and not self.ready and self.target.spool.is_empty()

    def digest(self) -> bool:
        """Scrub and key the next queued report; False when nothing is left to send."""
        with self._lock:
            if not self._incoming:
                return bool(self.ready)
            key, body = self._incoming.popleft()
        done = self.guard.run(lambda: self._digested(key, body), None)
        if done:
            self.ready.append(done)
        return True

    def store(self, *, counts: bool = False) -> None:
        """Move everything that waits in memory to the spool, with ``counts`` these too."""
        while self.digest():
            while self.ready:
                if not self._spooled(self.ready[0]):
                    self.drop(1, "spool full or not writable")
                self.ready.popleft()
        for count in self.tally.take() if counts else ():
            self._spooled(self.counted(count))

    def counted(self, count: Count) -> Spooled:
        """The message that tells a count of repeats."""
        body = {
            "issue": count.issue,
            "signature": count.signature,
            "count": count.repeats,
            "environment": self.target.environment or "",
            "source": "sdk",
        }
        payload = json.dumps(body).encode()
        environment = self.target.environment
        return Spooled(
            kind="count", environment=environment, payload=payload, id=secrets.token_hex(8)
        )

    def drop(self, count: int, reason: str) -> None:
        """Count reports that are lost, and say so."""
        self.dropped += count
        self.guard.tell("capture.dropped", count=count, reason=reason)

    def _digested(self, key: Hashable, body: dict[str, JSONValue]) -> Spooled | None:
        """The scrubbed report, or None if its signature went out already in this window."""
        policy = self.target.scrub
        ready = without_scrubbed_arguments(body, policy)
        payload = scrub_report(json.dumps(ready).encode(), policy)
        environment = self.target.environment
        names = self.target.names or Names(namespace="default")
        keyed = outgoing(payload, names, environment, MAX_PAYLOAD, policy)
        if not self.tally.bind(key, keyed.signature, keyed.issue):
            return None
        return Spooled(kind="report", environment=environment, payload=payload)

    def _spooled(self, item: Spooled) -> bool:
        return self.guard.run(lambda: self.target.spool.add(item), otherwise=False)
