"""The life of one message, from the stream to its settlement (rules C, Delivery).

Nothing is acknowledged outside ``SETTLED_STATES``: durable quarantine, dead letter, a counted
join or skip, parking, or settlement of the case.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mendwire.errors import IllegalMove


class DeliveryState(StrEnum):
    """Where one message stands."""

    RECEIVED = "received"
    UNDECODABLE = "undecodable"
    SCREENED = "screened"
    QUARANTINED = "quarantined"
    JOINED = "joined"
    SKIPPED = "skipped"
    OWNED = "owned"
    SETTLED = "settled"
    PARKED = "parked"
    DEFERRED = "deferred"
    LOST = "lost"
    EXHAUSTED = "exhausted"
    REDRIVEN = "redriven"
    RELEASED = "released"
    REPLAYED = "replayed"
    DISCARDED = "discarded"
    DEAD = "dead"


_S = DeliveryState
DELIVERY_MOVES: Final[dict[DeliveryState, frozenset[DeliveryState]]] = {
    _S.RECEIVED: frozenset({_S.UNDECODABLE, _S.SCREENED, _S.QUARANTINED, _S.LOST, _S.DEFERRED}),
    _S.UNDECODABLE: frozenset({_S.DEAD}),
    _S.SCREENED: frozenset({_S.QUARANTINED, _S.JOINED, _S.SKIPPED, _S.OWNED, _S.LOST}),
    _S.OWNED: frozenset({_S.SETTLED, _S.PARKED, _S.DEFERRED, _S.LOST}),
    _S.LOST: frozenset({_S.OWNED, _S.EXHAUSTED, _S.RECEIVED}),
    _S.DEFERRED: frozenset({_S.OWNED, _S.EXHAUSTED, _S.RECEIVED}),
    _S.EXHAUSTED: frozenset({_S.REDRIVEN, _S.DEAD}),
    _S.REDRIVEN: frozenset({_S.RECEIVED}),
    _S.QUARANTINED: frozenset({_S.RELEASED, _S.DISCARDED}),
    _S.RELEASED: frozenset({_S.RECEIVED}),
    _S.DEAD: frozenset({_S.REPLAYED, _S.DISCARDED}),
    _S.REPLAYED: frozenset({_S.RECEIVED}),
    _S.JOINED: frozenset(),
    _S.SKIPPED: frozenset(),
    _S.SETTLED: frozenset(),
    _S.PARKED: frozenset(),
    _S.DISCARDED: frozenset(),
}
SETTLED_STATES: Final = frozenset(
    {_S.QUARANTINED, _S.DEAD, _S.JOINED, _S.SKIPPED, _S.PARKED, _S.SETTLED}
)


def moved(state: DeliveryState, to: DeliveryState) -> DeliveryState:
    """``to``, if the table has that transition; raises IllegalMove."""
    if to in DELIVERY_MOVES[state]:
        return to
    message = f"A message that is {state} cannot become {to}."
    raise IllegalMove(message)


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageRef:
    """Where a message stands, enough to settle it from another process (rules A6)."""

    stream: str
    stream_created: str
    """The stream's creation time as the server prints it: a recreated stream is another one."""
    seq: int
    """Stream sequence."""
    subject: str
    reply: str = ""
    """The reply subject of the last delivery; empty when it was read without one."""
    msg_id: str = ""
    sha256: str = ""
    """Of the payload, hex: compared before anything is deleted by sequence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """One message as a room sees it."""

    ref: MessageRef
    payload: bytes
    headers: dict[str, str]
    deliveries: int
    """1 at the first try."""
    published_ns: int
    """The server's time of storing it, nanoseconds since the epoch."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What becomes of a message: the worker turns it into ack, nak or a dead letter."""

    state: DeliveryState
    reason: str = ""
    delay_s: float = 0.0
    """For ``DEFERRED``: not before this many seconds."""
    removed: bool = False
    """The room removed the message itself (``Bus.settle``); the worker sends nothing more."""


SETTLED = Outcome(state=DeliveryState.SETTLED)
