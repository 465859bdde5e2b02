from __future__ import annotations

import asyncio
import gzip
import json
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from mendwire import telemetry
from mendwire.errors import AccessRefused, MendwireError, ScreenUnavailable, Undecodable
from mendwire.model.delivery import SETTLED, DeliveryState, Outcome, Received
from mendwire.model.names import CONSUMER, Names
from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology
from mendwire.wire.worker import Handle, Pace, Worker
from tests.nats_server import RealServer, running

ERRORS = "AI_TUTOR_STAGING_ERRORS"
PRODUCTION = "AI_TUTOR_PRODUCTION_ERRORS"
SUBJECT = "ai_tutor.errors.staging"
FAST = Pace(concurrency=4, beat_s=0.2, pull_s=2.0, drain_s=1.0, retry_s=0.05)


async def until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


async def reconfigure(bus: JetStreamBus, stream: str = ERRORS, **fields: object) -> None:
    config = (await bus.api.call(f"CONSUMER.INFO.{stream}.{CONSUMER}"))["config"] | fields
    endpoint = f"CONSUMER.CREATE.{stream}.{CONSUMER}.{config['filter_subject']}"
    await bus.api.call(endpoint, {"stream_name": stream, "config": config, "action": "update"})


async def left(bus: JetStreamBus, stream: str = ERRORS) -> int:
    return int((await bus.api.call(f"STREAM.INFO.{stream}"))["state"]["messages"])


async def arrived(bus: JetStreamBus) -> None:
    """Until the first message is stored; a plain publish is not acknowledged."""
    async with asyncio.timeout(10):
        while await left(bus) == 0:
            await asyncio.sleep(0.01)


async def dead(bus: JetStreamBus) -> list[Received]:
    return [found async for found in bus.walk("AI_TUTOR_DEAD", 1000, 10**9)]


def answering(outcome: Outcome) -> Handle:
    async def handle(_received: Received) -> Outcome:
        return outcome

    return handle


@pytest.mark.parametrize(
    "state",
    [
        DeliveryState.SETTLED,
        DeliveryState.JOINED,
        DeliveryState.SKIPPED,
        DeliveryState.QUARANTINED,
        DeliveryState.PARKED,
    ],
)
async def test_settled_states_are_acknowledged(bus: JetStreamBus, state: DeliveryState) -> None:
    seen: list[Received] = []

    async def handle(received: Received) -> Outcome:
        seen.append(received)
        return Outcome(state=state)

    for number in range(20):
        await bus.publish(SUBJECT, b"%d" % number, msg_id=str(number))
    async with Worker(bus, [ERRORS, PRODUCTION], handle, pace=FAST) as worker:
        await worker.until_empty()
    assert await left(bus) == 0
    assert sorted(int(r.payload) for r in seen) == list(range(20))
    assert seen[0].deliveries == 1
    assert seen[0].ref.msg_id in {str(n) for n in range(20)}
    assert seen[0].ref.stream_created == await bus.created(ERRORS)


async def test_undecodable_and_dead_go_whole_to_the_dead_letters(bus: JetStreamBus) -> None:
    async def handle(received: Received) -> Outcome:
        if received.payload == b"\xff":
            raise Undecodable("The message is not UTF-8 text.")
        return Outcome(state=DeliveryState.DEAD, reason="because\n\x1b[31m")

    await bus.publish(SUBJECT, b"\xff", msg_id="u", headers={"X": "y"})
    await bus.publish(SUBJECT, b"d")
    async with Worker(bus, [ERRORS], handle, pace=FAST) as worker:
        await worker.until_empty()
    letters = {found.payload: found for found in await dead(bus)}
    assert await left(bus) == 0
    headers = letters[b"\xff"].headers
    assert headers["X"] == "y"
    assert headers["Mendwire-Origin-Stream"] == ERRORS
    assert headers["Mendwire-Origin-Seq"] == "1"
    assert headers["Mendwire-Origin-Subject"] == SUBJECT
    assert headers["Mendwire-Origin-Msg-Id"] == "u"
    assert headers["Mendwire-Reason"] == "The message is not UTF-8 text."
    assert headers["Nats-Msg-Id"].startswith(f"dead-{ERRORS}-20")
    assert letters[b"\xff"].ref.subject == f"ai_tutor.dead.{ERRORS}"
    assert letters[b"d"].headers["Mendwire-Reason"] == r"because \u001b[31m"


