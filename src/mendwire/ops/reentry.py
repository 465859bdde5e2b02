"""How a kept message enters its stream again: as it was sent, under the next generation."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Final

from mendwire.docket.releases import Releases
from mendwire.errors import RepeatedReentry
from mendwire.model.delivery import MessageRef, Received
from mendwire.wire.burial import (
    DELIVERIES,
    ENCODING,
    KIND,
    ORIGIN,
    PART,
    REASON,
    RULES,
    SCORE,
    SHA256,
    generation,
    place,
    reenter,
)
from mendwire.wire.bus import Ack
from mendwire.wire.jetstream import JetStreamBus

_TRIES: Final = 5
"""Ids that may have been used up before ours."""
_OURS: Final = frozenset({DELIVERIES, ENCODING, KIND, PART, REASON, RULES, SCORE, SHA256})


def original_of(kept: Received, payload: bytes) -> Received:
    """The message as its publisher sent it, with where it stood; ``payload`` is whole."""
    headers = kept.headers
    seq = headers.get(f"{ORIGIN}Seq", "")
    ref = MessageRef(
        stream=headers.get(f"{ORIGIN}Stream", ""),
        stream_created=headers.get(f"{ORIGIN}Created", ""),
        seq=int(seq) if seq.isdecimal() else 0,
        subject=headers.get(f"{ORIGIN}Subject", ""),
        msg_id=headers.get(f"{ORIGIN}Msg-Id", ""),
        sha256=sha256(payload).hexdigest(),
    )
    own = {
        name: text
        for name, text in headers.items()
        if name not in _OURS and not name.startswith((ORIGIN, "Nats-"))
    }
    return replace(kept, ref=ref, payload=payload, headers=own)


async def enter(bus: JetStreamBus, releases: Releases, original: Received) -> Ack:
    """Publish; under a higher generation where the server had one and it is gone.

    Then an earlier run of the same command was killed after it had published, or somebody claimed
    the id: at worst the message comes twice, and the second is counted as a repeat. Raises
    RepeatedReentry when every id was used up.
    """
    where = place(original.ref)
    to = await releases.reentry(where, generation(original) + 1)
    for _ in range(_TRIES):
        try:
            return await reenter(bus, original, to)
        except RepeatedReentry:
            to = await releases.raise_reentry(where, to)
    return await reenter(bus, original, to)
