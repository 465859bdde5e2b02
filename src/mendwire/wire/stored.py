"""Messages as the server stores and delivers them, read into ``Received``."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from nats.aio.msg import Msg

from mendwire.model.delivery import MessageRef, Received

_PLAIN_TOKENS: Final = 9
"""``$JS.ACK.<stream>.<consumer>.<tries>.<seq>.<consumer seq>.<time>.<pending>``; with a domain
and an account hash before the stream there are more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What the reply subject of a delivery says."""

    stream: str
    deliveries: int
    seq: int
    consumer_seq: int
    stored_ns: int
    """Server time of storing, nanoseconds since the epoch: with ``seq`` the message's identity."""


def delivery_of(reply: str) -> Delivery:
    """Read a ``$JS.ACK…`` subject; raises ValueError for anything else."""
    tokens = reply.split(".")
    at = 2 if len(tokens) == _PLAIN_TOKENS else 4
    if len(tokens) < at + 7 or tokens[:2] != ["$JS", "ACK"]:
        raise ValueError(reply)
    stream, _consumer, tries, seq, consumer_seq, stored = tokens[at : at + 6]
    return Delivery(
        stream=stream,
        deliveries=int(tries),
        seq=int(seq),
        consumer_seq=int(consumer_seq),
        stored_ns=int(stored),
    )


def delivered(message: Msg, delivery: Delivery, created: str) -> Received:
    """A pulled message; ``created`` is its stream's creation time."""
    headers = message.headers or {}
    ref = MessageRef(
        stream=delivery.stream,
        stream_created=created,
        seq=delivery.seq,
        subject=message.subject,
        reply=message.reply,
        msg_id=headers.get("Nats-Msg-Id", ""),
        sha256=hashlib.sha256(message.data).hexdigest(),
    )
    return Received(
        ref=ref,
        payload=message.data,
        headers=headers,
        deliveries=delivery.deliveries,
        published_ns=delivery.stored_ns,
    )


def stored(stream: str, created: str, message: Mapping[str, Any]) -> Received:
    """The ``message`` of a STREAM.MSG.GET answer, never delivered as far as it says."""
    payload = base64.b64decode(message.get("data") or "")
    headers = _headers(base64.b64decode(message.get("hdrs") or ""))
    ref = MessageRef(
        stream=stream,
        stream_created=created,
        seq=int(message["seq"]),
        subject=str(message["subject"]),
        msg_id=headers.get("Nats-Msg-Id", ""),
        sha256=hashlib.sha256(payload).hexdigest(),
    )
    return Received(
        ref=ref,
        payload=payload,
        headers=headers,
        deliveries=0,
        published_ns=nanoseconds(str(message["time"])),
    )


def nanoseconds(text: str) -> int:
    """Nanoseconds since the epoch of the server's ``2026-11-23T23:06:35.525750196Z``."""
    seconds = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC).timestamp()
    fraction = text[20:].rstrip("Z") if text[19:20] == "." else ""
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


def _headers(raw: bytes) -> dict[str, str]:
    lines = raw.decode("utf-8", "replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