async def test_deferred_comes_back_after_its_delay_and_rests_on_its_last_delivery(
    bus: JetStreamBus,
) -> None:
    times: list[tuple[int, float]] = []

    async def handle(received: Received) -> Outcome:
        times.append((received.deliveries, time.monotonic()))
        if len(times) < 6:
            return Outcome(state=DeliveryState.DEFERRED, delay_s=0.2)
        return SETTLED

    await bus.publish(SUBJECT, b"x")
    async with Worker(bus, [ERRORS], handle, pace=FAST) as worker:
        await worker.until_empty()
    assert [deliveries for deliveries, _ in times] == [1, 2, 3, 3, 3, 3]
    gaps = [later - sooner for (_, sooner), (_, later) in pairwise(times)]
    assert min(gaps) >= 0.19
    assert await left(bus) == 0


async def test_lost_is_left_and_removed_is_not_acknowledged_again(bus: JetStreamBus) -> None:
    async def handle(received: Received) -> Outcome:
        if received.payload == b"lost":
            return Outcome(state=DeliveryState.LOST)
        assert await bus.settle(received.ref)
        return Outcome(state=DeliveryState.SETTLED, removed=True)

    events: list[str] = []
    await bus.publish(SUBJECT, b"lost")
    await bus.publish(SUBJECT, b"own")
    with telemetry.subscribed(
        lambda event, fields: (
            events.append(str(fields["how"])) if event == "message.settled" else None
        )
    ):
        async with Worker(bus, [ERRORS], handle, pace=FAST):
            await until(lambda: len(events) == 2)
    assert sorted(events) == ["acked", "held"]
    info = await bus.consumer(ERRORS)
    assert info is not None
    assert info["num_ack_pending"] == 1
    assert await bus.pending(ERRORS) == (1,)


async def test_an_internal_error_is_never_acknowledged_and_ends_in_the_dead_letters(
    bus: JetStreamBus,
) -> None:
    tries: list[int] = []

    async def handle(received: Received) -> Outcome:
        tries.append(received.deliveries)
        raise RuntimeError("a bug of ours")

    await bus.publish(SUBJECT, b"x")
    worker = Worker(bus, [ERRORS], handle, pace=FAST)
    await worker.until_empty()
    await worker.stop()
    assert tries == [1, 2, 3]
    assert worker.failures == 3
    (letter,) = await dead(bus)
    assert "RuntimeError: a bug of ours" in letter.headers["Mendwire-Reason"]
    assert letter.headers["Mendwire-Deliveries"] == "3"


async def test_an_impossible_outcome_is_an_internal_error(bus: JetStreamBus) -> None:
    await bus.publish(SUBJECT, b"x")
    worker = Worker(
        bus,
        [ERRORS],
        answering(Outcome(state=DeliveryState.OWNED)),
        pace=FAST,
    )
    await worker.until_empty()
    await worker.stop()
    assert len(await dead(bus)) == 1


async def test_an_unavailable_screen_holds_everything_and_costs_no_delivery(
    bus: JetStreamBus,
) -> None:
    broken = True
    seen: list[int] = []

    async def handle(received: Received) -> Outcome:
        if broken:
            raise ScreenUnavailable("The screen's model is missing.")
        seen.append(received.deliveries)
        return SETTLED

    for _ in range(10):
        await bus.publish(SUBJECT, b"x")
    await reconfigure(bus, ack_wait=10**9)
    async with Worker(bus, [ERRORS], handle, pace=FAST) as worker:
        await until(lambda: "model is missing" in worker.holding_up)
        await asyncio.sleep(2.0)  # longer than the consumer waits
        assert worker.held <= FAST.concurrency + 1
        broken = False
        await worker.until_empty()
    assert seen == [1] * 10


async def test_work_longer_than_the_ack_wait_is_not_delivered_again(bus: JetStreamBus) -> None:
    await reconfigure(bus, ack_wait=10**9)
    seen: list[int] = []

    async def handle(received: Received) -> Outcome:
        seen.append(received.deliveries)
        await asyncio.sleep(3.0)
        return SETTLED

    await bus.publish(SUBJECT, b"x")
    async with Worker(bus, [ERRORS], handle, pace=FAST) as worker:
        await worker.until_empty()
    assert seen == [1]
    assert await left(bus) == 0


