"""The pure parts of the task queue: names, turns, times, bodies."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mendwire.errors import ConfigError, InvalidName, Undecodable
from mendwire.model.delivery import MessageRef, Received
from mendwire.model.names import Names
from mendwire.tasks.calls import Context, Retry, handler_of, result_of
from mendwire.tasks.lanes import owner_of, priority, receiver, stands, word
from mendwire.tasks.reading import Task, read_task
from mendwire.tasks.schedule import next_time
from mendwire.tasks.turns import PATIENCE, Turns
from mendwire.wire.plan import overlap

NAMES = Names(namespace="ai_tutor")


def received(subject: str, payload: bytes, **headers: str) -> Received:
    ref = MessageRef(stream="AI_TUTOR_TASKS", stream_created="c", seq=7, subject=subject)
    return Received(ref=ref, payload=payload, headers=headers, deliveries=1, published_ns=0)


@pytest.mark.parametrize("text", ["", "a.b", "a b", "*", ">", "-a", "ä", "a" * 65, "a\n"])
def test_what_cannot_be_a_token_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InvalidName, match=r"cannot be the type of a task.*\.$"):
        word(text, "type")


@pytest.mark.parametrize(
    ("text", "wanted"), [("", "any"), (" ANY ", "any"), ("architect", "architect"), ("A-1", "A-1")]
)
def test_nobody_in_particular_is_any(text: str, wanted: str) -> None:
    assert receiver(text) == wanted


def test_priorities_are_three() -> None:
    assert [priority(text) for text in ("High", " normal", "low")] == ["high", "normal", "low"]
    with pytest.raises(InvalidName, match="say high, normal or low"):
        priority("urgent")


def test_the_lanes_of_all_types_and_receivers_are_disjoint() -> None:
    lanes = [
        stand
        for kind in ("t", "t-high", "investigation")
        for stand in stands(NAMES, kind, ["architect", "high"])
    ]
    assert len({stand.consumer for stand in lanes}) == len(lanes) == 30
    for one in lanes:
        assert [o.subject for o in lanes if overlap(o.subject, one.subject)] == [one.subject]


@pytest.mark.parametrize(
    ("taken", "is_owned"),
    [
        ("ai_tutor.tasks.t", True),
        ("ai_tutor.tasks.>", True),
        ("ai_tutor.tasks.*", True),
        ("ai_tutor.tasks.t.high.*", True),
        ("", True),
        ("ai_tutor.tasks.other", False),
        ("ai_tutor.tasks.other.>", False),
    ],
)
def test_a_foreign_consumer_owns_what_it_overlaps(taken: str, is_owned: bool) -> None:
    found = owner_of(NAMES, "t", {"theirs": {"filter_subject": taken}})
    assert (found is not None) is is_owned
    ours = {"filter_subject": taken, "metadata": {"mendwire.owner": "mendwire"}}
    assert owner_of(NAMES, "t", {"tasks~t~raw": ours}) is None
    claimed = owner_of(NAMES, "t", {"tasks~t~raw": {"filter_subject": taken}})
    assert (claimed is not None) is is_owned, "a name alone proves nothing"


@given(st.lists(st.integers(0, 2), min_size=1, max_size=300))
def test_no_rank_is_passed_over_for_longer_than_its_patience(arrivals: list[int]) -> None:
    waiting, turns, passed = [0, 0, 0], Turns(), [0, 0, 0]
    for arrived in arrivals:
        waiting[arrived] += 1
    while any(waiting):
        rank = turns.pick(lambda rank: waiting[rank] > 0)
        assert rank is not None
        waiting[rank] -= 1
        passed[rank] = 0
        for lower in range(rank + 1, 3):
            passed[lower] += bool(waiting[lower])
            assert passed[lower] <= PATIENCE[lower] + 1


def test_ranks_go_strictly_in_order_while_nobody_is_overdue() -> None:
    waiting, turns = [5, 5, 5], Turns()
    order = []
    while (rank := turns.pick(lambda rank: waiting[rank] > 0)) is not None:
        waiting[rank] -= 1
        order.append(rank)
    assert order == [0] * 5 + [1] * 5 + [2] * 5


def test_the_subject_rules_where_it_has_the_tokens() -> None:
    body = b'{"task_id":"x","type":"kind","priority":"low","assigned_to":"clerk","context":[1]}'
    task = read_task(NAMES, received("ai_tutor.tasks.t.high.any", body))
    assert (task.type, task.kind, task.priority, task.assigned_to) == ("t", "kind", "high", "")
    assert task.context == {"value": [1]}
    raw = read_task(NAMES, received("ai_tutor.tasks.t", body))
    assert (raw.priority, raw.assigned_to) == ("low", "clerk")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"\xff",
        b'{"priority":"now"}',
        b'{"assigned_to":"a.b"}',
        b'{"deadline":"soon"}',
        b'{"description":3}',
    ],
)
def test_what_is_no_task_is_told_in_one_sentence(body: bytes) -> None:
    with pytest.raises(Undecodable, match=r"\.$"):
        read_task(NAMES, received("ai_tutor.tasks.t", body))


@given(st.binary(max_size=200))
def test_any_bytes_are_a_task_or_undecodable(body: bytes) -> None:
    try:
        read_task(NAMES, received("ai_tutor.tasks.t", body))
    except Undecodable:
        return


@pytest.mark.parametrize("claimed", ['""', '"a.b"', '"*"', '"' + "x" * 200 + '"'])
def test_an_id_that_may_be_no_token_becomes_one_of_ours(claimed: str) -> None:
    body = f'{{"task_id":{claimed}}}'.encode()
    first = read_task(NAMES, received("ai_tutor.tasks.t", body)).id
    assert first == read_task(NAMES, received("ai_tutor.tasks.t", body)).id
    assert word(first, "id").startswith("t-")


@pytest.mark.parametrize(
    ("cron", "zone", "wanted"),
    [
        ("30 7 * * 1-5", "UTC", "2026-11-26T07:30:00+00:00"),
        ("*/15 * * * *", "UTC", "2026-11-25T20:15:00+00:00"),
        ("0 3 * * *", "Europe/Berlin", "2026-11-26T02:00:00+00:00"),
        ("0 0 29 2 *", "UTC", "2028-02-29T00:00:00+00:00"),
    ],
)
def test_cron_says_when_it_is_due_next(cron: str, zone: str, wanted: str) -> None:
    now = datetime(2026, 11, 25, 20, 13, tzinfo=UTC)
    assert next_time(cron, zone, now).isoformat() == wanted


@pytest.mark.parametrize(
    ("cron", "zone"),
    [
        ("", "UTC"),
        ("* * * *", "UTC"),
        ("* * * * * *", "UTC"),
        ("61 * * * *", "UTC"),
        ("0 0 30 2 *", "UTC"),
        ("* * * * *", "Mars/Base"),
        ("* * * * *", "../x"),
    ],
)
def test_what_is_no_schedule_is_told_in_one_sentence(cron: str, zone: str) -> None:
    with pytest.raises(ConfigError, match=r"\.$"):
        next_time(cron, zone, datetime(2026, 1, 1, tzinfo=UTC))


async def _one(task: Task) -> None: ...


async def _two(task: Task, context: Context) -> None: ...


async def _three(task: Task, context: Context, more: int) -> None: ...


def _sync(task: Task) -> None: ...


def test_functions_are_looked_over_once() -> None:
    assert not handler_of("t", _one).wants_context
    assert handler_of("t", _two).wants_context
    for wrong in (_three, _sync):
        with pytest.raises(ConfigError, match=r"\.$"):
            handler_of("t", wrong)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ConfigError):
        handler_of("t", _one, attempts=0)


def test_the_wait_doubles_and_has_an_end() -> None:
    handler = handler_of("t", _one, backoff_s=2)
    assert [handler.wait_s(n) for n in (1, 2, 3, 60)] == [2, 4, 8, 600]
    assert Retry(delay_s=3).delay_s == 3


def test_what_is_given_back_becomes_a_result() -> None:
    assert result_of("x", "a", None).solution == ""
    assert result_of("x", "a", "done that").solution == "done that"
    assert result_of("x", "a", [1, 2]).evidence == {"value": [1, 2]}
    found = result_of("x", "a", {"commit": "c", "lines": 3, "status": "sneaky", "task_id": "y"})
    assert (found.task_id, found.status, found.commit) == ("x", "done", "c")
    assert found.evidence == {"lines": 3, "status": "sneaky", "task_id": "y"}
    with pytest.raises(Undecodable):
        result_of("x", "a", object())
    with pytest.raises(Undecodable):
        result_of("x", "a", {"commit": 3})
