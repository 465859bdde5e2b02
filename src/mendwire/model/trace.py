"""Which trace an error belongs to, from the program it happened in to its fix (decision 0025).

W3C's Trace Context: a trace has 32 hex digits, a span of it 16. On a message ``traceparent`` names
both, and our member of ``tracestate`` says of the span who it is, since neither the SDK nor the
gateway sends spans: the worker that takes the message writes that span for them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final

from mendwire.telemetry import Here

PARENT: Final = "traceparent"
STATE: Final = "tracestate"
CAPTURE: Final = "capture"
GATEWAY: Final = "gateway"
_PARENT: Final = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_STATE: Final = re.compile(
    rf"mendwire=({CAPTURE}|{GATEWAY}):([0-9a-f]{{16}}|-):([0-9]{{1,19}})(?:,|$)"
)
_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_NO_TRACE: Final = "0" * 32
_NO_SPAN: Final = "0" * 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Carried:
    """How a report came to the server."""

    span: Here
    by: str = ""
    """``capture`` or ``gateway``, whose span it is; empty: somebody else's, who sends it."""


def is_trace_id(text: str) -> bool:
    """Whether it may be one."""
    return _TRACE.fullmatch(text) is not None and text != _NO_TRACE


def is_span_id(text: str) -> bool:
    """Whether it may be one."""
    return _SPAN.fullmatch(text) is not None and text != _NO_SPAN


def taking(by: str, began_ns: int, trace_id: str = "", parent_id: str = "") -> Carried:
    """A report that is taken now: in the trace of its program, else in one of its own."""
    known = is_trace_id(trace_id)
    span = Here(
        trace_id=trace_id if known else os.urandom(16).hex(),
        span_id=os.urandom(8).hex(),
        parent_id=parent_id if known and is_span_id(parent_id) else "",
        began_ns=began_ns,
    )
    return Carried(span=span, by=by)


def headers_of(carried: Carried) -> dict[str, str]:
    """As a message carries it. Always marked as sampled: whoever writes spans decides anew."""
    span = carried.span
    return {
        PARENT: parent_of(span),
        STATE: f"mendwire={carried.by}:{span.parent_id or '-'}:{span.began_ns}",
    }


def known(headers: object) -> dict[str, str]:
    """What ``headers_of`` wrote, read again from a file; nothing of what anybody else wrote."""
    if not isinstance(headers, dict):
        return {}
    parent, state = headers.get(PARENT), headers.get(STATE)
    if not (isinstance(parent, str) and isinstance(state, str)):
        return {}
    is_ours = span_of(parent) is not None and _STATE.fullmatch(state) is not None
    return {PARENT: parent, STATE: state} if is_ours else {}


def parent_of(span: Here) -> str:
    """``00-…-…-01``: what makes something a part of ``span`` elsewhere."""
    return f"00-{span.trace_id}-{span.span_id}-01"


def span_of(text: str) -> Here | None:
    """What ``parent_of`` wrote, or anybody; None for what is no traceparent."""
    found = _PARENT.match(text)
    if found is None or found[1] == _NO_TRACE or found[2] == _NO_SPAN:
        return None
    return Here(trace_id=found[1], span_id=found[2])


def carried_by(headers: Mapping[str, str], trace_id: str, place: str) -> Carried:
    """How a message came, by its headers, else by its report's own ``trace_id``.

    Without either its trace is made of its ``place``, so that whoever reads it finds the same.
    """
    span = span_of(headers.get(PARENT, ""))
    if span is None:
        known = trace_id.lower().replace("-", "")
        return Carried(
            span=Here(trace_id=known if is_trace_id(known) else _made(place, 32), span_id="")
        )
    state = _STATE.search(headers.get(STATE, ""))
    if state is None:
        return Carried(span=span)
    parent = state[2] if is_span_id(state[2]) else ""
    return Carried(span=replace(span, parent_id=parent, began_ns=int(state[3])), by=state[1])


def receipt_of(carried: Carried, place: str, deliveries: int, began_ns: int) -> Here:
    """The span in which a worker takes in the message at ``place``."""
    return Here(
        trace_id=carried.span.trace_id,
        span_id=_made(f"{place}:{deliveries}", 16),
        parent_id=carried.span.span_id,
        began_ns=began_ns,
    )


def span_named(trace: str, name: str, fallback: str, began_ns: int) -> Here:
    """A part of the span that the traceparent ``trace`` names, the same for whoever asks.

    Where there is no such span, in a trace that is made of ``fallback``.
    """
    outer = span_of(trace)
    return Here(
        trace_id=outer.trace_id if outer else _made(fallback, 32),
        span_id=_made(name, 16),
        parent_id=outer.span_id if outer else "",
        began_ns=began_ns,
    )


def _made(text: str, digits: int) -> str:
    return sha256(b"mendwire trace " + text.encode("utf-8", "replace")).hexdigest()[:digits]
