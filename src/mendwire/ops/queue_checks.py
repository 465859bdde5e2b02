"""What a check-up asks of the work: consumers, workers, stuck and old messages, the docket."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from mendwire.docket.cases import Docket
from mendwire.docket.roster import SPECIALIST, Sighting, presences
from mendwire.docket.switch import Switch
from mendwire.errors import Damaged, Undecodable
from mendwire.model.codec import decode_case
from mendwire.model.names import CONSUMER
from mendwire.ops.findings import Found, bad, ok, warn
from mendwire.ops.server_checks import server_now_ns
from mendwire.ops.shelf import Shelf
from mendwire.wire.infos import ConsumerInfo, StreamInfo, consumer_info

_OLD: Final = 0.8
"""Part of a stream's age after which its oldest message is in danger."""
_SLOW_S: Final = 3600.0
"""An hour in the queue with workers at hand is worth a look."""


async def consumers(shelf: Shelf) -> list[Found]:
    """The durable consumer of each error stream: there, not paused, asked by somebody."""
    found: list[Found] = []
    for stream, consumer in await queues(shelf):
        if consumer is None:
            said = f"{stream.name} has no consumer {CONSUMER}: nothing is handed out."
            found += bad(said, "mendwire streams apply")
        elif consumer.paused_until:
            said = f"{stream.name} > {consumer.name} is paused until {consumer.paused_until[:19]}."
            found += warn(said, f"mendwire consumers resume {stream.name}")
        elif consumer.pending and not consumer.waiting and not consumer.ack_pending:
            said = f"{consumer.pending:,} messages wait in {stream.name}, and nobody asks for them."
            found += warn(said, "mendwire work")
    return found or ok(f"Each error stream has its {CONSUMER}, none is paused.")


async def stuck(shelf: Shelf) -> list[Found]:
    """Messages that no consumer counts any more: out of deliveries, and still stored."""
    found: list[Found] = []
    for stream, consumer in await queues(shelf):
        lost = stuck_in(stream, consumer)
        if lost:
            said = f"{lost:,} messages of {stream.name} ran out of deliveries and are stuck."
            remedy = f"mendwire work takes care of them; or mendwire consumers reset {stream.name}"
            found += bad(said, remedy)
    return found or ok("No message is stuck.")


def stuck_in(stream: StreamInfo, consumer: ConsumerInfo | None) -> int:
    """Stored, but neither to be handed out nor handed out."""
    if consumer is None:
        return 0
    return max(0, stream.messages - consumer.pending - consumer.ack_pending)


async def redeliveries(shelf: Shelf) -> list[Found]:
    """Messages that come back again and again."""
    found: list[Found] = []
    for stream, consumer in await queues(shelf):
        if consumer is not None and consumer.redelivered:
            said = (
                f"{consumer.redelivered:,} messages of {stream.name} were handed out more than "
                "once and are not done: a worker dies over them, or works longer than it says."
            )
            found += warn(said, f"mendwire consumers info {stream.name}, then mendwire cases list")
    return found or ok("Nothing is handed out over and over.")


async def oldest(shelf: Shelf) -> list[Found]:
    """How long the oldest report waits, against the age at which its stream drops it."""
    now = await server_now_ns(shelf)
    found: list[Found] = []
    eldest = 0.0
    for stream, _ in await queues(shelf):
        age_s = (now - stream.first_ns) / 1e9 if stream.first_ns else 0.0
        eldest = max(eldest, age_s)
        if stream.max_age_ns and age_s > _OLD * stream.max_age_ns / 1e9:
            said = f"The oldest of {stream.name} waits for {age_s / 86400:.1f} days: it is dropped "
            found += bad(f"{said}at {stream.max_age_ns / 86400e9:.0f}.", "mendwire work")
        elif age_s > _SLOW_S:
            said = f"The oldest of {stream.name} waits for {age_s / 3600:.1f} hours."
            found += warn(said, "mendwire status")
    return found or ok(f"The oldest report waits for {eldest / 60:.0f} minutes.")


async def workers(shelf: Shelf, heartbeat_s: float) -> list[Found]:
    """Whether anybody works, and whether somebody stopped everything."""
    bucket = shelf.bus.bucket(shelf.bus.names.bucket("DOCKET"))
    halt = await Switch(bucket=bucket).thrown()
    if halt is not None:
        why = f": {halt.note}" if halt.note else ""
        return warn(f"{halt.by} stopped everything at {halt.at}{why}.", "mendwire resume")
    now = await server_now_ns(shelf)
    seen = await presences(bucket)
    living = [one for one in seen if one.is_alive(now, heartbeat_s)]
    if living:
        return ok(f"{len(living)} at work: {', '.join(one.presence.worker for one in living[:5])}.")
    silent = f" {len(seen)} fell silent." if seen else ""
    return warn(f"No worker is alive, so errors wait.{silent}", "mendwire work")


