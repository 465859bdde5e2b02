from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace

import pytest
from nats.aio.msg import Msg

from mendwire.errors import MendwireError, RepeatedReentry, StreamFull
from mendwire.model.delivery import SETTLED, MessageRef, Outcome, Received
from mendwire.model.names import CONSUMER
from mendwire.wire.apply import ensure
from mendwire.wire.burial import bury, generation, original_id, reenter
from mendwire.wire.deadletters import Ask, DeadLetters, Fate
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import Topology
from mendwire.wire.worker import Pace, Worker
from tests.nats_server import RealServer

ERRORS = "AI_TUTOR_STAGING_ERRORS"
SUBJECT = "ai_tutor.errors.staging"
PACE = Pace(concurrency=1, prefetch=8, beat_s=1.0, pull_s=1.0, drain_s=1.0, retry_s=0.05)


async def reconfigure(bus: JetStreamBus, **fields: object) -> None:
    config = (await bus.api.call(f"CONSUMER.INFO.{ERRORS}.{CONSUMER}"))["config"] | fields
    endpoint = f"CONSUMER.CREATE.{ERRORS}.{CONSUMER}.{SUBJECT}"
    await bus.api.call(endpoint, {"stream_name": ERRORS, "config": config, "action": "update"})


async def count(bus: JetStreamBus, stream: str) -> int:
    return int((await bus.api.call(f"STREAM.INFO.{stream}"))["state"]["messages"])


async def dead(bus: JetStreamBus) -> list[Received]:
    return [found async for found in bus.walk("AI_TUTOR_DEAD", 1000, 10**9)]


async def exhaust(bus: JetStreamBus, number: int, *, first: int = 0) -> None:
    """Publish and pull ``number`` messages, and let their only delivery run out."""
    await reconfigure(bus, ack_wait=100_000_000, max_deliver=1)
    for index in range(first, first + number):
        await bus.publish(SUBJECT, b"poison %d" % index, msg_id=f"p{index}", headers={"X": "y"})
    await pull(bus, number)
    await settled_down(bus)


async def pull(bus: JetStreamBus, number: int) -> None:
    subscription = await bus.api.client.jetstream().pull_subscribe_bind(CONSUMER, ERRORS)
    got = 0
    while got < number:
        got += len(await subscription.fetch(number - got, timeout=5))
    await subscription.unsubscribe()


async def settled_down(bus: JetStreamBus) -> None:
    async with asyncio.timeout(15):
        while True:
            info = await bus.consumer(ERRORS)
            if info is not None and info["num_ack_pending"] == 0:
                return
            await asyncio.sleep(0.02)


def saying(fate: Fate) -> Ask:
    async def ask(_ref: MessageRef, _received: Received) -> Fate:
        return fate

    return ask


def mover(bus: JetStreamBus, ask: Ask, every_s: float = 3600) -> DeadLetters:
    return DeadLetters(bus, [ERRORS], ask, every_s=every_s, pace=PACE)


async def advised(bus: JetStreamBus, number: int) -> None:
    async with asyncio.timeout(10):
        while await count(bus, "AI_TUTOR_ADVISORIES") < number:
            await asyncio.sleep(0.02)


async def move_advised(bus: JetStreamBus, ask: Ask) -> None:
    moving = mover(bus, ask)
    try:
        await moving.until_empty()
    finally:
        await moving.stop()


async def test_an_exhausted_message_is_buried_whole(bus: JetStreamBus) -> None:
    await exhaust(bus, 2)
    await advised(bus, 2)
    await move_advised(bus, saying(Fate.BURY))
    # The server tells of messages that are exhausted together in either order.
    letters = sorted(await dead(bus), key=lambda found: found.payload)
    assert [found.payload for found in letters] == [b"poison 0", b"poison 1"]
    headers = letters[0].headers
    created = await bus.created(ERRORS)
    assert headers["Nats-Msg-Id"] == f"dead-{ERRORS}-{created}-1"
    assert headers["Mendwire-Origin-Msg-Id"] == "p0"
    assert headers["Mendwire-Origin-Created"] == created
    assert headers["Mendwire-Deliveries"] == "1"
    assert headers["X"] == "y"
    assert await count(bus, ERRORS) == 0
    assert await count(bus, "AI_TUTOR_ADVISORIES") == 0


async def test_a_living_case_keeps_its_message_and_a_finished_one_loses_it(
    bus: JetStreamBus,
) -> None:
    await exhaust(bus, 1)
    await advised(bus, 1)
    await move_advised(bus, saying(Fate.ALIVE))
    assert (await count(bus, ERRORS), await dead(bus)) == (1, [])
    assert await bus.pending(ERRORS) == (1,)
    moving = mover(bus, saying(Fate.FINISHED))
    assert await moving.reconcile() == 1
    assert (await count(bus, ERRORS), await dead(bus)) == (0, [])


