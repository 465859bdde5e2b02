from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from mendwire.docket.releases import Releases
from mendwire.model.names import Names
from mendwire.ops.kept import kept, replay
from mendwire.tasks import Context, Fail, Task, TaskQueue, TaskWorker
from mendwire.tasks.outcomes import End, Outcomes
from mendwire.tasks.schedule import schedule_of
from mendwire.wire.jetstream import JetStreamBus
from tests.nats_server import RealServer

SEED = {
    "task_id": "0b0c8a3e-6f0e-4e0f-9a61-1f6d0a8f9c11",
    "type": "investigate_performance",
    "priority": "high",
    "description": "API endpoint /users slow",
    "assigned_to": "architect",
    "context": {"endpoint": "/users"},
}


def worker(
    agent: str = "worker", *, concurrency: int = 1, roles: tuple[str, ...] = ()
) -> TaskWorker:
    return TaskWorker(
        agent=agent,
        roles=roles,
        concurrency=concurrency,
        ack_wait_s=2.0,
        drain_s=5.0,
        retry_s=0.1,
    )


@pytest.fixture
def queue(bus: JetStreamBus) -> TaskQueue:
    return TaskQueue(bus)


@asynccontextmanager
async def other_bus(server: RealServer, names: Names) -> AsyncIterator[JetStreamBus]:
    async with server.client() as client:
        yield JetStreamBus(client, names)


async def left(bus: JetStreamBus, kind: str = "TASKS") -> int:
    return int((await bus.api.call(f"STREAM.INFO.AI_TUTOR_{kind}"))["state"]["messages"])


async def emptied(bus: JetStreamBus, kind: str = "TASKS") -> None:
    async with asyncio.timeout(30):
        while await left(bus, kind):
            await asyncio.sleep(0.02)


