"""Dead letters that a person lets enter again, against a real server."""

from __future__ import annotations

import random

import pytest

from mendwire.docket.releases import Releases
from mendwire.errors import ConfigError
from mendwire.model.delivery import Received
from mendwire.ops.kept import discard, replay
from mendwire.ops.reentry import enter, original_of
from mendwire.wire.burial import bury
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_quarantine import releases

ERRORS = "AI_TUTOR_STAGING_ERRORS"
SUBJECT = "ai_tutor.errors.staging"
PRODUCTION = "ai_tutor.errors.production"
LAST = 1 << 62


async def buried(bus: JetStreamBus, payload: bytes, msg_id: str) -> Received:
    """A message that is a dead letter and nothing else."""
    ack = await bus.publish(SUBJECT, payload, msg_id=msg_id, headers={"X-A": "b"})
    received = await bus.peek(ERRORS, ack.seq)
    assert received is not None
    await bury(bus, received, "no report")
    assert await bus.remove(received.ref)
    return received


async def stored(bus: JetStreamBus, stream: str) -> list[Received]:
    return [received async for received in bus.walk(stream, 100, LAST)]


async def test_it_enters_as_it_was_sent_and_can_die_and_enter_again(bus: JetStreamBus) -> None:
    await buried(bus, b"no json", "id-1")
    for number in (1, 2, 3):
        await replay(bus, releases(bus), number)
        (back,) = await stored(bus, ERRORS)
        assert (back.payload, back.ref.msg_id) == (b"no json", f"id-1~{number}")
        assert back.headers["X-A"] == "b"
        assert not [name for name in back.headers if name.startswith("Mendwire-Origin")]
        assert await stored(bus, "AI_TUTOR_DEAD") == []
        await bury(bus, back, "no report still")
        assert await bus.remove(back.ref)


async def test_a_replay_that_was_killed_after_it_published_is_given_again(
    bus: JetStreamBus,
) -> None:
    await buried(bus, b"no json", "id-1")
    (dead,) = await stored(bus, "AI_TUTOR_DEAD")
    ours: Releases = releases(bus)
    await enter(bus, ours, original_of(dead, dead.payload))  # and then the process died
    await replay(bus, ours, 1)
    assert [back.ref.msg_id for back in await stored(bus, ERRORS)] == ["id-1~1"]
    assert await stored(bus, "AI_TUTOR_DEAD") == []


async def test_a_large_one_is_put_together(bus: JetStreamBus) -> None:
    sent = await buried(bus, random.Random(1).randbytes(1_040_000), "large")
    assert len(await stored(bus, "AI_TUTOR_DEAD")) == 2
    with pytest.raises(ConfigError, match="a further part"):
        await replay(bus, releases(bus), 2)
    await replay(bus, releases(bus), 1)
    assert [back.payload for back in await stored(bus, ERRORS)] == [sent.payload]
    assert await stored(bus, "AI_TUTOR_DEAD") == []


async def test_what_is_discarded_is_gone(bus: JetStreamBus) -> None:
    await buried(bus, b"no json", "id-1")
    await discard(bus, 1)
    assert await stored(bus, "AI_TUTOR_DEAD") == await stored(bus, ERRORS) == []
    with pytest.raises(ConfigError, match="no message 1 in dead"):
        await replay(bus, releases(bus), 1)


async def test_a_message_that_claims_to_have_parts_takes_no_others_along(
    bus: JetStreamBus,
) -> None:
    for subject, stream in ((SUBJECT, ERRORS), (PRODUCTION, "AI_TUTOR_PRODUCTION_ERRORS")):
        ack = await bus.publish(subject, b"no json", headers={"Mendwire-Part": "1/2"})
        received = await bus.peek(stream, ack.seq)
        assert received is not None
        await bury(bus, received, "no report")
    first, second = await stored(bus, "AI_TUTOR_DEAD")
    assert first.headers["Mendwire-Origin-Seq"] == second.headers["Mendwire-Origin-Seq"]
    await discard(bus, 1)
    assert [dead.ref.seq for dead in await stored(bus, "AI_TUTOR_DEAD")] == [2]
    await replay(bus, releases(bus), 2)
    assert await stored(bus, "AI_TUTOR_DEAD") == []


async def test_parts_of_another_message_are_none_of_its_own(bus: JetStreamBus) -> None:
    await buried(bus, random.Random(1).randbytes(1_040_000), "large")
    one, two = await stored(bus, "AI_TUTOR_DEAD")
    assert await bus.remove(two.ref)
    ack = await bus.publish(PRODUCTION, b"no json")
    other = await bus.peek("AI_TUTOR_PRODUCTION_ERRORS", ack.seq)
    assert other is not None
    await bury(bus, other, "no report")
    await discard(bus, one.ref.seq)
    assert [dead.payload for dead in await stored(bus, "AI_TUTOR_DEAD")] == [b"no json"]
