from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mendwire import telemetry
from mendwire.errors import StreamFull
from mendwire.model.names import CONSUMER, Names
from mendwire.ops.streams import applied, planned
from mendwire.settings.config import Config
from mendwire.settings.serving import Retention
from mendwire.wire.api import ApiError
from mendwire.wire.apply import chosen_disk, disk_bytes, ensure, establish, read
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.plan import Action, plan
from mendwire.wire.topology import DAYS, Topology, topology
from tests.nats_server import RealServer, running

STAGING = "AI_TUTOR_STAGING_ERRORS"


async def snapshot(bus: JetStreamBus) -> dict[str, Any]:
    listed = await bus.api.call("STREAM.LIST")
    found = {}
    for stream in listed["streams"] or []:
        name = stream["config"]["name"]
        consumers = (await bus.api.call(f"CONSUMER.LIST.{name}"))["consumers"] or []
        found[name] = (stream["config"], stream["created"], [c["config"] for c in consumers])
    return found


async def test_applied_twice_nothing_changes(empty_bus: JetStreamBus, wanted: Topology) -> None:
    events: list[str] = []
    with telemetry.subscribed(lambda _event, fields: events.append(str(fields["stream"]))):
        first = plan(await read(empty_bus.api, wanted), wanted)
        assert {item.action for item in first.items} == {Action.CREATE}
        await ensure(empty_bus.api, wanted)
        made = await snapshot(empty_bus)
        again = await ensure(empty_bus.api, wanted)
    assert {item.action for item in again.items} == {Action.EQUAL}
    assert await snapshot(empty_bus) == made
    assert len(events) == len(first.items)
    assert "KV_AI_TUTOR_DOCKET" in made
    assert made[STAGING][0]["retention"] == "workqueue"


async def test_a_plain_consumer_add_finds_ours_equal(bus: JetStreamBus) -> None:
    config = {
        "name": CONSUMER,
        "durable_name": CONSUMER,
        "deliver_policy": "all",
        "replay_policy": "instant",
        "ack_policy": "explicit",
        "ack_wait": 600 * 10**9,
        "max_deliver": 3,
        "filter_subject": "ai_tutor.errors.staging",
    }
    endpoint = f"CONSUMER.CREATE.{STAGING}.{CONSUMER}.ai_tutor.errors.staging"
    body = {"stream_name": STAGING, "config": config, "action": "create"}
    await bus.api.call(endpoint, body)
    config["max_deliver"] = 4
    with pytest.raises(ApiError):
        await bus.api.call(endpoint, body)


async def test_drift_is_shown_field_by_field_and_mended(
    bus: JetStreamBus, wanted: Topology
) -> None:
    config = (await bus.api.call(f"STREAM.INFO.{STAGING}"))["config"]
    config |= {
        "max_age": 10**15,
        "duplicate_window": 10**9,
        "description": "x",
        "compression": "s2",
    }
    config["metadata"]["somebody"] = "else"
    await bus.api.call(f"STREAM.UPDATE.{STAGING}", config)
    found = plan(await read(bus.api, wanted), wanted)
    (item,) = found.changes
    assert item.name == STAGING
    shown = {change.field: (change.actual, change.wanted) for change in item.fields}
    assert shown["max_age"] == (10**15, 30 * 86_400 * 10**9)
    assert set(shown) == {"max_age", "duplicate_window", "description"}
    assert all(change.changeable for change in item.fields)
    assert not (await ensure(bus.api, wanted)).changes
    mended = (await bus.api.call(f"STREAM.INFO.{STAGING}"))["config"]
    assert (mended["compression"], mended["metadata"]["somebody"]) == ("s2", "else")


async def test_a_drifted_consumer_is_mended(bus: JetStreamBus, wanted: Topology) -> None:
    config = (await bus.api.call(f"CONSUMER.INFO.{STAGING}.{CONSUMER}"))["config"]
    config["ack_wait"] = 30 * 10**9
    endpoint = f"CONSUMER.CREATE.{STAGING}.{CONSUMER}.ai_tutor.errors.staging"
    body = {"stream_name": STAGING, "config": config, "action": "update"}
    await bus.api.call(endpoint, body)
    (item,) = plan(await read(bus.api, wanted), wanted).changes
    assert (item.consumer, item.fields[0].field) == (CONSUMER, "ack_wait")
    assert not (await ensure(bus.api, wanted)).changes


async def test_a_usable_stream_of_somebody_else_is_left_as_it_is(
    empty_bus: JetStreamBus, wanted: Topology
) -> None:
    config = {
        "name": STAGING,
        "subjects": ["ai_tutor.errors.staging"],
        "retention": "workqueue",
        "storage": "file",
    }
    await empty_bus.api.call(f"STREAM.CREATE.{STAGING}", config)
    before = (await snapshot(empty_bus))[STAGING]
    found = await ensure(empty_bus.api, wanted)
    (item,) = (i for i in found.items if i.name == STAGING)
    assert item.action is Action.UNOWNED
    assert "max_age" in {change.field for change in item.fields}
    after = (await snapshot(empty_bus))[STAGING]
    assert after[:2] == before[:2]
    assert [consumer["name"] for consumer in after[2]] == [CONSUMER]
    assert not found.obstacles


