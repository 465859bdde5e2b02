"""An occurrence made ready to leave: written down, scrubbed, trimmed and keyed, each once.

Loaded by the sender's thread when there is something to send.
"""

from __future__ import annotations

from mendwire.capture.guard import Guard
from mendwire.capture.message_body import body_of_message
from mendwire.capture.occurrence import Taken
from mendwire.capture.outgoing import outgoing_calls
from mendwire.capture.segment import Spooled
from mendwire.capture.spans import FIELD
from mendwire.capture.written import body_of
from mendwire.model.names import Names
from mendwire.model.scrub import DEFAULT, ScrubPolicy
from mendwire.model.trace import CAPTURE, headers_of, taking

MAX_PAYLOAD = 1024 * 1024
"""Bytes; what a server takes unless it is told otherwise."""


def digested(
    taken: Taken,
    names: Names,
    environment: str | None,
    directory: str,
    guard: Guard,
    policy: ScrubPolicy | None = None,
) -> Spooled:
    """The message that is sent, or put on disk, for one occurrence."""
    write = body_of if taken.link.kind else body_of_message
    body = taken.body if taken.body is not None else write(taken, directory, guard)
    span_id = str(body.pop(FIELD, "")) if FIELD in taken.fixed else ""
    made = outgoing_calls(body, names, environment, MAX_PAYLOAD, policy or DEFAULT)
    return Spooled(
        kind="report",
        environment=environment,
        payload=made.payload,
        id=made.msg_id,
        signature=made.signature,
        issue=made.issue,
        namespace=names.namespace,
        trace=headers_of(taking(CAPTURE, int(taken.at * 1e9), made.report.trace_id, span_id)),
    )
