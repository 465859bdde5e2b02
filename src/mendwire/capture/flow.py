"""Messages on their way to the server, settled in the order in which they were sent.

Answers may overtake each other between streams, and one may say "try again". Up to the first that
is not settled everything is; what comes behind is sent again after the next start, under its own
id, so that the server takes it once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from mendwire.capture.segment import Segment, Spooled
from mendwire.errors import AccessRefused, MendwireError, StreamFull, Unreachable
from mendwire.wire.ack import Ack
from mendwire.wire.refusals import NobodyListens
from mendwire.wire.window import Window

LATER = (Unreachable, AccessRefused, StreamFull, NobodyListens)
"""What another try may mend; anything else about one report is final."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a message lies on disk."""

    segment: Segment
    end: int
    is_own: bool


class Message(NamedTuple):
    """What is published for one item."""

    subject: str
    payload: bytes
    headers: dict[str, str]


Settle = Callable[[Spooled, Place | None, Ack | MendwireError], None]
"""Told of each message in order, with where it lies and what the server said."""


class _Sent:
    __slots__ = ("answer", "is_out", "item", "place")

    def __init__(self, item: Spooled, place: Place | None) -> None:
        self.item = item
        self.place = place
        self.answer: Ack | MendwireError | None = None
        self.is_out = False


class Flow:
    """What one connection has under way."""

    def __init__(self, window: Window, settle: Settle) -> None:
        self._window = window
        self._settle = settle
        self._sent: deque[_Sent] = deque()
        self._failure: MendwireError | None = None

    def send(self, item: Spooled, place: Place | None, message: Message | MendwireError) -> None:
        """Send one more, or settle it at once as what cannot be sent at all.

        Raises what another try may mend, of this message or one before; this one is held then too.
        """
        sent = _Sent(item, place)
        self._sent.append(sent)
        if self._failure is not None:
            raise self._failure

        def answered(answer: Ack | MendwireError) -> None:
            sent.answer = answer
            self._advance()

        if isinstance(message, MendwireError):
            answered(message)
            return
        try:
            sent.is_out = True
            self._window.publish(message.subject, message.payload, message.headers, answered)
        except LATER:
            raise
        except MendwireError as problem:
            answered(problem)

    def rest(self) -> None:
        """Wait for every answer; raises what another try may mend."""
        self._window.settle()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def take_back(self) -> list[Spooled]:
        """What is not settled and lies on no disk; each may be known to the server already."""
        left, self._sent, self._failure = self._sent, deque(), None
        return [
            replace(sent.item, is_tried=sent.item.is_tried or sent.is_out)
            for sent in left
            if sent.place is None
        ]

    def _advance(self) -> None:
        while self._sent and (answer := self._sent[0].answer) is not None:
            sent = self._sent[0]
            if isinstance(answer, LATER) and sent.item.kind == "report":
                self._failure = self._failure or answer
                return
            if isinstance(answer, Unreachable):
                self._failure = self._failure or answer
                return
            self._sent.popleft()
            self._settle(sent.item, sent.place, answer)
