"""What an operator looks at and does: ours alone, by exact name and mark."""

from __future__ import annotations

import json
import time

import pytest
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy

from mendwire.docket.audit import KEPT, Audit
from mendwire.errors import ConfigError
from mendwire.model.names import Names
from mendwire.ops.hand import Hand, Portion
from mendwire.ops.shelf import Shelf
from mendwire.ops.streams import applied
from mendwire.wire.jetstream import JetStreamBus

ENVIRONMENTS = ("staging", "production")
STREAM = "AI_TUTOR_STAGING_ERRORS"
SUBJECT = "ai_tutor.errors.staging"


@pytest.fixture
def shelf(bus: JetStreamBus) -> Shelf:
    return Shelf(bus=bus, environments=ENVIRONMENTS)


def hand_of(shelf: Shelf) -> Hand:
    bucket = shelf.bus.bucket(shelf.bus.names.bucket("DOCKET"))
    return Hand(shelf=shelf, audit=Audit(bucket=bucket, by="ann@desk"))


async def publish(bus: JetStreamBus, count: int, subject: str = SUBJECT) -> None:
    for number in range(count):
        await bus.publish(subject, json.dumps({"error": f"E{number}"}).encode())


async def test_only_the_namespaces_own_streams_are_seen_and_found(
    shelf: Shelf, link: Client
) -> None:
    jetstream = link.jetstream()
    await jetstream.add_stream(name="AI_TUTOR_2_TASKS", subjects=["ai_tutor_2.tasks.>"])
    await jetstream.add_stream(name="AI_TUTOR_NOTES", subjects=["notes.>"])
    names = [stream.name for stream in await shelf.streams()]
    assert STREAM in names
    assert not {"AI_TUTOR_2_TASKS", "AI_TUTOR_NOTES", "KV_AI_TUTOR_DOCKET"} & set(names)
    assert "KV_AI_TUTOR_DOCKET" in [one.name for one in await shelf.streams(buckets=True)]
    for wanted in (STREAM, "staging_errors", "Staging_Errors"):
        assert (await shelf.find(wanted)).name == STREAM
    assert (await shelf.find("docket")).name == "KV_AI_TUTOR_DOCKET"
    for wanted in ("AI_TUTOR_2_TASKS", "NOTES", "x.>", "*", "", "no such"):
        with pytest.raises(ConfigError, match="mendwire streams ls"):
            await shelf.find(wanted)


async def test_messages_are_found_by_number_age_and_subject(
    shelf: Shelf, bus: JetStreamBus
) -> None:
    await publish(bus, 5)
    between = time.time_ns()
    await publish(bus, 3)
    stream = await shelf.find(STREAM)

    async def seen(first: int, size: int, since_ns: int, subject: str) -> list[int]:
        view = shelf.view(stream, first=first, size=size, since_ns=since_ns, subject=subject)
        return [received.ref.seq async for received in view]

    assert await seen(1, 100, between, "") == [6, 7, 8]
    assert await seen(2, 2, 0, SUBJECT) == [2, 3]
    assert await seen(1, 9, 0, "x") == []
    assert (await shelf.get(stream, 0, SUBJECT)).ref.seq == 8
    for seq, subject in ((99, ""), (0, "x")):
        with pytest.raises(ConfigError, match="has no message"):
            await shelf.get(stream, seq, subject)
    assert await shelf.subjects(stream) == {SUBJECT: 8}


async def test_a_purge_takes_what_was_asked_for(shelf: Shelf, bus: JetStreamBus) -> None:
    hand = hand_of(shelf)
    await publish(bus, 6)
    stream = await shelf.find(STREAM)
    assert await hand.purge(stream, Portion(below=3)) == 2
    assert await hand.purge(stream, Portion(keep=3)) == 1
    assert await hand.purge(stream, Portion(subject="nothing.here")) == 0
    with pytest.raises(ConfigError, match="either --seq or --keep"):
        await hand.purge(stream, Portion(below=3, keep=3))
    await hand.remove(stream, 5)
    with pytest.raises(ConfigError, match="no message 5"):
        await hand.remove(stream, 5)
    assert await hand.purge(stream, Portion()) == 2
    deeds = await hand.audit.deeds()
    assert [deed.what for deed in deeds].count("streams purge") == 4
    assert {deed.by for deed in deeds} == {"ann@desk"}


async def test_a_message_out_of_deliveries_is_handed_out_again_after_a_reset(
    shelf: Shelf, bus: JetStreamBus, link: Client
) -> None:
    await publish(bus, 1)
    pull = await link.jetstream().pull_subscribe_bind("claude-error-fixer", STREAM)
    for _ in range(3):
        (message,) = await pull.fetch(1, timeout=5)
        await message.nak()
    stream = await shelf.find(STREAM)
    stuck = await shelf.consumer(stream, "claude-error-fixer")
    assert (stuck.pending, stream.messages) == (0, 1)
    hand = hand_of(shelf)
    await hand.reset(stream, stuck, 0)
    (message,) = await pull.fetch(1, timeout=5)
    assert message.metadata.num_delivered == 1
    await hand.pause(stream, stuck, "2099-01-01T00:00:00Z")
    assert (await shelf.consumer(stream, stuck.name)).paused_until.startswith("2099")
    await hand.pause(stream, stuck, "")
    assert not (await shelf.consumer(stream, stuck.name)).paused_until


async def test_what_others_made_is_left_until_it_is_adopted(
    empty_bus: JetStreamBus, link: Client
) -> None:
    """The seed's own consumer and stream, made by hand before we came."""
    jetstream = link.jetstream()
    await jetstream.add_stream(
        name=STREAM, subjects=[SUBJECT], retention=RetentionPolicy.WORK_QUEUE
    )
    await jetstream.add_consumer(
        STREAM, ConsumerConfig(durable_name="old", ack_policy=AckPolicy.EXPLICIT)
    )
    await publish(empty_bus, 1)
    shelf = Shelf(bus=empty_bus, environments=ENVIRONMENTS)
    left = (await applied(empty_bus, ENVIRONMENTS)).left
    assert [item.name for item in left.obstacles] == [f"{STREAM} > old"]
    hand = hand_of(shelf)
    with pytest.raises(ConfigError, match="mendwire streams adopt"):
        await hand.purge(await shelf.find(STREAM), Portion())
    obstacles = await hand.obstacles()
    assert all(obstacle.remedy for obstacle in obstacles)
    done = await hand.adopt(obstacles)
    assert not done.left.obstacles
    stream = await shelf.find(STREAM)
    assert shelf.owns(stream)
    assert stream.messages == 1
    assert [one.name for one in await shelf.consumers(stream)] == ["claude-error-fixer"]
    assert await hand.obstacles() == []
    assert {deed.what for deed in await hand.audit.deeds()} == {"streams adopt"}


async def test_the_audit_log_is_bounded(bus: JetStreamBus, names: Names) -> None:
    bucket = bus.bucket(names.bucket("DOCKET"))
    for number in range(KEPT + 50):
        await bus.tell(f"$KV.{names.bucket('DOCKET')}.audit.{number:019d}.x", b"{}")
    audit = Audit(bucket=bucket, by="ann@desk")
    await audit.note("streams purge", "X")
    kept = [entry async for entry in bucket.scan("audit")]
    assert len(kept) == KEPT
    assert [deed.target for deed in await audit.deeds()] == ["X"]
