from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import InvalidName
from mendwire.model.names import CONSUMER, Names
from mendwire.wire.plan import Action, Actual, ActualStream, Plan, overlap, plan
from mendwire.wire.topology import Topology, topology

NAMES = Names(namespace="ai_tutor")
ENVIRONMENTS = st.lists(st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True), max_size=5)

ECHO: dict[str, Any] = {"compression": "none", "sealed": False, "consumer_limits": {}}


def echoed(actual: Actual, done: Plan) -> Actual:
    """A server that takes the plan and adds fields of its own."""
    streams = {
        name: (dict(found.config), dict(found.consumers)) for name, found in actual.streams.items()
    }
    for item in done.changes:
        if item.consumer:
            streams[item.stream][1][item.consumer] = {**item.config, "max_ack_pending": 1000}
        else:
            had = streams.get(item.stream, ({}, {}))
            config = {**ECHO, **item.config}
            config["metadata"] = {**config["metadata"], "_nats.ver": "2.15.1"}
            streams[item.stream] = (config, had[1])
    return Actual(
        streams={name: ActualStream(config=c, consumers=k) for name, (c, k) in streams.items()}
    )


def made(wanted: Topology) -> Actual:
    return echoed(Actual(streams={}), plan(Actual(streams={}), wanted))


@given(ENVIRONMENTS, st.integers(1, 3), st.none() | st.integers(10**8, 10**12))
def test_an_applied_plan_leaves_nothing_to_do(
    environments: list[str], replicas: int, disk: int | None
) -> None:
    wanted = topology(NAMES, environments, replicas=replicas, disk_bytes=disk)
    found = plan(made(wanted), wanted)
    assert {item.action for item in found.items} == {Action.EQUAL}
    assert len({item.name for item in found.items}) == len(found.items)


@given(ENVIRONMENTS, ENVIRONMENTS, st.integers(1, 3), st.integers(10**8, 10**12))
def test_any_topology_of_ours_grows_into_any_other(
    before: list[str], after: list[str], replicas: int, disk: int
) -> None:
    actual = made(topology(NAMES, before))
    wanted = topology(NAMES, after, replicas=replicas, disk_bytes=disk)
    step = plan(actual, wanted)
    assert not step.obstacles
    assert not plan(echoed(actual, step), wanted).changes


@given(ENVIRONMENTS)
def test_every_name_is_ours_and_every_limit_stated(environments: list[str]) -> None:
    wanted = topology(NAMES, environments)
    for spec in wanted.streams:
        assert spec.name.removeprefix("KV_").removeprefix("OBJ_").startswith("AI_TUTOR_")
        config = spec.config()
        assert config["max_bytes"] > 0
        assert config["max_age"] == 0 or config["duplicate_window"] <= config["max_age"]
        assert config["metadata"]["mendwire.namespace"] == "ai_tutor"
    assert sum(spec.max_bytes for spec in wanted.streams) <= 2 * 1024**3


def test_the_table_of_the_wire_contract() -> None:
    wanted = topology(NAMES, ["staging", "production"])
    days = 86_400
    table: dict[str, tuple[object, ...]] = {
        spec.name: (spec.subjects, spec.retention, spec.max_age_s, spec.duplicate_s, spec.discard)
        for spec in wanted.streams
    }
    assert table["AI_TUTOR_ERROR_REPORTS"] == (
        ("ai_tutor.errors",),
        "workqueue",
        7 * days,
        120,
        "new",
    )
    assert table["AI_TUTOR_PRODUCTION_ERRORS"] == (
        ("ai_tutor.errors.production",),
        "workqueue",
        30 * days,
        days,
        "new",
    )
    assert table["AI_TUTOR_RESULTS"][1:3] == ("limits", 90 * days)
    assert table["AI_TUTOR_DEAD"][2:] == (0, days, "new")
    assert table["AI_TUTOR_OCCURRENCES"][4] == "old"
    assert wanted.error_streams == (
        "AI_TUTOR_ERROR_REPORTS",
        "AI_TUTOR_STAGING_ERRORS",
        "AI_TUTOR_PRODUCTION_ERRORS",
    )
    (consumer,) = wanted.stream("AI_TUTOR_STAGING_ERRORS").consumers
    assert consumer.config() == {
        "name": CONSUMER,
        "durable_name": CONSUMER,
        "ack_policy": "explicit",
        "ack_wait": 600 * 10**9,
        "max_deliver": 3,
        "filter_subject": "ai_tutor.errors.staging",
    }


def test_a_third_environment_changes_nothing_for_the_first_two() -> None:
    actual = made(topology(NAMES, ["staging", "production"]))
    step = plan(actual, topology(NAMES, ["staging", "production", "qa"]))
    assert {item.stream for item in step.changes} == {"AI_TUTOR_QA_ERRORS", "AI_TUTOR_ADVISORIES"}


def test_ours_with_another_retention_is_an_obstacle() -> None:
    wanted = topology(NAMES, [])
    streams = dict(made(wanted).streams)
    tasks = streams["AI_TUTOR_TASKS"]
    streams["AI_TUTOR_TASKS"] = ActualStream(
        config={**tasks.config, "retention": "limits"}, consumers={}
    )
    (item,) = plan(Actual(streams=streams), wanted).obstacles
    assert item.fields[0].field == "retention"
    assert not item.fields[0].changeable


def test_an_environment_outside_its_pattern_is_refused() -> None:
    with pytest.raises(InvalidName):
        topology(NAMES, ["a.b*"])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a.b", "a.b", True),
        ("a.b", "a.c", False),
        ("a.*", "*.b", True),
        ("a.>", "a", False),
        ("a.>", "a.b.c", True),
        ("", "a", True),
        ("a.*", "a.b.c", False),
        ("a.b.>", "a.*", False),
    ],
)
def test_overlap(one: str, other: str, expected: bool) -> None:
    assert overlap(one, other) is expected
    assert overlap(other, one) is expected