async def test_at_most_n_at_once_and_nothing_is_hoarded(bus: JetStreamBus) -> None:
    now = most = 0
    gate = asyncio.Event()

    async def handle(_received: Received) -> Outcome:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await gate.wait()
        now -= 1
        return SETTLED

    for number in range(50):
        await bus.publish(SUBJECT, b"%d" % number)
        await bus.publish("ai_tutor.errors.production", b"%d" % number)
    pace = Pace(concurrency=3, beat_s=0.5, pull_s=1.0, retry_s=0.05)
    async with Worker(bus, [ERRORS, PRODUCTION], handle, pace=pace) as worker:
        await until(lambda: now == 3)
        await asyncio.sleep(1.5)
        assert worker.held <= 4
        gate.set()
        await worker.until_empty()
    assert most == 3


async def test_pause_begins_nothing_new(bus: JetStreamBus) -> None:
    seen: list[bytes] = []

    async def handle(received: Received) -> Outcome:
        seen.append(received.payload)
        return SETTLED

    async with Worker(bus, [ERRORS], handle, pace=FAST) as worker:
        worker.pause("a person said so")
        await bus.publish(SUBJECT, b"x")
        await asyncio.sleep(1.0)
        assert not seen
        worker.resume()
        await until(lambda: seen == [b"x"])


async def test_stop_waits_then_leaves_the_message_for_another(bus: JetStreamBus) -> None:
    began: list[bytes] = []
    finished: list[bytes] = []

    async def handle(received: Received) -> Outcome:
        began.append(received.payload)
        await asyncio.sleep(0.3 if received.payload == b"short" else 60)
        finished.append(received.payload)
        return SETTLED

    await bus.publish(SUBJECT, b"short")
    await bus.publish(SUBJECT, b"long")
    worker = Worker(bus, [ERRORS], handle, pace=FAST)
    await worker.stop()
    await worker.start()
    await worker.start()
    await until(lambda: len(began) == 2)
    before = time.monotonic()
    await worker.stop()
    assert 0.8 < time.monotonic() - before < 3
    await worker.stop()
    assert finished == [b"short"]
    assert await left(bus) == 1
    assert worker.held == 0
    async with Worker(bus, [ERRORS], answering(SETTLED), pace=FAST) as heir:
        await reconfigure(bus, ack_wait=10**9)
        await heir.until_empty()


async def test_a_killed_server_is_survived_within_seconds(
    bus: JetStreamBus, server: RealServer
) -> None:
    seen: list[bytes] = []
    holding = asyncio.Event()
    release = asyncio.Event()

    async def handle(received: Received) -> Outcome:
        seen.append(received.payload)
        if received.payload == b"held":
            holding.set()
            await release.wait()
        return SETTLED

    await bus.publish(SUBJECT, b"held")
    async with Worker(bus, [ERRORS], handle, pace=Pace(concurrency=4)) as worker:
        await holding.wait()
        server.kill()
        release.set()
        await asyncio.sleep(0.3)
        await server.start()
        began = time.monotonic()
        async with server.client() as other:
            await JetStreamBus(other, bus.names).publish(SUBJECT, b"next")
        await until(lambda: b"next" in seen)
        assert time.monotonic() - began < 5
        await worker.until_empty()
    assert await left(bus) == 0
    assert seen.count(b"next") == 1


async def test_a_full_dead_stream_keeps_the_original(bus: JetStreamBus) -> None:
    config = (await bus.api.call("STREAM.INFO.AI_TUTOR_DEAD"))["config"]
    await bus.api.call("STREAM.UPDATE.AI_TUTOR_DEAD", config | {"max_msgs": 1})
    for number in range(3):
        await bus.publish(SUBJECT, b"%d" % number)
    outcome = Outcome(state=DeliveryState.DEAD, reason="unusable")
    async with Worker(bus, [ERRORS], answering(outcome), pace=FAST) as worker:
        await until(lambda: "maximum messages exceeded" in worker.holding_up)
        assert await left(bus) == 2
        await bus.api.call("STREAM.UPDATE.AI_TUTOR_DEAD", config)
        await worker.until_empty()
    assert len(await dead(bus)) == 3


