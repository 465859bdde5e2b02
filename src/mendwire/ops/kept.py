"""Messages that are kept for people: results, held reports, dead letters."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from mendwire.docket.releases import Releases
from mendwire.errors import ConfigError
from mendwire.model.delivery import Received
from mendwire.model.printable import printable
from mendwire.model.standing import Kept
from mendwire.ops.reentry import enter, original_of
from mendwire.wire.burial import ENCODING, PART, place
from mendwire.wire.bus import Ack
from mendwire.wire.jetstream import JetStreamBus

MOST: Final = 1000
_LARGEST: Final = 1 << 24
_LAST: Final = 1 << 62


async def kept(bus: JetStreamBus, kind: str) -> list[Kept]:
    """The oldest thousand of ``RESULTS``, ``QUARANTINE`` or ``DEAD``."""
    stream = bus.names.stream(kind)
    return [_kept(received) async for received in bus.walk(stream, MOST, _LAST)]


async def newest(bus: JetStreamBus, kind: str, size: int, before: int = 0) -> list[Kept]:
    """The newest ``size`` of a kind below the sequence ``before`` (0: of all), newest first.

    Without their payloads, which together may be more than memory holds.
    """
    stream = bus.names.stream(kind)
    info = await bus.stream(stream)
    if info is None:
        return []
    first = int(info["state"]["first_seq"])
    last = before - 1 if before else int(info["state"]["last_seq"])
    found: list[Kept] = []
    window = size
    while last >= first and len(found) < size:
        begin = max(first, last - window + 1)
        walk = bus.walk(stream, window, last, first=begin)
        rows = [replace(_kept(received), payload=b"") async for received in walk]
        found += rows[::-1]
        last, window = begin - 1, min(2 * window, MOST)  # where much was removed, look further
    return found[:size]


async def shown(bus: JetStreamBus, kind: str, seq: int) -> Kept:
    """The one at ``seq``; raises ConfigError."""
    parts = await parts_of(bus, kind, seq)
    payload = b"".join(part.payload for part in parts)
    return _kept(replace(parts[0], payload=payload))


async def parts_of(bus: JetStreamBus, kind: str, seq: int) -> list[Received]:
    """The message at ``seq``, and what did not fit into it; raises ConfigError."""
    received = await bus.peek(bus.names.stream(kind), seq)
    if received is None:
        message = f"There is no message {seq} in {kind.lower()}: see mendwire {kind.lower()} list."
        raise ConfigError(message)
    return [received, *await _further_parts(bus, received)]


async def replay(bus: JetStreamBus, releases: Releases, seq: int) -> Ack:
    """Let a dead letter enter its stream again; given again after a crash, it goes on.

    Raises ConfigError, RepeatedReentry.
    """
    parts = await parts_of(bus, "DEAD", seq)
    first = parts[0]
    if not first.headers.get(PART, "1/").startswith("1/"):
        raise ConfigError(f"{seq} is a further part of a large message: replay its first one.")
    _, _, count = first.headers.get(PART, "1/1").partition("/")
    if count != str(len(parts)):
        raise ConfigError(f"Of {seq} only {len(parts)} of {count} parts are left: report it again.")
    whole = unpacked(replace(first, payload=b"".join(part.payload for part in parts)))
    original = original_of(first, whole)
    ack = await enter(bus, releases, original)
    for part in reversed(parts):  # the first one last: it leads to the others
        await bus.remove(part.ref)
    await releases.entered(place(original.ref))
    return ack


async def discard(bus: JetStreamBus, seq: int) -> None:
    """Remove a dead letter for good, with all its parts; raises ConfigError."""
    for part in reversed(await parts_of(bus, "DEAD", seq)):
        await bus.remove(part.ref)


async def _further_parts(bus: JetStreamBus, first: Received) -> list[Received]:
    """What did not fit into one message follows it, each with the same origin."""
    number, _, count = first.headers.get(PART, "1/1").partition("/")
    if number != "1" or not count.isdecimal():
        return []
    found: list[Received] = []
    origin = _origin(first)
    async for received in bus.walk(first.ref.stream, MOST, _LAST, first=first.ref.seq + 1):
        if len(found) + 1 >= int(count):
            break
        wanted = f"{len(found) + 2}/{count}"
        if received.headers.get(PART) == wanted and _origin(received) == origin:
            found.append(received)
    return found


def _origin(received: Received) -> str:
    return place(original_of(received, b"").ref)


def _kept(received: Received) -> Kept:
    payload = unpacked(received)
    body = body_of(payload)
    headers, ref = received.headers, received.ref
    evidence = body.get("evidence")
    reason = evidence.get("reason") if isinstance(evidence, dict) else ""
    return Kept(
        seq=ref.seq,
        subject=printable(ref.subject, 200),
        origin=printable(headers.get("Mendwire-Origin-Stream", "")),
        reason=printable(headers.get("Mendwire-Reason", "") or str(reason or ""), 200),
        message=printable(str(body.get("error", ""))),
        at=datetime.fromtimestamp(received.published_ns / 1e9, tz=UTC).isoformat(),
        trust=printable(headers.get("Mendwire-Trust", ""), 20),
        payload=payload,
    )


def unpacked(received: Received) -> bytes:
    """The payload as it was sent, at most 16 MB: what others put there may be made to burst."""
    if received.headers.get(ENCODING) != "gzip":
        return received.payload
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(received.payload, _LARGEST)
    except zlib.error:
        return received.payload


def body_of(payload: bytes) -> dict[str, object]:
    """The JSON object that it is, empty if it is none."""
    with suppress(ValueError, RecursionError):
        body = json.loads(payload)
        if isinstance(body, dict):
            return body
    return {}