async def test_what_a_function_returns_is_the_result_and_the_task_is_gone(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    ours = worker("architect")

    @ours.task("investigation")
    async def investigate(task: Task, context: Context) -> dict[str, object]:
        await context.progress("found it", next_steps=("mend it",))
        return {"solution": task.description.upper(), "pr_url": "https://x/1", "lines": 3}

    published = await queue.publish("investigation", "slow", context={"a": 1}, id_="t-1")
    assert (published.subject, published.duplicate) == (
        "ai_tutor.tasks.investigation.normal.any",
        False,
    )
    assert (await queue.publish("investigation", "slow", id_="t-1")).duplicate
    async with ours.on(bus):
        ended = await queue.result("t-1", wait_s=20)
    assert ended is not None
    result = ended.result
    assert (ended.end, result.status, result.agent) == ("done", "done", "architect")
    assert (result.solution, result.pr_url, result.evidence) == (
        "SLOW",
        "https://x/1",
        {"lines": 3},
    )
    told = await queue.progress("t-1")
    assert told is not None
    assert (told.findings, told.next_steps) == ("found it", ("mend it",))
    assert await left(bus) == 0
    assert await left(bus, "RESULTS") == 1


async def test_high_goes_before_normal_before_low_and_low_is_not_starved(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    for level in ("low", "normal", "high"):
        for number in range(20):
            await queue.publish("t", priority_=level, id_=f"{level}-{number}")
    ours, order = worker(), list[str]()

    @ours.task("t")
    async def note(task: Task) -> None:
        order.append(task.priority)

    async with ours.on(bus):
        await ours.until_empty()
    assert len(order) == 60
    assert order[:8] == ["high"] * 8
    assert "low" in order[:20], "passed over sixteen times, it has its turn"
    assert order.index("normal") < order.index("low")
    mean = {level: sum(i for i, o in enumerate(order) if o == level) for level in set(order)}
    assert mean["high"] < mean["normal"] < mean["low"]


async def test_a_high_task_that_comes_later_overtakes_what_waits(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    ours, order, go = worker(), list[str](), asyncio.Event()

    @ours.task("t")
    async def note(task: Task) -> None:
        order.append(task.id)
        await go.wait()

    for number in range(3):
        await queue.publish("t", priority_="low", id_=f"l{number}")
    async with ours.on(bus):
        async with asyncio.timeout(20):
            while not order:
                await asyncio.sleep(0.01)
        await queue.publish("t", priority_="high", id_="h")
        go.set()
        await ours.until_empty()
    assert order == ["l0", "h", "l1", "l2"]


async def test_assigned_tasks_come_to_that_agent_or_role_alone(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    seen: dict[str, list[str]] = {"architect": [], "clerk": []}
    workers = [worker("architect", roles=("reviewer",)), worker("clerk")]
    for ours in workers:

        @ours.task("t")
        async def note(task: Task, context: Context) -> None:
            seen[context.agent].append(task.id)

    await queue.publish("t", to="architect", id_="a")
    await queue.publish("t", to="reviewer", id_="r")
    await queue.publish("t", to="clerk", id_="c")
    async with workers[1].on(bus):
        await workers[1].until_empty()
        assert seen == {"architect": [], "clerk": ["c"]}
        async with workers[0].on(bus):
            await workers[0].until_empty()
    assert seen == {"architect": ["a", "r"], "clerk": ["c"]}


async def test_raw_tasks_of_the_seed_are_served_by_their_priority_and_assignee(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    for number in range(5):
        await bus.publish(
            "ai_tutor.tasks.investigation", b'{"priority":"low","task_id":%d}' % number
        )
    await bus.publish("ai_tutor.tasks.investigation", json.dumps(SEED).encode())
    await bus.publish("ai_tutor.tasks.investigation", b'{"description": "no id"}')
    await bus.publish("ai_tutor.tasks.investigation", b'{"assigned_to": "two words"}')
    await bus.publish("ai_tutor.tasks.investigation", b"no json")
    ours, seen = worker("architect"), list[Task]()

    @ours.task("investigation")
    async def note(task: Task) -> None:
        seen.append(task)

    async with ours.on(bus):
        await ours.until_empty()
    assert [task.priority for task in seen] == ["high", "normal", *["low"] * 5]
    assert (seen[0].id, seen[0].type, seen[0].kind, seen[0].assigned_to) == (
        SEED["task_id"],
        "investigation",
        "investigate_performance",
        "architect",
    )
    assert seen[0].context == {"endpoint": "/users"}
    assert seen[1].id.startswith("t-")
    reasons = [letter.reason for letter in await kept(bus, "DEAD")]
    assert len(reasons) == 2
    assert any("receiver of a task" in reason for reason in reasons)
    assert await left(bus) == 0


@pytest.mark.parametrize("taken", ["ai_tutor.tasks.investigation", "ai_tutor.tasks.>"])
async def test_a_foreign_consumer_owns_the_type(
    bus: JetStreamBus, queue: TaskQueue, taken: str
) -> None:
    config = {
        "durable_name": "agent-task-processor",
        "ack_policy": "explicit",
        "filter_subject": taken,
    }
    endpoint = f"CONSUMER.CREATE.AI_TUTOR_TASKS.agent-task-processor.{taken}"
    body = {"stream_name": "AI_TUTOR_TASKS", "config": config | {"name": "agent-task-processor"}}
    await bus.api.call(endpoint, body | {"action": "create"})
    ours = worker()

    @ours.task("investigation")
    async def never(_task: Task) -> None:
        raise AssertionError

    async with ours.on(bus):
        async with asyncio.timeout(10):
            while not ours.owned:
                await asyncio.sleep(0.01)
        assert "'agent-task-processor', which is not Mendwire's" in ours.holding_up
        published = await queue.publish("investigation")
    plain = "ai_tutor.tasks.investigation"
    assert (published.subject == plain) is (taken == plain)
    assert await left(bus) == 1


async def test_attempts_are_counted_then_it_is_dead_and_a_replay_gives_the_one_result(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    attempts: list[int] = []
    ours, is_mended = worker(), False

    @ours.task("t", attempts=3, backoff_s=0.05)
    async def breaks(_task: Task, context: Context) -> str:
        attempts.append(context.attempt)
        if not is_mended:
            raise ValueError("broken\x1b[31m")
        return "well"

    await queue.publish("t", id_="x")
    async with ours.on(bus):
        ended = await queue.result("x", wait_s=20)
        assert ended is not None
        assert (ended.end, attempts) == ("failed", [1, 2, 3])
        assert ended.result.solution == r"3 attempts failed: ValueError: broken\u001b[31m"
        await emptied(bus)
        (letter,) = await kept(bus, "DEAD")
        assert letter.origin == "AI_TUTOR_TASKS"
        is_mended = True
        await replay(bus, Releases(bus.bucket("AI_TUTOR_DOCKET")), letter.seq)
        await emptied(bus)
    ended = await queue.result("x")
    assert ended is not None
    assert (ended.end, ended.generation, ended.result.solution) == ("done", 1, "well")
    assert attempts == [1, 2, 3, 1]
    assert await left(bus, "DEAD") == 0
    assert await queue.book.trials() == []


@dataclass(frozen=True, kw_only=True)
class Where:
    path: str
    line: int = 0


async def test_a_context_that_does_not_fit_and_a_given_up_task_are_not_tried_again(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    ours, runs = worker(), list[object]()

    @ours.task("typed")
    async def typed(where: Where) -> Where:
        runs.append(where)
        return where

    @ours.task("hopeless")
    async def hopeless(task: Task) -> None:
        runs.append(task.id)
        raise Fail("there is no such table")

    await queue.publish("typed", context={"path": "a.py", "line": "7"}, id_="good")
    await queue.publish("typed", context={"line": 7}, id_="bad")
    await queue.publish("hopeless", id_="h")
    async with ours.on(bus):
        await ours.until_empty()
    good, bad, given_up = [await queue.result(name) for name in ("good", "bad", "h")]
    assert good is not None
    assert good.result.evidence == {"path": "a.py", "line": 7}
    assert bad is not None
    assert "does not fit Where" in bad.result.solution
    assert given_up is not None
    assert given_up.result.solution == "there is no such table"
    assert runs == [Where(path="a.py", line=7), "h"]


async def test_cancelling_reaches_the_running_function_and_what_waits(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    ours, saw = worker(), list[str]()
    runs, ends = asyncio.Event(), asyncio.Event()

    @ours.task("t")
    async def long(task: Task, context: Context) -> None:
        runs.set()
        try:
            await asyncio.Event().wait()
        finally:
            saw.append(f"{task.id} {context.cancelled.is_set()}")
            ends.set()

    await queue.publish("t", id_="running")
    async with ours.on(bus):
        async with asyncio.timeout(20):
            await runs.wait()
        await queue.publish("t", id_="waits")
        assert (await queue.cancel("waits", by="ada")).end == "cancelled"
        ended = await queue.cancel("running", by="ada", reason="not needed")
        assert (ended.end, ended.result.agent, ended.result.solution) == (
            "cancelled",
            "ada",
            "not needed",
        )
        async with asyncio.timeout(20):
            await ends.wait()
        await ours.until_empty()
    assert saw == ["running True"]
    assert await left(bus) == 0
    assert [e.result.task_id for e in await queue.ended()] == ["waits", "running"]
    assert (await queue.cancel("running")).seq == ended.seq


async def test_delayed_tasks_and_schedules_fire_once_across_workers(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    now = datetime.now(UTC)
    later = await queue.publish("t", due=now + timedelta(hours=1), id_="later")
    assert later.seq == 0
    assert (await queue.waiting())[0].due is not None
    await queue.schedules.add(schedule_of("nightly", "0 3 * * *", "t", now=now))
    assert await queue.schedules.fire() == 0
    tomorrow = int((now + timedelta(days=1)).timestamp() * 1e9)
    due = (await queue.schedules.all())[0].next_ns
    fired = await asyncio.gather(*(queue.schedules.fire(due + 1) for _ in range(4)))
    assert sum(fired) >= 1
    assert await queue.schedules.fire(due + 1) == 0
    if due < tomorrow:
        await queue.schedules.fire(int((now + timedelta(hours=1, seconds=1)).timestamp() * 1e9))
    waiting = sorted(one.task.id for one in await queue.waiting() if one.seq)
    assert len(waiting) == len(set(waiting))
    assert [name for name in waiting if name.startswith("nightly-")] == [
        f"nightly-{datetime.fromtimestamp(due / 1e9, tz=UTC):%Y%m%dT%H%M}"
    ]
    assert "later" in waiting


async def test_a_task_has_one_result_whoever_says_it_first(bus: JetStreamBus) -> None:
    outcomes = Outcomes(bus)
    from mendwire.model.bodies import Result

    said = [
        outcomes.publish(end, Result(task_id="x", agent=f"a{n}", status=str(end)))
        for n, end in enumerate([End.DONE, End.FAILED, End.CANCELLED] * 3)
    ]
    assert sorted(await asyncio.gather(*said)) == [False] * 8 + [True]
    assert await left(bus, "RESULTS") == 1


async def test_a_deadline_ends_a_run_and_refuses_a_late_one(
    bus: JetStreamBus, queue: TaskQueue
) -> None:
    ours = worker()

    @ours.task("t")
    async def long(_task: Task) -> None:
        await asyncio.Event().wait()

    now = datetime.now(UTC)
    await queue.publish("t", deadline=now - timedelta(seconds=1), id_="late")
    await queue.publish("t", deadline=now + timedelta(seconds=2), id_="soon")
    async with ours.on(bus):
        late, soon = await queue.result("late", wait_s=20), await queue.result("soon", wait_s=20)
    assert late is not None
    assert late.result.solution == "Its deadline had passed."
    assert soon is not None
    assert soon.result.solution in {
        "Its deadline passed while it ran.",
        "Its deadline had passed.",
    }


async def test_a_task_longer_than_the_ack_wait_runs_once_with_two_workers(
    bus: JetStreamBus, queue: TaskQueue, server: RealServer, names: Names
) -> None:
    runs: list[str] = []
    workers = [worker("one"), worker("two")]
    for ours in workers:

        @ours.task("t")
        async def long(_task: Task, context: Context) -> None:
            runs.append(context.agent)
            await asyncio.sleep(5)

    async with other_bus(server, names) as other, workers[0].on(bus), workers[1].on(other):
        await queue.publish("t", id_="x")
        assert await queue.result("x", wait_s=30) is not None
    assert len(runs) == 1
    assert await left(bus) == 0


async def test_a_stopped_worker_gives_back_and_a_killed_server_loses_nothing(
    bus: JetStreamBus, queue: TaskQueue, server: RealServer
) -> None:
    for number in range(200):
        await queue.publish("t", id_=f"n{number}")
    ours, done = worker(concurrency=8), list[str]()

    @ours.task("t")
    async def note(task: Task) -> None:
        done.append(task.id)
        await asyncio.sleep(0.01)

    async with ours.on(bus):
        async with asyncio.timeout(20):
            while len(done) < 40:
                await asyncio.sleep(0.01)
        await server.restart()
        await emptied(bus)
    assert set(done) == {f"n{number}" for number in range(200)}
    assert await left(bus, "RESULTS") == 200