async def test_redriven_twice_then_buried(bus: JetStreamBus) -> None:
    await exhaust(bus, 1)
    for to in (1, 2):
        await advised(bus, 1)
        await move_advised(bus, saying(Fate.REDRIVE))
        again = await bus.peek(ERRORS, to + 1)
        assert again is not None
        assert (generation(again), again.ref.msg_id, again.payload) == (to, f"p0~{to}", b"poison 0")
        assert original_id(again) == "p0"
        assert await count(bus, ERRORS) == 1
        await pull(bus, 1)
        await settled_down(bus)
    await advised(bus, 1)
    await move_advised(bus, saying(Fate.REDRIVE))
    (letter,) = await dead(bus)
    assert letter.headers["Mendwire-Origin-Msg-Id"] == "p0~2"
    assert "3 generations" in letter.headers["Mendwire-Reason"]
    assert await count(bus, ERRORS) == 0


async def test_rule_a3_a_reentry_that_the_server_drops_is_an_error(bus: JetStreamBus) -> None:
    await exhaust(bus, 1)
    message = await bus.peek(ERRORS, 1)
    assert message is not None
    first = await reenter(bus, message, 1)
    again = await reenter(bus, message, 1)
    assert (again.seq, again.duplicate) == (first.seq, True)
    copy = await bus.peek(ERRORS, first.seq)
    assert copy is not None
    assert await bus.remove(copy.ref)
    with pytest.raises(RepeatedReentry):
        await reenter(bus, message, 1)
    await advised(bus, 1)
    await move_advised(bus, saying(Fate.REDRIVE))
    (letter,) = await dead(bus)
    assert "as a repeat" in letter.headers["Mendwire-Reason"]


async def test_full_dead_letters_keep_the_original(bus: JetStreamBus) -> None:
    await exhaust(bus, 2)
    await advised(bus, 2)
    config = (await bus.api.call("STREAM.INFO.AI_TUTOR_DEAD"))["config"]
    await bus.api.call("STREAM.UPDATE.AI_TUTOR_DEAD", config | {"max_msgs": 1})
    moving = mover(bus, saying(Fate.BURY))
    with pytest.raises(StreamFull):
        await moving.reconcile()
    async with moving:
        async with asyncio.timeout(10):
            while "maximum messages exceeded" not in moving.holding_up:
                await asyncio.sleep(0.02)
        assert (await count(bus, ERRORS), await count(bus, "AI_TUTOR_DEAD")) == (1, 1)
        await bus.api.call("STREAM.UPDATE.AI_TUTOR_DEAD", config)
        await moving.until_empty()
    assert (await count(bus, ERRORS), await count(bus, "AI_TUTOR_DEAD")) == (0, 2)


async def test_reconciliation_finds_what_no_advisory_told_of(bus: JetStreamBus) -> None:
    await exhaust(bus, 3)
    await advised(bus, 3)
    await bus.api.call("STREAM.PURGE.AI_TUTOR_ADVISORIES")
    await bus.publish(SUBJECT, b"still waiting")
    async with mover(bus, saying(Fate.BURY)):
        async with asyncio.timeout(10):
            while await count(bus, "AI_TUTOR_DEAD") < 3:
                await asyncio.sleep(0.02)
    assert await count(bus, ERRORS) == 1


async def test_a_message_in_work_is_not_taken_for_stuck(bus: JetStreamBus) -> None:
    await bus.publish(SUBJECT, b"x")
    gate = asyncio.Event()
    holding = asyncio.Event()

    async def handle(_received: Received) -> Outcome:
        holding.set()
        await gate.wait()
        return SETTLED

    async with Worker(bus, [ERRORS], handle) as worker:
        await holding.wait()
        assert await mover(bus, saying(Fate.BURY)).reconcile() == 0
        gate.set()
        await worker.until_empty()
    assert await dead(bus) == []


async def test_rule_a7_what_nears_its_max_age_moves_to_the_dead_letters(bus: JetStreamBus) -> None:
    config = (await bus.api.call(f"STREAM.INFO.{ERRORS}"))["config"]
    age = {"max_age": 5 * 10**9, "duplicate_window": 10**9}
    await bus.api.call(f"STREAM.UPDATE.{ERRORS}", config | age)
    await bus.publish(SUBJECT, b"old")
    moving = mover(bus, saying(Fate.ALIVE))
    assert await moving.reconcile() == 0
    async with asyncio.timeout(5):
        while await moving.reconcile() == 0:
            await asyncio.sleep(0.1)
    (letter,) = await dead(bus)
    assert letter.payload == b"old"
    assert "age" in letter.headers["Mendwire-Reason"]
    assert await count(bus, ERRORS) == 0


async def test_an_advisory_of_a_recreated_stream_touches_nothing(
    bus: JetStreamBus, wanted: Topology
) -> None:
    await exhaust(bus, 1)
    await advised(bus, 1)
    await bus.api.call(f"STREAM.DELETE.{ERRORS}")
    await ensure(bus.api, wanted)
    await bus.publish(SUBJECT, b"poison 0")
    await move_advised(bus, saying(Fate.BURY))
    assert await count(bus, ERRORS) == 1
    assert await dead(bus) == []


