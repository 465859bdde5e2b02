"""Repeats of publishers that count nothing: the server drops them, a worker hears them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from nats.aio.client import Client

from mendwire.docket.cases import Docket
from mendwire.investigate.listener import Listener
from mendwire.investigate.sweeper import LAST
from mendwire.model.names import Names
from mendwire.model.report import parse_report
from mendwire.model.signature import issue_key
from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import Topology
from tests.nats_server import RealServer, running

REPORT = json.dumps({"error": "KeyError: 'x'", "type": "KeyError", "service": "shop"}).encode()
ISSUE = issue_key(parse_report(REPORT))


def listener(bus: JetStreamBus) -> Listener:
    windows = {bus.names.errors(env): 86_400.0 for env in (None, "staging", "production")}
    docket = Docket(bus.bucket(bus.names.bucket("DOCKET")), "w1")
    return Listener(bus=bus, docket=docket, names=bus.names, windows_s=windows, every_s=600)


async def say(client: Client, times: int, msg_id: str = "a", **headers: str) -> None:
    jetstream = client.jetstream()
    given = {"Nats-Msg-Id": msg_id, **headers} if msg_id else headers
    for _ in range(times):
        await jetstream.publish("ai_tutor.errors.production", REPORT, headers=given)


async def counted(bus: JetStreamBus) -> Counter[str]:
    found: Counter[str] = Counter()
    async for received in bus.walk(bus.names.stream("OCCURRENCES"), 1000, LAST):
        body = json.loads(received.payload)
        assert body["source"] == "heard"
        found[body["issue"]] += body["count"]
    return found


async def told(bus: JetStreamBus, *listeners: Listener, total: int) -> Counter[str]:
    """What was counted, once it is ``total``: an acknowledgement may be quicker than hearing."""
    async with asyncio.timeout(10):
        while True:
            for one in listeners:
                await one.tell()
            found = await counted(bus)
            if sum(found.values()) >= total:
                return found
            await asyncio.sleep(0.01)


async def say_last(client: Client, env: str = "production") -> None:
    """One repeat more: when it is counted, everything before it was heard."""
    for _ in range(2):
        await client.jetstream().publish(
            f"ai_tutor.errors.{env}", REPORT, headers={"Nats-Msg-Id": "the end"}
        )


async def test_what_the_server_drops_is_counted_once(bus: JetStreamBus, server: RealServer) -> None:
    async with server.client() as foreign, listener(bus) as one:
        await say(foreign, 8)
        await say(foreign, 3, "b")
        assert await told(bus, one, total=9) == {ISSUE: 7 + 2}
        await say(foreign, 2)
        assert await told(bus, one, total=11) == {ISSUE: 11}


async def test_what_was_heard_last_is_told_at_the_end(
    bus: JetStreamBus, server: RealServer
) -> None:
    async with server.client() as foreign, listener(bus) as one:
        await say(foreign, 4)
        async with asyncio.timeout(10):
            while not any(known.repeats == 3 for known in one._ids.values()):
                await asyncio.sleep(0.01)
    assert await counted(bus) == {ISSUE: 3}


async def test_those_who_count_themselves_and_what_has_no_id_are_left_alone(
    bus: JetStreamBus, server: RealServer
) -> None:
    async with server.client() as foreign, listener(bus) as one:
        await say(foreign, 3, **{"Mendwire-Publisher": "mendwire-python"})
        await say(foreign, 3, msg_id="")
        await say_last(foreign)
        assert await told(bus, one, total=1) == {ISSUE: 1}


async def test_workers_share_the_hearing(bus: JetStreamBus, server: RealServer) -> None:
    async with server.client() as foreign, server.client() as second:
        other = JetStreamBus(second, bus.names)
        async with listener(bus) as one, listener(other) as two:
            await say(foreign, 100)
            found = await told(bus, one, two, total=98)
    assert found.keys() == {ISSUE}
    assert found[ISSUE] <= 99, "each worker takes the first that it hears for the stored one"


async def test_after_the_window_the_next_one_is_a_first_again(
    bus: JetStreamBus, server: RealServer
) -> None:
    one = listener(bus)
    one.windows_s = {**one.windows_s, bus.names.errors("production"): 0.0}
    async with server.client() as foreign, one:
        await say(foreign, 5)
        await say_last(foreign, "staging")
        assert await told(bus, one, total=1) == {ISSUE: 1}


async def test_what_is_no_report_is_not_counted(bus: JetStreamBus, server: RealServer) -> None:
    async with server.client() as foreign, listener(bus) as one:
        for _ in range(3):
            await foreign.publish(
                "ai_tutor.errors.staging", b"\xff\x00", headers={"Nats-Msg-Id": "x"}
            )
        await say_last(foreign)
        assert await told(bus, one, total=1) == {ISSUE: 1}


async def test_a_refused_subscription_stops_nothing(
    tmp_path: Path, names: Names, wanted: Topology
) -> None:
    config = (
        "authorization { users: [ {user: root, password: r}, {user: w, password: w, permissions: "
        '{ publish: ">", subscribe: { allow: ">", deny: "ai_tutor.errors.>" } } } ] }'
    )
    async with running(tmp_path / "nats", config) as server:
        root, denials = {"user": "root", "password": "r"}, Denials()
        async with server.client(**root) as client:
            await ensure(JetStreamBus(client, names).api, wanted)
            refused = {"user": "w", "password": "w", "error_cb": _noting(denials)}
            async with server.client(**refused) as own:
                bus = JetStreamBus(own, names, denials)
                async with listener(bus) as one:
                    await say(client, 3)
                    await one.tell()
                assert await counted(bus) == {}
                assert denials.find("ai_tutor.errors.production")


def _noting(denials: Denials) -> Callable[[Exception], Awaitable[None]]:
    async def note(error: Exception) -> None:
        denials.note(error)

    return note
