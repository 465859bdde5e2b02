"""Named events. Logs, metrics and traces subscribe to them; nothing else is printed by a room.

``EVENTS`` is the contract: every event's name and what its fields mean. A test holds the code and
the documentation against it. Beside an event's fields a subscriber can ask ``here()`` for the span
of a trace that it happened in.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

EVENTS: Final[dict[str, str]] = {
    "process.told": "text: what a person should know, as JSON where --log json asks for it",
    "server.started": "url, version, pid, adopted: an embedded nats-server answers",
    "server.stopped": "pid",
    "connection.lost": "url: the client reconnects by itself",
    "connection.restored": "url",
    "connection.refused": "subject, error: the server denied a permission",
    "stream.changed": "stream, action, fields: a plan was applied",
    "worker.started": "worker, environments, concurrency",
    "worker.paused": "reason: no new message is pulled",
    "worker.resumed": "",
    "worker.halted": "by, note: somebody stopped everything",
    "worker.draining": "worker, held",
    "worker.stopped": "worker",
    "worker.lost": "worker: another worker was found dead, its cases are taken over",
    "message.received": "subject, stream, seq, deliveries",
    "message.settled": "stream, seq, how: acked | dead | later | held",
    "message.dead": "stream, seq, reason",
    "message.redriven": "stream, seq, generation",
    "report.carried": "by, seconds, ended_ns: capture or the gateway took it; then the server "
    "stored it",
    "report.screened": "verdict, score, reasons, signature, seconds",
    "report.admitted": "how, subject, deliveries: what became of a message",
    "report.quarantined": "reason, sha256",
    "report.held_back_again": "kind, sha256: counted, for enough of its kind are kept whole",
    "report.released": "sha256, by: a person let it through the screen",
    "error.counted": "issue, environment, service, count: errors came, repeats included; of "
    "repeats only the issue is known",
    "case.opened": "case, issue, title, environment, restricted",
    "case.joined": "case, issue, occurrences, trace: the span of the case, as a traceparent",
    "case.skipped": "case, issue, reason, trace: the same",
    "case.taken_over": "case, token, from_worker",
    "case.moved": "case, from_state, to_state, token",
    "case.parked": "case, reason, until",
    "case.noticed": "case, count, until: an observed error came so often within an hour that its "
    "case is investigated now",
    "case.shares": "case, fix, trace: the open fix of another case mends it, too, and stands for "
    "both; trace: the other's",
    "case.regressed": "case, release, trace: a fixed issue came back in a release that has its "
    "fix; its trace until then",
    "case.closed": "case, title, environment, verdict, reason, cost_usd, branch, commit",
    "step.started": "case, step, agent, attempt",
    "step.finished": "case, step, agent, summary, cost_usd, tokens, seconds",
    "step.failed": "case, step, agent, error, kind: attempt | outage | budget | cancelled",
    "agent.said": "case, role, kind, text: one line of what an agent does",
    "specialist.began": "case, role, task: a letter is worked on in this process",
    "specialist.ended": "case, role, task, how: answer | failed | outage | over_budget | unable, "
    "why, cost_usd, tokens",
    "agent.used": "case, role, input, output, cached, model: of one run, as its program says",
    "agent.ran": "case, role, agent, turns, cost_usd, tokens, how: answer | failed | outage | "
    "over_budget | unable",
    "money.spent": "case, usd: a run's cost, a failed one's too",
    "proof.ran": "case, what, passed, seconds",
    "delivery.made": "case, branch, commit, patch, remote, request",
    "evidence.failed": "case, error: the verdict stands, its evidence could not be kept",
    "forge.failed": "case, error: a request could not be asked after or told",
    "forge.heard": "case, remarks, held: people with write permission asked for something else "
    "on a request; another round begins, without what the screen held",
    "rework.failed": "case, reason: such a round came to nothing; what was delivered stands",
    "case.forgotten": "case: its texts were kept for as long as they may be",
    "result.published": "case, subject, seq",
    "capture.dropped": "count, reason",
    "gateway.started": "url, keys, pid",
    "gateway.stopped": "stored, repeated, spooled, waiting: bytes that stay on disk",
    "gateway.connected": "url: the server that the gateway publishes to",
    "gateway.away": "reason: reports go to the spool",
    "gateway.drained": "count, folder: spooled messages that were settled",
    "gateway.refused": "reason, count: of the last ten seconds",
    "gateway.dropped": "count, reason",
    "dashboard.started": "url, pid",
    "dashboard.stopped": "",
    "dashboard.entered": "peer, role: somebody logged in",
    "dashboard.refused": "peer, reason: a login was refused",
    "metrics.started": "url: figures are served there",
    "metrics.waiting": "reason: another process serves them, or the address cannot be had",
    "traces.started": "url: spans are sent there",
    "traces.lost": "count, reason: spans that could not be sent; nothing waits for them",
    "alerts.leading": "holder: this process tells of what is wrong",
    "alerts.following": "",
    "alert.sent": "alert, rule, destinations",
    "alert.failed": "alert, rule, reason, again_s: it is tried again after so many seconds",
    "alert.held_back": "count: beyond the cap, told of as a number",
    "heartbeat.failed": "reason: the dead-man's switch was not reached",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Here:
    """The span that what happens here belongs to, by W3C's Trace Context."""

    trace_id: str
    """32 hex digits."""
    span_id: str
    """16 hex digits."""
    parent_id: str = ""
    """The span it is a part of; empty for the first of a trace."""
    began_ns: int = 0
    """Nanoseconds since the epoch; 0 where somebody else began it."""


Subscriber = Callable[[str, dict[str, object]], None]

_subscribers: list[Subscriber] = []
_here: ContextVar[Here | None] = ContextVar("mendwire_here", default=None)


def here() -> Here | None:
    """The span that this is in; None outside of every trace."""
    return _here.get()


@contextmanager
def within(span: Here | None) -> Iterator[None]:
    """Whatever is done in the block, tasks that it starts included, belongs to ``span``."""
    token = _here.set(span)
    try:
        yield
    finally:
        _here.reset(token)


@contextmanager
def part() -> Iterator[None]:
    """A span of its own, inside of the one that this is in, if it is in one."""
    outer = _here.get()
    inner = outer and Here(
        trace_id=outer.trace_id,
        span_id=os.urandom(8).hex(),
        parent_id=outer.span_id,
        began_ns=time.time_ns(),
    )
    with within(inner):
        yield


def emit(event: str, /, **fields: object) -> None:
    """Tell every subscriber of ``event``; an unknown name raises KeyError, so tests catch it."""
    if event not in EVENTS:
        raise KeyError(event)
    for subscriber in tuple(_subscribers):
        subscriber(event, fields)


@contextmanager
def subscribed(subscriber: Subscriber) -> Iterator[None]:
    """Call ``subscriber(event, fields)`` for every event while the block runs."""
    _subscribers.append(subscriber)
    try:
        yield
    finally:
        _subscribers.remove(subscriber)