async def test_a_recreated_stream_is_noticed(bus: JetStreamBus, names: Names) -> None:
    seen: list[Received] = []

    async def handle(received: Received) -> Outcome:
        seen.append(received)
        return SETTLED

    async with Worker(bus, [ERRORS], handle, pace=FAST):
        await bus.publish(SUBJECT, b"1")
        await until(lambda: len(seen) == 1)
        await bus.api.call(f"STREAM.DELETE.{ERRORS}")
        await ensure(bus.api, topology(names, ["staging", "production"]))
        await bus.publish(SUBJECT, b"2")
        await until(lambda: len(seen) == 2)
    assert seen[1].ref.seq == seen[0].ref.seq == 1
    assert seen[1].ref.stream_created == await bus.created(ERRORS) != seen[0].ref.stream_created


@asynccontextmanager
async def restricted(folder: Path, deny: list[str]) -> AsyncIterator[tuple[JetStreamBus, Names]]:
    users = (
        "authorization { users: [ {user: root, password: r}, {user: w, password: w, permissions: "
        f"{{publish: {{deny: {json.dumps(deny)}}}}}}} ] }}"
    )
    async with running(folder, users) as server:
        names = Names(namespace="ai_tutor")
        async with server.client(user="root", password="r") as root:
            await ensure(JetStreamBus(root, names).api, topology(names, ["staging"]))
        denials = Denials()

        async def note(error: Exception) -> None:
            denials.note(error)

        async with server.client(user="w", password="w", error_cb=note) as client:
            yield JetStreamBus(client, names, denials), names


async def test_a_refused_subject_is_named_at_once(tmp_path: Path) -> None:
    async with restricted(tmp_path / "n", ["ai_tutor.results.>", "$JS.API.STREAM.INFO.>"]) as it:
        bus, names = it
        began = time.monotonic()
        with pytest.raises(AccessRefused, match=r"ai_tutor\.results\.fixed\.X"):
            await bus.publish("ai_tutor.results.fixed.X", b"")
        with pytest.raises(AccessRefused, match=r"STREAM\.INFO\.AI_TUTOR_TASKS"):
            await bus.api.call("STREAM.INFO.AI_TUTOR_TASKS")
        assert time.monotonic() - began < 1
        await bus.publish(names.errors("staging"), b"")


@pytest.mark.timeout(300)
async def test_pulling_costs_the_same_behind_a_long_queue(bus: JetStreamBus) -> None:
    config = (await bus.api.call(f"STREAM.INFO.{ERRORS}"))["config"]
    await bus.api.call(f"STREAM.UPDATE.{ERRORS}", config | {"duplicate_window": 100_000_000})

    async def rate(waiting: int, count: int = 600) -> float:
        fill = bus.api.client.jetstream(publish_async_max_pending=4000)
        for _ in range(waiting):
            await fill.publish_async(SUBJECT, b"x" * 100)
        await fill.publish_async_completed()
        handled = 0
        done = asyncio.Event()

        async def handle(_received: Received) -> Outcome:
            nonlocal handled
            handled += 1
            if handled == count:
                done.set()
            return SETTLED

        best = float("inf")
        for _ in range(3):
            handled = 0
            done.clear()
            async with Worker(bus, [ERRORS], handle, pace=Pace(concurrency=16)):
                began = time.monotonic()
                await done.wait()
                best = min(best, time.monotonic() - began)
        await bus.api.call(f"STREAM.PURGE.{ERRORS}")
        return best / count

    short = await rate(3_000)
    long = await rate(200_000)
    assert long < short * 2 + 0.0005, f"{short * 1e6:.0f} us behind 3,000, now {long * 1e6:.0f} us"


async def test_a_worker_that_may_not_pull_says_so(tmp_path: Path) -> None:
    denied = "$JS.API.CONSUMER.MSG.NEXT.>"
    async with restricted(tmp_path / "n", [denied]) as (bus, names):
        stream = names.error_stream("staging")
        async with Worker(bus, [stream], answering(SETTLED), pace=FAST) as worker:
            await until(lambda: "CONSUMER.MSG.NEXT" in worker.holding_up)


async def test_a_worker_that_may_not_acknowledge_holds_the_message_and_says_so(
    tmp_path: Path,
) -> None:
    async with restricted(tmp_path / "n", ["$JS.ACK.>"]) as (bus, names):
        stream = names.error_stream("staging")
        await bus.publish(names.errors("staging"), b"x")
        async with Worker(bus, [stream], answering(SETTLED), pace=FAST) as worker:
            await until(lambda: "$JS.ACK." in worker.holding_up)
            assert worker.held == 1
        assert await left(bus, stream) == 1


