"""Where a screened-out report waits for a person: whole, with where it came from and why."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from mendwire.model.bodies import SNIPPET, Rejection
from mendwire.model.delivery import MessageRef, Received
from mendwire.model.names import ENVIRONMENT, Names
from mendwire.model.printable import printable
from mendwire.model.screening import Screening
from mendwire.telemetry import emit
from mendwire.wire.bus import Bus

_HEADER_LENGTH: Final = 500


async def quarantine(
    bus: Bus,
    names: Names,
    received: Received,
    reason: str,
    screening: Screening | None,
) -> None:
    """Keep the message whole and say that it was rejected; both are stored when this returns.

    ``screening`` is None where the report broke the screen. Ids are made of the message alone, so
    that a second call after a crash half way stores nothing twice within the streams' duplicate
    window. Raises StreamFull, AccessRefused, Unreachable: then the
    message must not be settled (rules A7).
    """
    ref = received.ref
    await bus.publish(
        names.quarantine(_environment(names, ref.subject)),
        received.payload,
        msg_id=f"quarantine-{_origin(ref)}",
        headers=_headers(received, reason, screening),
    )
    rejection = Rejection(
        reason=printable(reason),
        message=printable(_snippet(received.payload), SNIPPET),
        timestamp=_moment(received.published_ns),
    )
    body = json.dumps(asdict(rejection), ensure_ascii=False).encode()
    await bus.publish(names.rejected(), body, msg_id=f"rejected-{_origin(ref)}")
    emit("report.quarantined", reason=rejection.reason, sha256=ref.sha256)


def _environment(names: Names, subject: str) -> str | None:
    """The environment whose stream it came from, None for the plain ``{ns}.errors``."""
    env = subject.removeprefix(f"{names.errors(None)}.")
    return env if env != subject and ENVIRONMENT.fullmatch(env) else None


def _origin(ref: MessageRef) -> str:
    """The message among all streams there ever were (rules A6)."""
    return f"{ref.stream}-{ref.stream_created}-{ref.seq}"


def _headers(received: Received, reason: str, screening: Screening | None) -> dict[str, str]:
    ref = received.ref
    headers = {
        "Mendwire-Origin-Subject": ref.subject,
        "Mendwire-Origin-Stream": ref.stream,
        "Mendwire-Origin-Stream-Created": ref.stream_created,
        "Mendwire-Origin-Seq": str(ref.seq),
        "Mendwire-Origin-Msg-Id": ref.msg_id,
        "Mendwire-Reason": reason,
        "Mendwire-Sha256": hashlib.sha256(received.payload).hexdigest(),
        "Mendwire-Score": "" if screening is None else f"{screening.score:.4f}",
        "Mendwire-Rules": "" if screening is None else _rules(screening),
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