async def specialists(
    shelf: Shelf, heartbeat_s: float, remote: Sequence[str], otherwise: str
) -> list[Found]:
    """Whether each role that is sent away is played by somebody."""
    now = await server_now_ns(shelf)
    there = [one.presence for one in await sightings(shelf) if one.is_alive(now, heartbeat_s)]
    found: list[Found] = []
    for role in remote:
        if any(role in one.roles for one in there):
            continue
        then = "the worker plays it" if otherwise == "here" else "its cases wait"
        said = f"Nobody elsewhere plays {role}, so {then}."
        found += warn(said, f"mendwire specialist --role {role}")
    if not there:
        return found or ok("No role is sent elsewhere.")
    named = "; ".join(f"{one.name} on {one.host}: {', '.join(one.roles)}" for one in there[:5])
    return found or ok(f"{len(there)} at work: {named}.")


async def sightings(shelf: Shelf) -> list[Sighting]:
    """Every specialist's record, the silent ones too; none where there is no queue of tasks."""
    name = shelf.bus.names.bucket("TASK_STATES")
    if await shelf.bus.stream(f"KV_{name}") is None:
        return []
    return await presences(shelf.bus.bucket(name), SPECIALIST)


async def docket(shelf: Shelf, day_usd: float, day_tokens: int = 0) -> list[Found]:
    """The docket: begun, readable, and money left for today."""
    bucket = shelf.bus.bucket(shelf.bus.names.bucket("DOCKET"))
    books = Docket(bucket, "doctor")
    found: list[Found] = []
    if not await books.begun():
        results = await shelf.bus.stream(shelf.bus.names.stream("RESULTS"))
        if results and results["state"]["messages"]:
            found += bad(
                "The docket is empty, yet results exist: it was lost.", "mendwire cases rebuild"
            )
    count = 0
    async for entry in bucket.scan("case"):
        count += 1
        try:
            decode_case(entry.value)
        except (Damaged, Undecodable) as problem:
            issue = entry.key.removeprefix("case.")
            said = f"The entry of case {issue} cannot be read ({problem}): it stands still."
            found += bad(said, f"nats kv get {shelf.bus.names.bucket('DOCKET')} {entry.key} --raw")
    spent = await books.spent(f"{datetime.now(UTC):%Y%m%d}")
    if day_usd and spent >= day_usd:
        said = f"Today's {day_usd:.2f} USD are spent ({spent:.2f}): cases wait for tomorrow."
        found += warn(said, "raise [limits] day_usd in mendwire.toml")
    used = await books.used(f"{datetime.now(UTC):%Y%m%d}")
    if day_tokens and used >= day_tokens:
        said = f"Today's {day_tokens:,} tokens are used ({used:,}): cases wait for tomorrow."
        found += warn(said, "raise [limits] day_tokens in mendwire.toml")
    return found or ok(
        f"{count} cases, all readable; {spent:.2f} of {day_usd:.2f} USD spent today."
    )


async def kept(shelf: Shelf) -> list[Found]:
    """Dead letters and held reports that wait for a person."""
    found: list[Found] = []
    for kind, verb in (("DEAD", "dead"), ("QUARANTINE", "quarantine")):
        info = await shelf.bus.stream(shelf.bus.names.stream(kind))
        pattern = f"{shelf.bus.names.namespace}.{verb}.{'>' if kind == 'DEAD' else '*'}"
        if info is None or not info["state"]["messages"]:
            continue
        counts = await shelf.subjects(await shelf.find(kind), pattern)
        if waiting := sum(counts.values()):
            said = f"{waiting:,} messages wait for a person in {shelf.bus.names.stream(kind)}."
            found += warn(said, f"mendwire {verb} list")
    return found or ok("No dead letter and no held report waits for a person.")


async def queues(shelf: Shelf) -> list[tuple[StreamInfo, ConsumerInfo | None]]:
    """The error streams and their consumer, where it is there."""
    names = shelf.bus.names
    wanted = {names.error_stream(env) for env in (None, *shelf.environments)}
    found: list[tuple[StreamInfo, ConsumerInfo | None]] = []
    for stream in await shelf.streams():
        if stream.name in wanted:
            raw = await shelf.bus.consumer(stream.name)
            found.append((stream, consumer_info(raw) if raw else None))
    return found