async def test_a_missing_consumer_is_named_until_it_is_made(
    bus: JetStreamBus, names: Names
) -> None:
    await bus.api.call(f"CONSUMER.DELETE.{ERRORS}.{CONSUMER}")
    await bus.publish(SUBJECT, b"x")
    async with Worker(bus, [ERRORS], answering(SETTLED), pace=FAST) as worker:
        await until(lambda: "has no consumer" in worker.holding_up)
        await ensure(bus.api, topology(names, ["staging", "production"]))
        await until(lambda: not worker.holding_up)
        await worker.until_empty()
    assert await left(bus) == 0


async def test_killed_servers_lose_no_message_of_several_streams(
    bus: JetStreamBus, server: RealServer
) -> None:
    """Publisher and worker go on while the server dies at random moments."""
    chance = random.Random(11)
    handled: set[bytes] = set()
    published: set[bytes] = set()

    async def handle(received: Received) -> Outcome:
        await asyncio.sleep(chance.uniform(0, 0.02))
        handled.add(received.payload)
        if received.payload.endswith(b"7"):
            return Outcome(state=DeliveryState.DEAD, reason="ends in seven")
        return SETTLED

    async def publish() -> None:
        for number in range(300):
            subject = SUBJECT if number % 2 else "ai_tutor.errors.production"
            while True:
                try:
                    await bus.publish(subject, b"%d" % number, msg_id=str(number))
                    break
                except MendwireError:
                    await asyncio.sleep(0.05)
            published.add(b"%d" % number)

    bus.api.timeout_s = 0.5
    async with Worker(bus, [ERRORS, PRODUCTION], handle, pace=FAST) as worker:
        publishing = asyncio.create_task(publish())
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.1, 0.4))
            await server.restart()
        await publishing
        await reconfigure(bus, ack_wait=10**9)
        await reconfigure(bus, PRODUCTION, ack_wait=10**9)
        await worker.until_empty()
    assert handled == published
    assert await left(bus) == await left(bus, PRODUCTION) == 0
    sevens = {number for number in published if number.endswith(b"7")}
    assert {letter.payload for letter in await dead(bus)} == sevens


async def test_headers_that_no_client_would_send_do_not_stop_a_burial(bus: JetStreamBus) -> None:
    """A publisher on the raw protocol may send anything; the message is buried all the same."""
    head = b"NATS/1.0\r\nGood: one\r\nBad key: two\r\nUml\xc3\xa4ut: x\r\n"
    head += b"Raw: \xff\xfe\r\n: no\r\nA(b: c\r\n\r\n"
    body = b"payload"
    size = b" %d %d\r\n" % (len(head), len(head) + len(body))
    await bus.api.client._send_command(b"HPUB " + SUBJECT.encode() + size + head + body + b"\r\n")
    await arrived(bus)
    outcome = Outcome(state=DeliveryState.DEAD, reason="odd")
    async with Worker(bus, [ERRORS], answering(outcome), pace=FAST) as worker, asyncio.timeout(10):
        await worker.until_empty()
    (letter,) = await dead(bus)
    assert letter.payload == body


@pytest.mark.parametrize("text", [True, False])
@pytest.mark.parametrize("size", [1_048_576 - 60, 1_048_576, 600_000])
async def test_the_largest_message_is_buried_whole(
    bus: JetStreamBus, size: int, text: bool
) -> None:
    payload = b"x" * size if text else random.Random(size).randbytes(size)
    await bus.api.client.publish(SUBJECT, payload)
    await arrived(bus)
    outcome = Outcome(state=DeliveryState.DEAD, reason="large")
    reconnects = bus.api.reconnects
    async with Worker(bus, [ERRORS], answering(outcome), pace=FAST) as worker, asyncio.timeout(10):
        await worker.until_empty()
    letters = await dead(bus)
    whole = b"".join(
        gzip.decompress(one.payload) if "Mendwire-Encoding" in one.headers else one.payload
        for one in letters
    )
    assert whole == payload
    assert bus.api.reconnects == reconnects
    assert await left(bus) == 0
