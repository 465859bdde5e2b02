"""From the bytes of an export request to the reports it brings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from mendwire.gateway.haul import Haul, Result
from mendwire.gateway.otlp import jsoned, protobuf
from mendwire.gateway.otlp.answers import JSON
from mendwire.gateway.otlp.mapping import Mapped, map_logs, map_spans
from mendwire.gateway.otlp.merging import merge
from mendwire.gateway.otlp.once import SAME, Once
from mendwire.gateway.otlp.sighting import Sighting

MAX_REPORTS: Final = 2_000
"""Of one request; the others are rejected."""


@dataclass(slots=True)
class ExportHaul(Haul):
    """Reports of one export request, and what was left out of it."""

    rejected: int = 0
    """Spans or log records that were refused."""
    reason: str = ""
    """Why the first of them was."""
    seen: list[Sighting | None] = field(default_factory=list)
    """By what each of the bodies is known again."""
    once: Once | None = None

    async def deliver(
        self, sender: str, place: int, send: Callable[[], Awaitable[Result]]
    ) -> Result:
        """Deliver the body at ``place``, unless the same exception was delivered before."""
        assert self.once is not None
        return await self.once.deliver(sender, self.seen[place], send)


def parse_logs(encoding: str, once: Once, body: bytes) -> Haul:
    """Raises Undecodable."""
    found = (jsoned if encoding == JSON else protobuf).decode_logs(body)
    return _haul(map_logs(found.records), found.rejected, found.reason, once)


def parse_traces(encoding: str, once: Once, body: bytes) -> Haul:
    """Raises Undecodable."""
    found = (jsoned if encoding == JSON else protobuf).decode_traces(body)
    return _haul(map_spans(found.records), found.rejected, found.reason, once)


def _haul(reports: Iterator[Mapped], rejected: int, reason: str, once: Once) -> ExportHaul:
    told = list(reports)
    single = merge(told)
    kept, cut = single[:MAX_REPORTS], len(single) - MAX_REPORTS
    if cut > 0:
        reason = reason or f"The request has more than {MAX_REPORTS} errors; send smaller batches."
    merged = len(told) - len(single)
    return ExportHaul(
        bodies=[one.body for one in kept],
        ignored={SAME: merged} if merged else {},
        rejected=rejected + max(0, cut),
        reason=reason,
        seen=[one.seen for one in kept],
        once=once,
    )
