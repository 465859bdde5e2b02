"""Messages that leave their stream another way than handled: buried, or published again."""

from __future__ import annotations

import asyncio
import gzip
import re
from typing import Final

from mendwire.errors import RepeatedReentry
from mendwire.model.delivery import MessageRef, Received
from mendwire.model.printable import printable
from mendwire.wire.bus import Ack
from mendwire.wire.jetstream import JetStreamBus

ORIGIN: Final = "Mendwire-Origin-"
REASON: Final = "Mendwire-Reason"
DELIVERIES: Final = "Mendwire-Deliveries"
GENERATION: Final = "Mendwire-Generation"
ENCODING: Final = "Mendwire-Encoding"
"""``gzip`` where the payload was packed because it would not fit beside the headers."""
SHA256: Final = "Mendwire-Sha256"
SCORE: Final = "Mendwire-Score"
RULES: Final = "Mendwire-Rules"
KIND: Final = "Mendwire-Kind"
"""What a held report is counted under, see ``docket.releases``."""
PART: Final = "Mendwire-Part"
"""``1/2`` and ``2/2`` where it would not even fit packed; the parts follow each other."""
_ROOM_FOR_HEADERS: Final = 32_768
_FOREIGN_HEADERS: Final = 16_384
"""Bytes of a publisher's own headers that are kept."""
_HEADER: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_SERVERS: Final = "nats-"
"""Headers of the server's own must not act a second time."""
_OURS: Final = "mendwire-"
_CARRIED: Final = frozenset(
    f"Mendwire-{name}" for name in ("Trust", "Generation", "Publisher", "Issue", "Key")
)
"""Of ours, those that a message comes with. The others tell of a kept one, e.g. what a person said
of it: those that a publisher sends are none."""


async def bury(bus: JetStreamBus, received: Received, reason: str) -> Ack:
    """Copy a message to the dead letters, whole; the original stays where it is.

    Idempotent for a day and for as long as the copy is stored. Raises StreamFull, Unreachable.
    """
    ref = received.ref
    headers = own_headers(received.headers) | {
        f"{ORIGIN}Stream": ref.stream,
        f"{ORIGIN}Created": ref.stream_created,
        f"{ORIGIN}Seq": str(ref.seq),
        f"{ORIGIN}Subject": ref.subject,
        f"{ORIGIN}Msg-Id": printable(ref.msg_id, 1000),
        REASON: printable(reason, 1000),
        DELIVERIES: str(received.deliveries),
    }
    parts = await parts_for(bus, received.payload)
    several = len(parts) > 1
    acks = [
        await bus.publish(
            bus.names.dead(ref.stream),
            payload,
            msg_id=f"dead-{place(ref)}" + (f"-part{number}" if several else ""),
            headers=headers | how,
        )
        for number, (payload, how) in enumerate(parts, start=1)
    ]
    return acks[-1]


async def parts_for(bus: JetStreamBus, payload: bytes) -> list[tuple[bytes, dict[str, str]]]:
    """The payload in pieces that fit the server, with the headers that say how."""
    limit = bus.api.client.max_payload
    room = max(limit // 2, limit - _ROOM_FOR_HEADERS)
    if len(payload) <= room:
        return [(payload, {})]
    packed = await asyncio.to_thread(gzip.compress, payload, mtime=0)
    if len(packed) <= room:
        return [(packed, {ENCODING: "gzip"})]
    starts = range(0, len(payload), room)
    return [
        (payload[start : start + room], {PART: f"{number}/{len(starts)}"})
        for number, start in enumerate(starts, start=1)
    ]


async def reenter(bus: JetStreamBus, received: Received, to: int) -> Ack:
    """Publish a message again as its generation ``to``, under an id of that generation (rules A3).

    A copy published before a crash is found and counts. Raises RepeatedReentry when the server
    dropped it as a duplicate of anything else.
    """
    original = original_id(received)
    headers = own_headers(received.headers) | {GENERATION: str(to)}
    ack = await bus.publish(
        received.ref.subject, received.payload, msg_id=f"{original}~{to}", headers=headers
    )
    if ack.duplicate:
        there = await bus.peek(ack.stream, ack.seq)
        if there is None or there.ref.sha256 != received.ref.sha256 or generation(there) != to:
            text = f"The server dropped {original}~{to} as a repeat, although it was never handled."
            raise RepeatedReentry(text)
    return ack


def generation(received: Received) -> int:
    """How often a message was published again; 0 for a first one, also if it claims nonsense."""
    claimed = received.headers.get(GENERATION, "")
    return int(claimed) if claimed.isdecimal() and len(claimed) < len("100") else 0


def original_id(received: Received) -> str:
    """The ``Nats-Msg-Id`` of the first generation; the message's place where it had none."""
    suffix = f"~{generation(received)}"
    return received.ref.msg_id.removesuffix(suffix) or place(received.ref)


def place(ref: MessageRef) -> str:
    """``<stream>-<created>-<seq>``: no other message ever has it (rules A6)."""
    return f"{ref.stream}-{ref.stream_created}-{ref.seq}"


def own_headers(headers: dict[str, str]) -> dict[str, str]:
    """The publisher's headers that may be sent again; a raw publisher may have sent anything."""
    kept: dict[str, str] = {}
    room = _FOREIGN_HEADERS
    # Ours first: no crowd of others may push out of how little trust it came.
    for name, value in sorted(headers.items(), key=lambda header: header[0] not in _CARRIED):
        room -= len(name) + len(value.encode()) + 4
        if room >= 0 and _may_be_carried(name):
            kept[name] = value
    return kept


def _may_be_carried(name: str) -> bool:
    if name in _CARRIED:
        return True
    return bool(_HEADER.fullmatch(name)) and not name.lower().startswith((_SERVERS, _OURS))
