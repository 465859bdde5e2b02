"""Errors found in a log on their way to the server, as those of a program are.

By the same queue, spool and counts: the first of a kind goes out in a minute and the rest are
counted, and while the server is away reports wait on disk.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Final

from mendwire.capture.guard import Guard
from mendwire.capture.occurrence import Link, Taken
from mendwire.capture.outbox import Outbox, Target
from mendwire.capture.sender import Sender
from mendwire.capture.tally import Tally
from mendwire.model.report import JSONValue

_WINDOW_S: Final = 60.0
_ROOM_S: Final = 10.0
_LOOK_S: Final = 0.005
_FLUSH_S: Final = 5.0
_IDLE: Final = 6
"""Flushes in which nothing is settled, after which the server is left alone."""
_CLOSE_S: Final = 3.0
_WEIGHT: Final = 1_000
_NOTHING: Final = Link("", "", (), (), None, False, (), None)  # noqa: FBT003 - a tuple's fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Sums:
    """What became of the errors of a log."""

    errors: int
    """How many were found."""
    stored: int
    """Reports that the server has now."""
    counted: int
    """Repeats that it was told of."""
    spooled: int
    """What waits on disk."""
    dropped: int
    """What is lost, for want of room."""


class LogReporter:
    """Takes bodies of reports; never raises for want of a server."""

    def __init__(self, target: Target) -> None:
        self._guard = Guard()
        self._tally = Tally(_WINDOW_S)
        self._outbox = Outbox(target, self._tally, self._guard)
        self._sender = Sender(self._outbox)
        self._is_hopeful = True
        if not target.spool.is_empty():
            self._sender.start()

    @property
    def problem(self) -> str:
        """Why the latest attempt to reach the server failed; empty where none did."""
        return self._sender.problem

    def take(self, body: dict[str, JSONValue]) -> None:
        """Queue or count one error; where the log is faster than the server, wait for room."""
        key = (body.get("error"), body.get("stack"), body.get("type"), body.get("code"))
        seen = self._tally.admit(key)
        if seen is None:
            return
        self._wait_for_room()
        self._outbox.put(key, seen, _taken(body))
        self._sender.start()

    def close(self, *, in_haste: bool = False) -> Sums:
        """Send what waits, as long as that goes on (``in_haste``: once); the rest goes to disk."""
        ledger = self._outbox.ledger
        before, idle = -1, 0
        while not self._sender.flush(_FLUSH_S) and not in_haste:
            settled = ledger.stored + ledger.counted
            idle = idle + 1 if settled == before else 0
            before = settled
            if idle == _IDLE:
                break
        self._sender.close(_CLOSE_S)
        return Sums(
            errors=self._tally.captured,
            stored=ledger.stored,
            counted=ledger.counted,
            spooled=ledger.spooled,
            dropped=ledger.dropped,
        )

    def _wait_for_room(self) -> None:
        """Once in vain is enough: with server and disk both out of reach, who writes must go on."""
        until = time.monotonic() + _ROOM_S if self._is_hopeful else 0.0
        while not self._outbox.has_room and time.monotonic() < until:
            time.sleep(_LOOK_S)
        self._is_hopeful = self._outbox.has_room


def _taken(body: dict[str, JSONValue]) -> Taken:
    size = len(str(body.get("error", ""))) + len(str(body.get("stack", "")))
    return Taken(
        link=_NOTHING,
        calls=[],
        code="",
        context={},
        fixed={},
        thread="",
        pid=os.getpid(),
        at=time.time(),
        weight=_WEIGHT + 2 * size,
        body=body,
    )
