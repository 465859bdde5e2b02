from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from mendwire.errors import Conflict, Unreachable, WireError
from mendwire.model.delivery import Received
from mendwire.model.names import CONSUMER
from mendwire.wire.apply import ensure
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.stored import delivered, delivery_of
from mendwire.wire.topology import Topology
from tests.nats_server import RealServer

ERRORS = "AI_TUTOR_STAGING_ERRORS"
SUBJECT = "ai_tutor.errors.staging"


async def pull(bus: JetStreamBus) -> Received:
    js = bus.api.client.jetstream()
    subscription = await js.pull_subscribe_bind(CONSUMER, ERRORS)
    (message,) = await subscription.fetch(1, timeout=2)
    await subscription.unsubscribe()
    return delivered(message, delivery_of(message.reply), await bus.created(ERRORS))


async def test_bucket_is_compare_and_set(bus: JetStreamBus) -> None:
    docket = bus.bucket("AI_TUTOR_DOCKET")
    assert await docket.get("case.a") is None
    first = await docket.create("case.a", b"1")
    with pytest.raises(Conflict):
        await docket.create("case.a", b"2")
    second = await docket.update("case.a", b"2", first)
    with pytest.raises(Conflict):
        await docket.update("case.a", b"3", first)
    entry = await docket.get("case.a")
    assert entry is not None
    assert (entry.key, entry.value, entry.revision) == ("case.a", b"2", second)
    assert entry.created_ns > 1_700_000_000 * 10**9
    with pytest.raises(Conflict):
        await docket.delete("case.a", first)
    await docket.delete("case.a", second)
    assert await docket.get("case.a") is None
    third = await docket.create("case.a", b"4")
    assert third > second
    assert await docket.put("case.a", b"5") > third


async def test_scan_gives_each_live_key_under_the_prefix_once(bus: JetStreamBus) -> None:
    docket = bus.bucket("AI_TUTOR_DOCKET")
    for number in range(300):
        await docket.put(f"case.k{number}", str(number).encode())
    await docket.put("worker.w", b"other")
    await docket.put("case.k7", b"again")
    await docket.delete("case.k8")
    found = [entry async for entry in docket.scan("case")]
    assert len(found) == 299
    assert [e.revision for e in found] == sorted(e.revision for e in found)
    assert found[-1].key == "case.k7"
    assert found[-1].value == b"again"
    assert [entry async for entry in docket.scan("nothing")] == []


async def test_a_first_message_of_a_subject_is_refused_again_after_kill(
    bus: JetStreamBus, server: RealServer
) -> None:
    async def once() -> None:
        await bus.publish(
            "ai_tutor.results.fixed.c-e1", b"x", msg_id="c-e1", expected_last_subject_seq=0
        )

    await once()
    await bus.api.call("STREAM.PURGE.AI_TUTOR_RESULTS", {"filter": "ai_tutor.results.other"})
    config = (await bus.api.call("STREAM.INFO.AI_TUTOR_RESULTS"))["config"]
    config["duplicate_window"] = 100_000_000
    await bus.api.call("STREAM.UPDATE.AI_TUTOR_RESULTS", config)
    await server.restart()
    with pytest.raises(Conflict):
        await retried(once)
    await bus.publish(
        "ai_tutor.results.fixed.c-e2", b"x", msg_id="c-e2", expected_last_subject_seq=0
    )


async def retried(call: Callable[[], Awaitable[None]]) -> None:
    for _ in range(10):
        try:
            return await call()
        except Unreachable:
            continue
    raise AssertionError


async def test_publish_says_duplicate_and_where_nobody_listens(bus: JetStreamBus) -> None:
    first = await bus.publish(SUBJECT, b"a", msg_id="1", headers={"X": "y"})
    second = await bus.publish(SUBJECT, b"b", msg_id="1")
    assert (first.stream, first.duplicate) == (ERRORS, False)
    assert (second.seq, second.duplicate) == (first.seq, True)
    with pytest.raises(WireError, match=r"No stream takes ai_tutor\.nowhere"):
        await bus.publish("ai_tutor.nowhere", b"")
    with pytest.raises(WireError, match="bytes; the server takes"):
        await bus.publish(SUBJECT, b"x" * 2_000_000)


async def test_settle_from_another_connection(bus: JetStreamBus, server: RealServer) -> None:
    await bus.publish(SUBJECT, b"a", headers={"X": "y"})
    received = await pull(bus)
    assert received.headers["X"] == "y"
    assert await bus.pending(ERRORS) == (1,)
    async with server.client() as client:
        other = JetStreamBus(client, bus.names)
        assert await other.settle(received.ref)
        assert not await other.settle(received.ref)
    assert await bus.peek(ERRORS, 1) is None
    assert await bus.pending(ERRORS) == ()


async def test_settle_without_reply_compares_bytes(bus: JetStreamBus) -> None:
    await bus.publish(SUBJECT, b"a", msg_id="m")
    peeked = await bus.peek(ERRORS, 1)
    assert peeked is not None
    assert (peeked.ref.reply, peeked.ref.msg_id, peeked.payload) == ("", "m", b"a")
    assert not await bus.settle(replace(peeked.ref, sha256="0" * 64))
    assert not await bus.settle(replace(peeked.ref, stream_created="2020-01-01T00:00:00Z"))
    assert await bus.settle(peeked.ref)
    assert not await bus.settle(peeked.ref)


@pytest.mark.parametrize("keep_reply", [True, False])
async def test_settle_spares_the_message_of_a_recreated_stream(
    bus: JetStreamBus, wanted: Topology, keep_reply: bool
) -> None:
    await bus.publish(SUBJECT, b"same")
    old = await pull(bus)
    await bus.api.call(f"STREAM.DELETE.{ERRORS}")
    await ensure(bus.api, wanted)
    await bus.publish(SUBJECT, b"same")
    new = await pull(bus)
    assert (new.ref.seq, new.ref.sha256) == (old.ref.seq, old.ref.sha256)
    ref = old.ref if keep_reply else replace(old.ref, reply="")
    assert not await bus.settle(ref)
    assert await bus.peek(ERRORS, 1) is not None
    assert await bus.settle(new.ref)


async def test_settle_after_the_consumer_was_made_anew(bus: JetStreamBus, wanted: Topology) -> None:
    await bus.publish(SUBJECT, b"a")
    old = await pull(bus)
    await bus.api.call(f"CONSUMER.DELETE.{ERRORS}.{CONSUMER}")
    await ensure(bus.api, wanted)
    assert await bus.settle(old.ref)
    assert await bus.peek(ERRORS, 1) is None


async def test_tell_does_not_wait_and_may_be_lost(bus: JetStreamBus) -> None:
    await bus.tell("ai_tutor.investigation.status.x", b"{}")
    await bus.tell("ai_tutor.nowhere", b"{}")
    await bus.api.client.flush()
    assert await bus.peek("AI_TUTOR_INVESTIGATIONS", 1) is not None
    await bus.api.client.close()
    await bus.tell("ai_tutor.investigation.status.x", b"{}")


async def test_a_bucket_that_is_not_there_is_named(empty_bus: JetStreamBus) -> None:
    nothing = empty_bus.bucket("AI_TUTOR_DOCKET")
    for call in (nothing.get("a"), nothing.put("a", b""), nothing.create("a", b"")):
        with pytest.raises(WireError, match="no bucket AI_TUTOR_DOCKET"):
            await call
    with pytest.raises(WireError, match="no bucket AI_TUTOR_DOCKET"):
        [entry async for entry in nothing.scan("a")]