async def test_bytes_that_differ_are_not_deleted(bus: JetStreamBus) -> None:
    await bus.publish(SUBJECT, b"x")
    message = await bus.peek(ERRORS, 1)
    assert message is not None
    await bury(bus, message, "copied")
    assert not await bus.remove(replace(message.ref, sha256="0" * 64))
    assert await count(bus, ERRORS) == 1


async def test_nonsense_among_the_advisories_is_skipped(bus: JetStreamBus) -> None:
    advisory = f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.{ERRORS}.{CONSUMER}"
    other = json.dumps({"stream": "OTHER", "stream_seq": 1}).encode()
    for payload in (b"", b"[]", b"{}", other):
        await bus.publish(advisory, payload)
    await move_advised(bus, saying(Fate.BURY))
    assert await count(bus, "AI_TUTOR_ADVISORIES") == 0


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("fate", [Fate.BURY, Fate.REDRIVE])
async def test_dying_between_any_two_requests_loses_nothing_and_repeats_nothing(
    bus: JetStreamBus, fate: Fate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run dies one request later than the one before, before or after the server heard it."""
    await exhaust(bus, 1)
    await advised(bus, 1)
    request = bus.api.request
    steps, before, finished = 0, True, False

    async def dying(subject: str, payload: bytes = b"", **options: object) -> Msg:
        nonlocal steps
        steps -= 1
        if steps == 0 and before:
            raise Killed
        answer = await request(subject, payload, **options)  # type: ignore[arg-type]  # passed on
        if steps == 0:
            raise Killed
        return answer

    (advisory,) = [found async for found in bus.walk("AI_TUTOR_ADVISORIES", 9, 10**9)]
    for attempt in range(1, 40):
        steps, before = attempt // 2 + 1, attempt % 2 == 0
        with monkeypatch.context() as patch:
            patch.setattr(bus.api, "request", dying)
            try:
                await mover(bus, saying(fate))._advised(advisory)
                finished = steps > 0
            except Killed:
                pass
        if finished:
            break
    assert finished
    letters = await dead(bus)
    left = [found async for found in bus.walk(ERRORS, 9, 10**9)]
    assert len(letters) + len(left) == 1
    assert [generation(found) for found in left] == ([1] if fate is Fate.REDRIVE else [])


async def test_a_server_killed_again_and_again_loses_no_message(
    bus: JetStreamBus, server: RealServer
) -> None:
    await exhaust(bus, 20)
    chance = random.Random(7)

    async def ask(_ref: MessageRef, _received: Received) -> Fate:
        await asyncio.sleep(0.02)
        return Fate.BURY

    async def survived(stream: str) -> int:
        while True:
            try:
                return await count(bus, stream)
            except MendwireError:
                await asyncio.sleep(0.05)

    for _ in range(4):
        moving = mover(bus, ask, every_s=0.5)
        await moving.start()
        await asyncio.sleep(chance.uniform(0.02, 0.3))
        server.kill()
        await moving.stop()  # the mover dies with it
        await server.start()
    async with mover(bus, ask, every_s=0.5), asyncio.timeout(30):
        while await survived(ERRORS) > 0:
            await asyncio.sleep(0.1)
    payloads = sorted(found.payload for found in await dead(bus))
    assert payloads == sorted(b"poison %d" % index for index in range(20))


async def test_an_exhausted_message_with_impossible_headers_is_buried(bus: JetStreamBus) -> None:
    head = b"NATS/1.0\r\nA(b: c\r\nBad key: x\r\nFill: " + b"f" * 30_000 + b"\r\n\r\n"
    size = b" %d %d\r\n" % (len(head), len(head) + 1)
    await reconfigure(bus, ack_wait=100_000_000, max_deliver=1)
    await bus.api.client._send_command(b"HPUB " + SUBJECT.encode() + size + head + b"x\r\n")
    await bus.api.client.flush()
    await pull(bus, 1)
    await settled_down(bus)
    await advised(bus, 1)
    await move_advised(bus, saying(Fate.BURY))
    (letter,) = await dead(bus)
    assert letter.payload == b"x"
    assert await count(bus, ERRORS) == 0


async def test_what_is_too_large_to_be_published_again_is_buried(bus: JetStreamBus) -> None:
    await reconfigure(bus, ack_wait=100_000_000, max_deliver=1)
    payload = random.Random(1).randbytes(1_048_576)
    await bus.api.client.publish(SUBJECT, payload)
    await bus.api.client.flush()
    await pull(bus, 1)
    await settled_down(bus)
    await advised(bus, 1)
    await move_advised(bus, saying(Fate.REDRIVE))
    letters = await dead(bus)
    assert [one.headers["Mendwire-Part"] for one in letters] == ["1/2", "2/2"]
    assert b"".join(one.payload for one in letters) == payload
