"""Where a screened-out report waits for a person: whole, with where it came from and why.

A flood of one kind is kept whole up to a number, then counted, so that it neither fills the stream
nor hides what else is held. A full stream refuses, and then nothing is settled (rules A7).
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from mendwire.docket.releases import Releases
from mendwire.errors import Undecodable
from mendwire.model.bodies import SNIPPET, Rejection
from mendwire.model.delivery import Received
from mendwire.model.names import ENVIRONMENT, Names
from mendwire.model.printable import printable
from mendwire.model.report import parse_report
from mendwire.model.screening import Screening
from mendwire.model.signature import canonical, issue_key
from mendwire.telemetry import emit
from mendwire.wire.burial import (
    ENCODING,
    KIND,
    ORIGIN,
    REASON,
    RULES,
    SCORE,
    SHA256,
    own_headers,
    place,
)
from mendwire.wire.bus import Bus

_PACKED_FROM: Final = 524_288
"""Bytes. A message as large as the server takes would not fit with our headers beside it, and the
server closes the connection over that; a report is text and always packs."""
_HEADER_LENGTH: Final = 500


async def quarantine(
    bus: Bus,
    names: Names,
    releases: Releases,
    received: Received,
    reason: str,
    screening: Screening | None,
) -> None:
    """Keep the message whole and say that it was rejected; both are stored when this returns.

    Of one kind, those after the first ``WHOLE`` are counted only. ``screening`` is None where the
    report broke the screen. Ids are made of the message alone, so that a second call after a crash
    half way stores nothing twice within the streams' duplicate window. Raises StreamFull,
    AccessRefused, Unreachable: then the message must not be settled (rules A7).
    """
    ref = received.ref
    kind = kind_of(received, reason, screening)
    if not await releases.admit(kind, place(ref)):
        emit("report.held_back_again", kind=kind, sha256=ref.sha256)
        return
    headers = _headers(received, reason, screening) | {KIND: kind}
    payload = received.payload
    if len(payload) >= _PACKED_FROM:
        payload = await asyncio.to_thread(gzip.compress, payload, mtime=0)
        headers[ENCODING] = "gzip"
    await bus.publish(
        names.quarantine(_environment(names, ref.subject)),
        payload,
        msg_id=f"quarantine-{place(ref)}",
        headers=headers,
    )
    rejection = Rejection(
        reason=printable(reason),
        message=printable(_snippet(received.payload), SNIPPET),
        timestamp=_moment(received.published_ns),
    )
    body = json.dumps(asdict(rejection), ensure_ascii=False).encode()
    await bus.publish(names.rejected(), body, msg_id=f"rejected-{place(ref)}")
    emit("report.quarantined", reason=rejection.reason, sha256=ref.sha256)


def kind_of(received: Received, reason: str, screening: Screening | None) -> str:
    """What makes two held messages one kind, 32 hex digits: queue, bug, and why it was held."""
    try:
        bug = issue_key(canonical(parse_report(received.payload)))
    except Undecodable:
        bug = hashlib.sha256(received.payload).hexdigest()
    why = reason if screening is None else _rules(screening)
    parts = f"{received.ref.subject}\0{bug}\0{why}".encode("utf-8", "surrogatepass")
    return hashlib.sha256(parts).hexdigest()[:32]


def _environment(names: Names, subject: str) -> str | None:
    """The environment whose stream it came from, None for the plain ``{ns}.errors``."""
    env = subject.removeprefix(f"{names.errors(None)}.")
    return env if env != subject and ENVIRONMENT.fullmatch(env) else None


def _headers(received: Received, reason: str, screening: Screening | None) -> dict[str, str]:
    ref = received.ref
    headers = own_headers(received.headers) | {
        f"{ORIGIN}Stream": ref.stream,
        f"{ORIGIN}Created": ref.stream_created,
        f"{ORIGIN}Seq": str(ref.seq),
        f"{ORIGIN}Subject": ref.subject,
        f"{ORIGIN}Msg-Id": ref.msg_id,
        REASON: reason,
        SHA256: hashlib.sha256(received.payload).hexdigest(),
        SCORE: "" if screening is None else f"{screening.score:.4f}",
        RULES: "" if screening is None else _rules(screening),
    }
    shown = {name: _header(text) for name, text in headers.items()}
    return {name: text for name, text in shown.items() if text}


def _rules(screening: Screening) -> str:
    return ",".join(dict.fromkeys(reason.rule for reason in screening.reasons))


def _header(text: str) -> str:
    """Headers are ASCII on the wire, and what a publisher claims may be anything."""
    return printable(text, _HEADER_LENGTH).encode("ascii", "backslashreplace").decode("ascii")


def _snippet(payload: bytes) -> str:
    """The report's own message where it has one: that is what a person looks for."""
    text = payload[:65_536].decode("utf-8", "replace")
    try:
        error = json.loads(payload).get("error")
    except (ValueError, AttributeError, RecursionError):
        return text
    return error if isinstance(error, str) and error else text


def _moment(published_ns: int) -> str:
    """The server's own time of the message: a repeat after a crash says the same (rules A10)."""
    return datetime.fromtimestamp(published_ns / 1e9, tz=UTC).isoformat()
