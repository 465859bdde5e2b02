"""What waits to be sent: in memory as it was taken, then scrubbed and keyed, or on disk."""

from __future__ import annotations

import json
import math
import os
import threading
import time
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final

from mendwire.capture.guard import Guard
from mendwire.capture.ledger import Ledger
from mendwire.capture.occurrence import Taken
from mendwire.capture.segment import Spooled
from mendwire.capture.spool import Spool
from mendwire.capture.tally import Count, Seen, Tally
from mendwire.errors import MendwireError
from mendwire.model.names import Names
from mendwire.settings.environment import Environment

if TYPE_CHECKING:  # 24 ms that a host without errors need not spend
    from mendwire.model.scrub import ScrubPolicy

MAX_QUEUED: Final = 2_000
MAX_WEIGHT: Final = 16 * 1024 * 1024
"""About how many bytes may wait in memory as they were taken."""
_QUEUE_FULL: Final = "queue full"
_BATCH: Final = 32
_BATCH_S: Final = 0.05
"""How long at most reports are collected before they are written to disk together."""


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
    scrub: ScrubPolicy | None = None
    """What is taken out of reports before they leave the process; None: the default."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Queued:
    key: Hashable
    seen: Seen
    taken: Taken


class Outbox:
    """The bounded queue between the host's threads and the sender's."""

    def __init__(self, target: Target, tally: Tally, guard: Guard) -> None:
        self.target = target
        self.tally = tally
        self.guard = guard
        self.ledger = Ledger()
        self.ready: deque[Spooled] = deque()
        """Scrubbed and to be sent next; belongs to the sender's thread."""
        self._lock = threading.Lock()
        self._incoming: deque[_Queued] = deque()
        self._weight = 0
        self._is_closed = False
        self._full = _QUEUE_FULL
        """Why there is no room when there is none."""

    @property
    def waiting(self) -> int:
        """Occurrences that are neither sent, nor on disk, nor given up."""
        return len(self._incoming) + self.ledger.in_hand + self.tally.untold

    @property
    def has_room(self) -> bool:
        """Whether another report can be queued just now."""
        return len(self._incoming) < MAX_QUEUED and self._weight < MAX_WEIGHT

    def put(self, key: Hashable, seen: Seen, taken: Taken) -> bool:
        """Queue one report; False (and counted) when the queue is full."""
        with self._lock:
            room = self.has_room and not self._is_closed
            if room:
                self._incoming.append(_Queued(key=key, seen=seen, taken=taken))
                self._weight += taken.weight
        if not room:
            self.drop(self.tally.forget(key, seen), self._full)
        return room

    def is_empty(self) -> bool:
        """Whether nothing waits in memory or on disk."""
        return not self._incoming and not self.ready and self.target.spool.is_empty()

    def digest(self) -> bool:
        """Scrub and key the next queued report; False when none is queued."""
        with self._lock:
            if not self._incoming:
                return False
            queued = self._incoming.popleft()
            self._weight -= queued.taken.weight
            self.ledger.in_hand += 1
        # Between two reports the host's threads may go first: else each waits for its turn of the
        # interpreter's lock as long as the lock's holder is made to give it up, 5 ms.
        time.sleep(0)
        item = self.guard.run(lambda: self._digested(queued.taken), None)
        if item is None:
            self.ledger.in_hand -= 1
            self.drop(self.tally.forget(queued.key, queued.seen), "cannot be written as a report")
        elif self.tally.bind(queued.seen, item.signature, item.issue):
            self.ready.append(item)
        else:
            self.ledger.in_hand -= 1
        return True

    def store(
        self, *, counts: bool = False, until: float = math.inf, is_last: bool = False
    ) -> None:
        """Move what waits in memory to the spool, with ``counts`` these too.

        What finds no room stays in memory, unless it ``is_last``: then it is dropped, and so is
        what is not scrubbed ``until`` then (monotonic seconds).
        """
        if is_last:
            # First what is small and says most: time may be up before all reports are scrubbed.
            self.ready.extend(self.take_counts())
        while self._collect(until) and self._spool_ready():
            pass
        if is_last:
            self._give_up()
        elif self.ready:
            return
        told = self.take_counts() if counts or is_last else self._past_counts()
        self.ready.extend(told)
        self._spool_ready()
        if is_last and self.ready:
            self._give_up()

    def counted(self, count: Count) -> Spooled:
        """The message that tells a count of repeats."""
        body = {
            "issue": count.issue,
            "signature": count.signature,
            "count": count.repeats,
            "environment": self.target.environment or "",
            "source": "sdk",
        }
        return self._told("count", body, count.repeats, count.issue, count.signature)

    def told_drops(self) -> tuple[Spooled, ...]:
        """The message that tells what was dropped since the last one, if anything was."""
        reasons = self.ledger.take_untold()
        if not reasons:
            return ()
        body = {
            "dropped": reasons,
            "environment": self.target.environment or "",
            "source": "sdk",
        }
        return (self._told("drops", body, 0, "dropped", ""),)

    def take_counts(self) -> tuple[Spooled, ...]:
        """Everything that is to be told now."""
        self._note_lost()
        return (*self._counted(self.tally.take()), *self.told_drops())

    def drop(self, count: int, reason: str) -> None:
        """Count occurrences that are lost, and say so."""
        self.ledger.drop(count, reason)
        self.guard.tell("capture.dropped", count=count, reason=reason)

    def _collect(self, until: float) -> bool:
        """Have a batch ready; False when nothing is left, or no time."""
        enough = time.monotonic() + _BATCH_S
        while len(self.ready) < _BATCH and time.monotonic() < min(until, enough):
            if not self.digest():
                break
        return bool(self.ready)

    def _spool_ready(self) -> bool:
        """Put on disk what is ready; False when there is no room for all of it."""
        while self.ready:
            batch = list(islice(self.ready, _BATCH))
            try:
                stored = self.target.spool.add(batch)
                why = "spool full"
            except (OSError, MendwireError) as problem:
                stored = 0
                why = f"spool not writable ({getattr(problem, 'strerror', None) or 'refused'})"
            for _ in range(stored):
                held = self.ready.popleft().occurrences
                self.ledger.spooled += held
                self.ledger.in_hand -= held
            if stored < len(batch):
                self._full = why
                return False
        self._full = _QUEUE_FULL
        return True

    def _give_up(self) -> None:
        """At the very end: what is still in memory is lost, and that is counted."""
        while self.ready:
            item = self.ready.popleft()
            self.ledger.in_hand -= item.occurrences
            if item.occurrences:
                self.drop(item.occurrences, self._full)
        with self._lock:
            left, self._incoming, self._weight = list(self._incoming), deque(), 0
            self._is_closed = True
        reason = "no time at exit" if self._full == _QUEUE_FULL else self._full
        for queued in left:
            self.drop(self.tally.forget(queued.key, queued.seen), reason)

    def _past_counts(self) -> tuple[Spooled, ...]:
        return self._counted(self.tally.take_past())

    def _counted(self, told: tuple[Count, ...]) -> tuple[Spooled, ...]:
        self.ledger.in_hand += sum(count.repeats for count in told)
        return tuple(map(self.counted, told))

    def _note_lost(self) -> None:
        if lost := self.tally.take_lost():
            self.drop(lost, "too many kinds at once")

    def _digested(self, taken: Taken) -> Spooled:
        from mendwire.capture.digest import digested  # noqa: PLC0415 - not on the host's way

        names = self.target.names or Names(namespace="default")
        directory = str(self.target.surroundings.directory)
        target = self.target
        return digested(taken, names, target.environment, directory, self.guard, target.scrub)

    def _told(
        self, kind: str, body: Mapping[str, object], occurrences: int, issue: str, signature: str
    ) -> Spooled:
        return Spooled(
            kind=kind,
            environment=self.target.environment,
            payload=json.dumps(body).encode(),
            id=os.urandom(8).hex(),
            signature=signature,
            issue=issue,
            occurrences=occurrences,
        )
