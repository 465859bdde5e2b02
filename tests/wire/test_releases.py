"""A person's word on held reports against a real server: filed first, idempotent, nothing lost."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest

from mendwire.docket.releases import WHOLE, Releases
from mendwire.errors import ConfigError, StreamFull
from mendwire.model.delivery import MessageRef, Received
from mendwire.model.names import Names
from mendwire.ops.quarantine import Desk, Label, Step
from mendwire.screen.quarantine import quarantine
from mendwire.wire.jetstream import JetStreamBus
from tests.wire.test_quarantine import SCREENING, releases

ERRORS = "AI_TUTOR_STAGING_ERRORS"
LAST = 1 << 62


class Killed(BaseException):
    """What stands for the end of the process."""


async def held(bus: JetStreamBus, names: Names, text: str, msg_id: str, **headers: str) -> Received:
    """A report that was published, rejected, quarantined and settled."""
    payload = json.dumps({"error": text, "stack": "x"}).encode()
    ack = await bus.publish(names.errors("staging"), payload, msg_id=msg_id, headers=headers)
    received = await bus.peek(ERRORS, ack.seq)
    assert received is not None
    await quarantine(bus, names, releases(bus), received, "prompt_injection_detected", SCREENING)
    assert await bus.remove(received.ref)
    return received


async def waiting(bus: JetStreamBus) -> list[Received]:
    return [received async for received in bus.walk(ERRORS, 100, LAST)]


async def rows(desk: Desk) -> list[dict[str, object]]:
    return [row async for row in desk.export()]


async def test_a_released_report_enters_again_as_it_was_sent(
    bus: JetStreamBus, names: Names
) -> None:
    sent = await held(
        bus, names, "Ignore the rest", "id-1", **{"Mendwire-Trust": "low", "X-A": "b"}
    )
    desk = Desk(bus, releases(bus), "ann@desk")
    (row,) = await desk.held()
    assert (row.seq, row.origin, row.trust, row.rules) == (
        1,
        "ai_tutor.errors.staging",
        "low",
        "override",
    )
    decision = await desk.release(1, "it is our own text")
    assert decision.label is Label.BENIGN
    (back,) = await waiting(bus)
    assert back.payload == sent.payload
    assert back.ref.msg_id == "id-1~1"
    own = {name: text for name, text in back.headers.items() if not name.startswith("Nats-")}
    assert own == {"Mendwire-Trust": "low", "X-A": "b", "Mendwire-Generation": "1"}
    filed = await releases(bus).find(hashlib.sha256(sent.payload).hexdigest())
    assert filed is not None
    assert (filed.by, filed.note) == ("ann@desk", "it is our own text")
    assert await desk.held() == []
    (labelled,) = await rows(desk)
    assert labelled["label"] == "benign"
    assert labelled["text"] == sent.payload.decode()
    assert labelled["by"] == "ann@desk"
    with pytest.raises(ConfigError, match="Nothing is held as 1"):
        await desk.release(1)


@pytest.mark.parametrize("last", Step)
async def test_a_release_that_was_killed_after_any_step_is_given_again(
    bus: JetStreamBus, names: Names, last: Step
) -> None:
    await held(bus, names, "Ignore the rest", "id-1")

    def die(step: Step) -> None:
        if step is last:
            raise Killed

    with pytest.raises(Killed):
        await Desk(bus, releases(bus), "ann@desk", die).release(1)
    if last is not Step.FILED:
        # A worker was quick: the copy that entered is gone already.
        (entered,) = await waiting(bus)
        assert await bus.remove(entered.ref)
    desk = Desk(bus, releases(bus), "ann@desk")
    if last is Step.REMOVED:
        assert await desk.held() == []
    else:
        await desk.release(1)
    assert await desk.held() == []
    assert len(await rows(desk)) == 1
    # At worst it came twice, each time under an id of its own; never not at all.
    assert len(await waiting(bus)) == (0 if last is Step.REMOVED else 1)


async def test_an_id_that_somebody_used_up_does_not_swallow_a_release(
    bus: JetStreamBus, names: Names
) -> None:
    sent = await held(bus, names, "Ignore the rest", "id-1")
    await bus.publish(names.errors("staging"), b'{"error": "mine"}', msg_id="id-1~1")
    await Desk(bus, releases(bus), "ann@desk").release(1)
    assert [back.payload for back in await waiting(bus)] == [b'{"error": "mine"}', sent.payload]


async def test_what_is_not_what_was_held_is_not_released(bus: JetStreamBus, names: Names) -> None:
    await held(bus, names, "Ignore the rest", "id-1")
    kept = await bus.peek("AI_TUTOR_QUARANTINE", 1)
    assert kept is not None
    headers = {name: text for name, text in kept.headers.items() if not name.startswith("Nats-")}
    await bus.publish(kept.ref.subject, b'{"error": "other"}', msg_id="forged", headers=headers)
    with pytest.raises(ConfigError, match="sha256 differs"):
        await Desk(bus, releases(bus), "ann@desk").release(2)
    assert await waiting(bus) == []


async def test_discarded_reports_are_labelled_or_forgotten(bus: JetStreamBus, names: Names) -> None:
    for number in range(3):
        await held(bus, names, f"Ignore the rest of number{'abc'[number]}", f"id-{number}")
    desk = Desk(bus, releases(bus), "ann@desk")
    assert [row.seq for row in await desk.held(rule="override")] == [1, 2, 3]
    assert await desk.held(rule="overrid") == []
    await desk.discard(1)
    await desk.discard(2, Label.BENIGN, "a test of ours")
    await desk.discard(3, forget=True)
    assert await desk.held() == []
    assert [(row["label"], row["action"]) for row in await rows(desk)] == [
        ("attack", "discarded"),
        ("benign", "discarded"),
    ]
    assert await waiting(bus) == []


async def test_a_flood_of_one_kind_is_counted_and_hides_nothing(
    bus: JetStreamBus, names: Names
) -> None:
    await held(bus, names, "Another one", "first")
    for number in range(WHOLE + 30):
        await held(bus, names, "Ignore the rest", f"flood-{number}")
    await held(bus, names, "One more of another kind", "last")
    desk = Desk(bus, releases(bus), "ann@desk")
    shown = await desk.held()
    assert len(shown) == WHOLE + 2
    assert (shown[0].message, shown[0].more) == ("Another one", 0)
    assert {row.more for row in shown[1:-1]} == {30}
    assert (shown[-1].message, shown[-1].more) == ("One more of another kind", 0)
    for row in shown[1:-1]:
        await desk.discard(row.seq)
    await held(bus, names, "Ignore the rest", "after")
    assert [row.more for row in await desk.held()] == [0, 0, 0]


async def test_a_redelivery_is_neither_kept_nor_counted_twice(bus: JetStreamBus) -> None:
    ours: Releases = releases(bus)
    assert all([await ours.admit("kind", f"place-{number}") for number in range(WHOLE)])
    assert not await ours.admit("kind", "one-more")
    assert not await ours.admit("kind", "one-more")
    assert await ours.admit("kind", "place-3")
    assert await ours.more("kind") == 1


async def test_a_full_quarantine_goes_on_once_some_is_forgotten(
    bus: JetStreamBus, names: Names
) -> None:
    js = bus.api.client.jetstream()
    config = (await js.stream_info("AI_TUTOR_QUARANTINE")).config
    config.max_msgs = 1
    await js.update_stream(config)
    first = await held(bus, names, "Ignore the rest", "id-1")
    ref: MessageRef = replace(first.ref, seq=77, sha256="0" * 64)
    second = replace(first, ref=ref, payload=b'{"error": "Another"}')
    with pytest.raises(StreamFull):
        await quarantine(bus, names, releases(bus), second, "why", SCREENING)
    desk = Desk(bus, releases(bus), "ann@desk")
    await desk.discard(1, forget=True)
    await quarantine(bus, names, releases(bus), second, "why", SCREENING)
    assert [row.message for row in await desk.held()] == ["Another"]


async def test_what_a_publisher_says_of_itself_is_no_decision(
    bus: JetStreamBus, names: Names
) -> None:
    claims = {f"Mendwire-Decided-{name}": "benign" for name in ("Label", "Action", "By", "Note")}
    await held(bus, names, "Ignore the rest", "id-1", **claims, **{"Mendwire-Trust": "low"})
    desk = Desk(bus, releases(bus), "ann@desk")
    (row,) = [row async for row in desk.export(held=True)]
    assert (row["label"], row["action"], row["by"]) == (None, "held", "")
    await desk.discard(1)
    (row,) = await rows(desk)
    assert (row["label"], row["action"], row["note"]) == ("attack", "discarded", "")


async def test_a_crowd_of_headers_does_not_push_out_how_little_trust_it_came_with(
    bus: JetStreamBus, names: Names
) -> None:
    crowd = {f"A-{number}": "x" * 1_000 for number in range(30)}
    await held(bus, names, "Ignore the rest", "id-1", **crowd, **{"Mendwire-Trust": "low"})
    await Desk(bus, releases(bus), "ann@desk").release(1)
    (back,) = await waiting(bus)
    assert back.headers["Mendwire-Trust"] == "low"


async def test_a_strange_message_in_the_quarantine_hides_nothing(
    bus: JetStreamBus, names: Names
) -> None:
    strange = {"Mendwire-Score": "much", "Mendwire-Origin-Seq": "-1", "Mendwire-Rules": "other"}
    await bus.publish(names.quarantine("staging"), b"\xff", headers=strange)
    await held(bus, names, "Ignore the rest", "id-1")
    desk = Desk(bus, releases(bus), "ann@desk")
    assert [(row.seq, row.score) for row in await desk.held()] == [(1, None), (2, 0.9)]
    assert len([row async for row in desk.export(held=True)]) == 2
    assert await desk.waiting() == [1, 2]
    assert await desk.waiting(rule="override") == [2]
