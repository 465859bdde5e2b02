"""Publishing reports for ``mendwire report`` and saying what became of them."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterable

from mendwire.capture.outgoing import Outgoing, outgoing
from mendwire.cli.report_input import without_release
from mendwire.model.scrub import scrub_policy_from
from mendwire.model.trace import CAPTURE, headers_of, taking
from mendwire.settings.environment import Environment
from mendwire.wire.bus import Ack
from mendwire.wire.connection import connected
from mendwire.wire.jetstream import JetStreamBus

_DEFAULT_MAX_PAYLOAD = 1024 * 1024


async def send_all(
    reports: Iterable[tuple[bytes, str | None]], surroundings: Environment, *, as_json: bool
) -> int:
    """Publish each report to its environment's queue, one after the other; the exit code.

    Raises Unreachable, AccessRefused, WireError and Undecodable with their sentences.
    """
    policy = scrub_policy_from(surroundings.variables)
    async with connected(surroundings, name="mendwire-report") as link:
        bus = JetStreamBus(link.client, link.names, link.denials)
        limit = link.client.max_payload or _DEFAULT_MAX_PAYLOAD
        for payload, environment in reports:
            ready = outgoing(payload, link.names, environment, limit, policy)
            await _send(ready, len(payload), bus, as_json=as_json)
    return 0


async def _send(ready: Outgoing, size: int, bus: JetStreamBus, *, as_json: bool) -> None:
    ack = await bus.publish(
        ready.subject,
        ready.payload,
        msg_id=ready.msg_id,
        headers={
            "Mendwire-Issue": ready.issue,
            **headers_of(taking(CAPTURE, time.time_ns(), ready.report.trace_id)),
        },
    )
    _show(ready, ack, size, as_json=as_json)
    if warning := without_release(ready.report.release):
        print(warning, file=sys.stderr)


def _show(ready: Outgoing, ack: Ack, size: int, *, as_json: bool) -> None:
    if ready.is_trimmed:
        print(
            f"mendwire: the report of {size} bytes was trimmed to {len(ready.payload)}, which is "
            "what the server takes.",
            file=sys.stderr,
        )
    if as_json:
        answer = {
            "stream": ack.stream,
            "seq": ack.seq,
            "duplicate": ack.duplicate,
            "signature": ready.signature,
            "issue_key": ready.issue,
            "subject": ready.subject,
            "msg_id": ready.msg_id,
            "trimmed": ready.is_trimmed,
        }
        print(json.dumps(answer), flush=True)
        return
    if ack.duplicate:
        print(f"A repeat: {ack.stream} has had this error as message {ack.seq}; not stored again.")
    else:
        print(f"Stored in {ack.stream} as message {ack.seq}.")
    print(f"  signature  {ready.signature}")
    print(f"  issue key  {ready.issue}")
    if shutil.which("nats"):
        print(f"Look at it with: nats stream get {ack.stream} {ack.seq}", flush=True)
    else:
        print(f"When a worker has taken it: mendwire cases show {ready.issue[:8]}", flush=True)
