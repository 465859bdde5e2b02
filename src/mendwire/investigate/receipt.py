"""What is told of a message that came: how it came, and what became of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from mendwire.docket.cases import Filed
from mendwire.model.delivery import MessageRef, Outcome, Received
from mendwire.model.trace import Carried, parent_of
from mendwire.telemetry import emit, here, within

_LONGEST_WAY_NS: Final = 30 * 86_400 * 1_000_000_000
"""A report may have waited in a spool for so long."""


def place_of(ref: MessageRef) -> str:
    """Names one stored message, also across a recreated stream (rules A6)."""
    return f"{ref.stream}@{ref.stream_created}:{ref.seq}"


def receiving() -> str:
    """The span that a message is taken in by, as its case keeps it; empty outside of one."""
    span = here()
    return parent_of(span) if span is not None else ""


def tell_way(carried: Carried, received: Received) -> None:
    """Neither the SDK nor the gateway sends spans: what they say of themselves is told here."""
    if not carried.by or received.deliveries > 1:
        return
    span, ended_ns = carried.span, received.published_ns
    if not ended_ns - _LONGEST_WAY_NS <= span.began_ns <= ended_ns:
        span = replace(span, began_ns=ended_ns)  # by another clock than the server's
    seconds = (ended_ns - span.began_ns) / 1e9
    with within(span):
        emit("report.carried", by=carried.by, seconds=round(seconds, 6), ended_ns=ended_ns)


def tell_receipt(admitted: Filed | Outcome, received: Received) -> None:
    """Ends the span that the message was taken in by."""
    how = admitted.state.value if isinstance(admitted, Outcome) else "owned"
    emit(
        "report.admitted",
        how=how,
        subject=received.ref.subject,
        deliveries=received.deliveries,
    )