async def test_an_unusable_one_stands_in_the_way(empty_bus: JetStreamBus, wanted: Topology) -> None:
    config = {"name": STAGING, "subjects": ["ai_tutor.errors.staging"], "storage": "file"}
    await empty_bus.api.call(f"STREAM.CREATE.{STAGING}", config)
    await empty_bus.api.call(
        "STREAM.CREATE.GRABBER", {"name": "GRABBER", "subjects": ["ai_tutor.results.>"]}
    )
    found = await ensure(empty_bus.api, wanted)
    reasons = {item.name: item.reason for item in found.obstacles}
    assert set(reasons) == {STAGING, "AI_TUTOR_RESULTS"}
    assert "retention" in reasons[STAGING]
    assert "GRABBER" in reasons["AI_TUTOR_RESULTS"]


async def test_another_consumer_on_a_work_queue_stands_in_the_way(
    bus: JetStreamBus, wanted: Topology
) -> None:
    await bus.api.call(f"CONSUMER.DELETE.{STAGING}.{CONSUMER}")
    other = {"name": "other", "durable_name": "other", "ack_policy": "explicit"}
    await bus.api.call(
        f"CONSUMER.CREATE.{STAGING}.other", {"stream_name": STAGING, "config": other}
    )
    found = await ensure(bus.api, wanted)
    (item,) = found.obstacles
    assert item.name == f"{STAGING} > other"
    assert not found.changes


async def test_nothing_of_anybody_else_is_touched(empty_bus: JetStreamBus, names: Names) -> None:
    decoys = ("AI_TUTOR2_TASKS", "AI_TUTOR", "AI_TUTOR_X_TASKS", "XAI_TUTOR_TASKS", "TASKS")
    for decoy in decoys:
        config = {"name": decoy, "subjects": [f"{decoy.lower()}.>"], "retention": "workqueue"}
        await empty_bus.api.call(f"STREAM.CREATE.{decoy}", config)
        consumer = {"name": "c", "durable_name": "c", "ack_policy": "explicit"}
        await empty_bus.api.call(
            f"CONSUMER.CREATE.{decoy}.c", {"stream_name": decoy, "config": consumer}
        )
    # `ai_tutor.>` would overlap with ours; these take other first tokens.
    before = await snapshot(empty_bus)
    await ensure(empty_bus.api, topology(names, ["staging"]))
    await ensure(empty_bus.api, topology(names, ["staging", "qa"], disk_bytes=10**9))
    after = await snapshot(empty_bus)
    assert {name: after[name] for name in decoys} == before


async def test_two_processes_may_apply_at_once(
    empty_bus: JetStreamBus, server: RealServer, wanted: Topology
) -> None:
    async with server.client() as client:
        other = JetStreamBus(client, empty_bus.names)
        plans = await asyncio.gather(ensure(empty_bus.api, wanted), ensure(other.api, wanted))
    assert all(not found.changes and not found.obstacles for found in plans)


async def test_a_small_store_is_shared_out_and_stays_so(tmp_path: Path, names: Names) -> None:
    async with running(tmp_path / "n", max_file="300MB") as server, server.client() as client:
        api = JetStreamBus(client, names).api
        wanted, left = await establish(api, names, ["staging", "production"])
        assert not left.obstacles
        assert sum(spec.max_bytes for spec in wanted.streams) < 300_000_000
        assert await chosen_disk(api, names) == 256 * 1024**2
        again, _ = await establish(api, names, ["staging", "production"])
        assert again == wanted
        assert not plan(await read(api, wanted), wanted).changes


async def test_a_store_that_is_too_small_is_named(tmp_path: Path, names: Names) -> None:
    async with running(tmp_path / "n", max_file="10MB") as server, server.client() as client:
        with pytest.raises(StreamFull, match="insufficient storage"):
            await establish(JetStreamBus(client, names).api, names, [])


async def test_disk_is_the_accounts_limit_where_it_states_one(tmp_path: Path, names: Names) -> None:
    account = (
        "accounts { A: { jetstream: { max_file: 1GB, max_mem: 0 }, "
        "users: [ {user: a, password: a} ] } }"
    )
    async with (
        running(tmp_path / "n", account) as server,
        server.client(user="a", password="a") as client,
    ):
        api = JetStreamBus(client, names).api
        assert await disk_bytes(api) == int(0.8 * 1024**3)
        wanted, _ = await establish(api, names, ["staging"])
        assert sum(spec.max_bytes for spec in wanted.streams) <= int(0.8 * 1024**3)


async def test_a_bucket_of_somebody_else_must_be_readable_directly(
    empty_bus: JetStreamBus, wanted: Topology
) -> None:
    await empty_bus.api.client.jetstream().create_key_value(bucket="AI_TUTOR_DOCKET", history=5)
    found = await ensure(empty_bus.api, wanted)
    (item,) = found.obstacles
    assert item.name == "KV_AI_TUTOR_DOCKET"
    assert "max_msgs_per_subject" in item.reason


async def test_retention_is_a_setting(empty_bus: JetStreamBus, names: Names) -> None:
    config = Config(retention=Retention(errors=3, results=10, quarantine=30))
    await ensure(empty_bus.api, topology(names, ["staging"]))
    found = await planned(empty_bus, ["staging"], days=config.retention.days)
    assert {item.stream for item in found.changes} == {
        "AI_TUTOR_ERROR_REPORTS",
        "AI_TUTOR_STAGING_ERRORS",
        "AI_TUTOR_RESULTS",
        "AI_TUTOR_QUARANTINE",
    }
    await applied(empty_bus, ["staging"], days=config.retention.days)
    info = await empty_bus.stream("AI_TUTOR_STAGING_ERRORS")
    assert info is not None
    assert info["config"]["max_age"] == 3 * 86_400 * 10**9
    assert Config().retention.days == DAYS
