"""What the server says of its streams and consumers, as records; for people who look."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mendwire.wire.api import Api
from mendwire.wire.stored import nanoseconds
from mendwire.wire.topology import NAMESPACE, OWNER

_NEVER: Final = "0001-01-01"
"""How the server writes the time of what never was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamInfo:
    """One stream and its state."""

    name: str
    description: str
    subjects: tuple[str, ...]
    retention: str
    created: str
    """As the server prints it."""
    messages: int
    bytes: int
    max_bytes: int
    """-1 is without limit."""
    max_age_ns: int
    """Nanoseconds; 0 keeps for ever."""
    discard: str
    """``new`` refuses when full, ``old`` drops the oldest."""
    first_seq: int
    last_seq: int
    first_ns: int
    """Time of the oldest message, nanoseconds since the epoch; 0 where there is none."""
    last_ns: int
    deleted: int
    lost: int
    consumers: int
    allow_direct: bool
    owner: str
    """The namespace whose Mendwire made it; empty for a stream that somebody else made."""
    raw: Mapping[str, Any]
    """The server's own answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerInfo:
    """One consumer and its state."""

    stream: str
    name: str
    created: str
    pending: int
    """Messages that were not handed out yet."""
    ack_pending: int
    """Messages that were handed out and are not acknowledged."""
    redelivered: int
    """Of these, those that were handed out more than once."""
    waiting: int
    """Requests for messages that wait for some to come."""
    last_ns: int
    """When something was handed out last, nanoseconds since the epoch; 0 for never."""
    paused_until: str
    """As the server prints it; empty unless paused."""
    raw: Mapping[str, Any]
    """The server's own answer."""


def stream_info(raw: Mapping[str, Any]) -> StreamInfo:
    """From the answer to STREAM.INFO."""
    config, state = raw["config"], raw["state"]
    metadata = config.get("metadata") or {}
    return StreamInfo(
        name=str(config["name"]),
        description=str(config.get("description") or ""),
        subjects=tuple(config.get("subjects") or ()),
        retention=str(config.get("retention", "")),
        created=str(raw["created"]),
        messages=int(state.get("messages", 0)),
        bytes=int(state.get("bytes", 0)),
        max_bytes=int(config.get("max_bytes", -1)),
        max_age_ns=int(config.get("max_age") or 0),
        discard=str(config.get("discard", "")),
        first_seq=int(state.get("first_seq", 0)),
        last_seq=int(state.get("last_seq", 0)),
        first_ns=_moment(state.get("first_ts")) if state.get("messages") else 0,
        last_ns=_moment(state.get("last_ts")),
        deleted=int(state.get("num_deleted", 0)),
        lost=len((state.get("lost") or {}).get("msgs") or ()),
        consumers=int(state.get("consumer_count", 0)),
        allow_direct=bool(config.get("allow_direct")),
        owner=str(metadata.get(NAMESPACE, "")) if metadata.get(OWNER) == "mendwire" else "",
        raw=raw,
    )


def consumer_info(raw: Mapping[str, Any]) -> ConsumerInfo:
    """From the answer to CONSUMER.INFO."""
    return ConsumerInfo(
        stream=str(raw["stream_name"]),
        name=str(raw["name"]),
        created=str(raw["created"]),
        pending=int(raw.get("num_pending", 0)),
        ack_pending=int(raw.get("num_ack_pending", 0)),
        redelivered=int(raw.get("num_redelivered", 0)),
        waiting=int(raw.get("num_waiting", 0)),
        last_ns=_moment((raw.get("delivered") or {}).get("last_active")),
        paused_until=str(raw["config"].get("pause_until", "")) if raw.get("paused") else "",
        raw=raw,
    )


async def list_streams(api: Api, subject: str = "") -> list[StreamInfo]:
    """Every stream of the account, by name; those with ``subject`` alone if given."""
    asked: dict[str, object] = {"subject": subject} if subject else {}
    found = [stream_info(raw) async for raw in _pages(api, "STREAM.LIST", "streams", asked)]
    return sorted(found, key=lambda stream: stream.name)


async def list_consumers(api: Api, stream: str) -> list[ConsumerInfo]:
    """Every consumer of a stream, by name."""
    endpoint = f"CONSUMER.LIST.{stream}"
    found = [consumer_info(raw) async for raw in _pages(api, endpoint, "consumers", {})]
    return sorted(found, key=lambda consumer: consumer.name)


async def subjects_of(api: Api, stream: str, subject: str = ">") -> dict[str, int]:
    """Subjects that a stream holds and how many messages each, at most 100,000 of them."""
    answer = await api.call(f"STREAM.INFO.{stream}", {"subjects_filter": subject})
    found: dict[str, int] = answer["state"].get("subjects") or {}
    return found


async def _pages(
    api: Api, endpoint: str, key: str, asked: Mapping[str, object]
) -> AsyncIterator[Mapping[str, Any]]:
    offset = 0
    while True:
        page = await api.call(endpoint, {**asked, "offset": offset})
        rows = page.get(key) or ()
        for row in rows:
            yield row
        offset += len(rows)
        if not rows or offset >= int(page.get("total", 0)):
            return


def _moment(text: object) -> int:
    written = str(text or _NEVER)
    return 0 if written.startswith(_NEVER) else nanoseconds(written)
