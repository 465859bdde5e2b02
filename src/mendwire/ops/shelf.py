"""The streams of one namespace as an operator looks at them: only ours, found by either name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mendwire.errors import AccessRefused, ConfigError
from mendwire.model.delivery import Received
from mendwire.model.names import TOKEN
from mendwire.wire.infos import (
    ConsumerInfo,
    StreamInfo,
    consumer_info,
    list_consumers,
    list_streams,
    stream_info,
    subjects_of,
)
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import DAYS, topology


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """What one namespace has on its server; nothing is matched by prefix (rules B13)."""

    bus: JetStreamBus
    environments: Sequence[str]
    days: Mapping[str, float] = field(default_factory=lambda: DAYS)
    """How long each kind is kept."""

    @property
    def names(self) -> tuple[str, ...]:
        """The streams that the configuration speaks of."""
        return tuple(spec.name for spec in topology(self.bus.names, self.environments).streams)

    async def streams(self, *, buckets: bool = False) -> list[StreamInfo]:
        """Ours by mark, and those of our exact names that somebody else made; by name."""
        known = set(self.names)
        try:
            found = await list_streams(self.bus.api)
        except AccessRefused:  # a login of least rights may look at its own alone
            answers = [await self.bus.stream(name) for name in sorted(known)]
            found = [stream_info(raw) for raw in answers if raw is not None]
        return [
            stream
            for stream in found
            if (stream.name in known or self.owns(stream))
            and (buckets or not stream.name.startswith(("KV_", "OBJ_")))
        ]

    async def find(self, wanted: str) -> StreamInfo:
        """``STAGING_ERRORS`` or ``SHOP_STAGING_ERRORS``, in any case; raises ConfigError."""
        name = wanted.strip().upper()
        for full in (name, self.bus.names.stream(name), f"KV_{self.bus.names.bucket(name)}"):
            raw = await self.bus.stream(full) if TOKEN.fullmatch(full) else None
            if raw is None:
                continue
            found = stream_info(raw)
            if full in self.names or self.owns(found):
                return found
        raise ConfigError(
            f"There is no stream {wanted[:60]!r} of {self.bus.names.namespace}: see "
            "mendwire streams ls."
        )

    def owns(self, stream: StreamInfo) -> bool:
        """Whether it carries our mark."""
        return stream.owner == self.bus.names.namespace

    async def subjects(self, stream: StreamInfo, pattern: str = ">") -> dict[str, int]:
        """Messages by subject, the busiest last."""
        found = await subjects_of(self.bus.api, stream.name, pattern)
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))

    async def consumers(self, stream: StreamInfo) -> list[ConsumerInfo]:
        """All of them, other people's too."""
        return await list_consumers(self.bus.api, stream.name)

    async def consumer(self, stream: StreamInfo, name: str) -> ConsumerInfo:
        """One; raises ConfigError."""
        raw = await self.bus.consumer(stream.name, name) if TOKEN.fullmatch(name) else None
        if raw is None:
            raise ConfigError(
                f"{stream.name} has no consumer {name[:60]!r}: see mendwire consumers ls "
                f"{stream.name}."
            )
        return consumer_info(raw)

    async def view(
        self, stream: StreamInfo, *, first: int, size: int, since_ns: int, subject: str
    ) -> AsyncIterator[Received]:
        """At most ``size`` messages from sequence ``first``, none older than ``since_ns``.

        One at a time: together they may be more than memory holds.
        """
        if since_ns:
            first = max(first, await self._first_since(stream, since_ns))
        async for received in self.bus.walk(
            stream.name, size, stream.last_seq, first=max(first, 1), subject=subject or ">"
        ):
            yield received

    async def _first_since(self, stream: StreamInfo, since_ns: int) -> int:
        """By halves, since the times rise with the numbers."""
        low, high = stream.first_seq, stream.last_seq + 1
        while low < high:
            middle = (low + high) // 2
            walk = self.bus.walk(stream.name, 1, stream.last_seq, first=middle)
            found = [received async for received in walk]
            if not found or found[0].published_ns >= since_ns:
                high = middle
            else:
                low = found[0].ref.seq + 1
        return low

    async def get(self, stream: StreamInfo, seq: int, last_for: str = "") -> Received:
        """One message by its number, or the newest of a subject; raises ConfigError."""
        if last_for:
            found = await self.bus.newest(stream.name, last_for)
            about = f"on {last_for[:80]}"
        else:
            found = await self.bus.peek(stream.name, seq)
            about = str(seq)
        if found is None:
            raise ConfigError(
                f"{stream.name} has no message {about}: see mendwire streams view {stream.name}."
            )
        return found


def written(moment_ns: int) -> str:
    """``2026-11-26 01:02:13`` in UTC; empty for 0."""
    if not moment_ns:
        return ""
    return f"{datetime.fromtimestamp(moment_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M:%S}"
