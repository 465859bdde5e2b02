"""What `mendwire status` knows, as figures with names and few labels: read anew each time.

Streams and consumers are called as NATS' own exporter calls them, so that dashboards for it fit.
No label holds an issue, an id, or a word of a stranger's: the number of series has an end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from mendwire.model.case import CaseState, Verdict
from mendwire.model.names import CONSUMER
from mendwire.model.standing import Rate
from mendwire.ops.pulse import CaseBook, Pulse
from mendwire.ops.shelf import Shelf
from mendwire.wire.infos import ConsumerInfo, StreamInfo
from mendwire.wire.topology import MOVER

OTHERS: Final = "(others)"
"""Stands for every name that is not ours to list."""
_KNOWN: Final = frozenset({CONSUMER, MOVER})


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """One family of figures as they are at this moment."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Mapping[tuple[str, ...], float]
    """A value for each tuple of the labels' values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Everything that is read of a server in one go."""

    pulse: Pulse
    streams: Sequence[StreamInfo]
    consumers: Sequence[ConsumerInfo]
    verdicts: Mapping[str, int]
    """Cases by verdict."""
    environments: Sequence[str]
    """The configured ones."""


async def standing(shelf: Shelf, book: CaseBook, pulse: Pulse) -> Standing:
    """What the pulse leaves out, read after it."""
    streams = await shelf.streams(buckets=True)
    consumers: list[ConsumerInfo] = []
    for stream in streams:
        if stream.consumers and not stream.name.startswith("KV_"):
            consumers += await shelf.consumers(stream)
    return Standing(
        pulse=pulse,
        streams=streams,
        consumers=consumers,
        verdicts=book.verdicts,
        environments=shelf.environments,
    )


def readings(found: Standing, tasks: int) -> Iterator[Reading]:
    """Every family; ``tasks`` are those that wait for somebody."""
    yield from _streams(found.streams)
    yield from _consumers(found.consumers)
    yield from _queues(found.pulse)
    yield from _work(found, tasks)


def _streams(streams: Sequence[StreamInfo]) -> Iterator[Reading]:
    for name, help_, values in (
        ("total_messages", "Messages that a stream holds.", [s.messages for s in streams]),
        ("total_bytes", "Bytes that a stream holds.", [s.bytes for s in streams]),
        ("limit_bytes", "Bytes that a stream may hold; -1 is no limit.", _limits(streams)),
    ):
        yield Reading(
            name=f"jetstream_stream_{name}",
            help=help_,
            labels=("stream_name",),
            samples={(s.name,): float(v) for s, v in zip(streams, values, strict=True)},
        )


def _limits(streams: Sequence[StreamInfo]) -> list[int]:
    return [stream.max_bytes for stream in streams]


def _consumers(consumers: Sequence[ConsumerInfo]) -> Iterator[Reading]:
    """Tasks have a consumer for each lane, and others may make theirs: those are one sum."""
    for name, help_, values in (
        ("num_pending", "Messages not handed out yet.", [c.pending for c in consumers]),
        (
            "num_ack_pending",
            "Messages handed out and not acknowledged.",
            [c.ack_pending for c in consumers],
        ),
        (
            "num_redelivered",
            "Of these, those handed out more than once.",
            [c.redelivered for c in consumers],
        ),
        ("num_waiting", "Requests that wait for messages.", [c.waiting for c in consumers]),
    ):
        sums: Counter[tuple[str, ...]] = Counter()
        for consumer, value in zip(consumers, values, strict=True):
            shown = consumer.name if consumer.name in _KNOWN else OTHERS
            sums[consumer.stream, shown] += value
        yield Reading(
            name=f"jetstream_consumer_{name}",
            help=help_,
            labels=("stream_name", "consumer_name"),
            samples={key: float(value) for key, value in sums.items()},
        )


def _queues(found: Pulse) -> Iterator[Reading]:
    label = ("stream_name",)
    yield Reading(
        name="mendwire_stuck_messages",
        help="Error reports that ran out of deliveries and are still stored.",
        labels=label,
        samples={(queue.stream,): float(queue.stuck) for queue in found.queues},
    )
    yield Reading(
        name="mendwire_oldest_message_age_seconds",
        help="How long the oldest error report waits; 0 where none does.",
        labels=label,
        samples={(queue.stream,): round(queue.oldest_s, 3) for queue in found.queues},
    )
    yield _one("mendwire_dead_letters", "Messages that could not be handled.", found.dead)
    yield _one("mendwire_quarantined_reports", "Reports held for a person.", found.quarantine)


def _work(found: Standing, tasks: int) -> Iterator[Reading]:
    pulse = found.pulse
    yield _all("mendwire_cases", "Cases by state.", "state", CaseState, pulse.cases)
    yield _all("mendwire_verdicts", "Cases by verdict.", "verdict", Verdict, found.verdicts)
    yield _one("mendwire_workers_alive", "Workers heard of lately.", len(pulse.workers))
    held = sum(worker.cases for worker in pulse.workers)
    yield _one("mendwire_cases_held", "Cases that living workers hold.", held)
    yield _one("mendwire_halted", "1 while somebody has stopped everything.", bool(pulse.halt))
    yield _one("mendwire_tasks_waiting", "Tasks without a result.", tasks)
    yield _one("mendwire_spent_today_usd", "US dollars spent this UTC day.", pulse.spent_usd)
    yield _one("mendwire_spend_limit_usd", "US dollars that a UTC day may cost.", pulse.day_usd)
    yield _one("mendwire_tokens_today", "Tokens that agents used this UTC day.", pulse.used_tokens)
    yield _one("mendwire_token_limit", "Tokens of a UTC day; 0: no limit.", pulse.day_tokens)
    yield Reading(
        name="mendwire_occurrences_hour",
        help="Errors of the last 60 to 70 minutes, repeats included.",
        labels=("environment",),
        samples=_by_environment(pulse.rates, found.environments),
    )
    if pulse.uptime_s is not None:
        yield _one("mendwire_server_uptime_seconds", "How long the server runs.", pulse.uptime_s)


def _by_environment(
    rates: Sequence[Rate], environments: Sequence[str]
) -> dict[tuple[str, ...], float]:
    sums = dict.fromkeys(environments, 0.0)
    for rate in rates:
        name = rate.environment if rate.environment in environments else OTHERS
        sums[name] = sums.get(name, 0.0) + rate.last_hour
    return {(name,): value for name, value in sums.items()}


def _one(name: str, help_: str, value: float) -> Reading:
    return Reading(name=name, help=help_, labels=(), samples={(): float(value)})


def _all(
    name: str, help_: str, label: str, known: Iterable[str], counts: Mapping[str, int]
) -> Reading:
    """One series for each that can be, so that a rule sees 0 rather than nothing."""
    samples: dict[tuple[str, ...], float] = {
        (str(one),): float(counts.get(str(one), 0)) for one in known
    }
    return Reading(name=name, help=help_, labels=(label,), samples=samples)


def up(*, is_up: bool) -> Reading:
    """Whether the NATS server answered."""
    return _one("mendwire_nats_up", "1 while the NATS server answers.", is_up)
