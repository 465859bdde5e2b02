"""The queue of tasks by the command line, and workers in other processes that are killed."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from mendwire.model.names import Names
from mendwire.ops.kept import kept
from mendwire.tasks import Task, TaskQueue, TaskWorker
from mendwire.wire.apply import ensure
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology
from tests.nats_server import RealServer, running

NAMES = Names(namespace="ai_tutor")
PROGRAM = Path(__file__).parent / "programs/task_worker.py"
KILLED = PROGRAM.with_name("killed_workers.py")


class Shell:
    """``mendwire tasks ...`` in a project's folder."""

    def __init__(self, server: RealServer, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        environ = {name: text for name, text in os.environ.items() if not name.startswith("NATS_")}
        self.environ = environ | {
            "NATS_URL": server.url,
            "NATS_NAMESPACE": "ai_tutor",
            "HOME": str(folder),
        }

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            cwd=self.folder,
            env=self.environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str, code: int = 0) -> str:
        process = await self.start("-m", "mendwire", "tasks", *words)
        out, errors = await process.communicate()
        assert process.returncode == code, errors.decode()
        return out.decode() if code in {0, 4} else errors.decode() or out.decode()

    async def json(self, *words: str) -> Any:
        return json.loads(await self.run(*words, "--json"))

    @asynccontextmanager
    async def worker(self, name: str, seconds: float) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await self.start(str(PROGRAM), name, str(seconds))
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


@asynccontextmanager
async def shell(tmp_path: Path) -> AsyncIterator[tuple[Shell, RealServer, TaskQueue]]:
    async with running(tmp_path / "nats") as server, server.client() as client:
        bus = JetStreamBus(client, NAMES)
        await ensure(bus.api, topology(NAMES, ["staging"]))
        yield Shell(server, tmp_path / "project"), server, TaskQueue(bus)


async def test_a_task_is_published_taken_told_of_and_done(tmp_path: Path) -> None:
    async with shell(tmp_path) as (ours, _, queue):
        words = ("publish", "investigation", "/users is slow\x1b[31m", "--context", '{"a": [1]}')
        assert (await ours.json(*words, "--priority", "low", "--id", "slow"))["task"] == "slow"
        assert "already" in await ours.run(*words, "--id", "slow")
        await ours.run("publish", "review", "look", "--to", "architect", "--id", "look")
        taken = await ours.json("next", "--as", "ada")
        assert (taken["task"], taken["context"], taken["attempt"]) == ("slow", {"a": [1]}, 1)
        assert await ours.run("next", "--as", "ada", code=4) == "No task waits.\n"
        rows = {row["task"]: row for row in await ours.json("list")}
        assert rows["slow"]["state"].startswith("held by ada until")
        assert rows["look"]["state"] == "waiting"
        assert "held by ada" in await ours.run("done", "slow", code=1)
        await ours.run("progress", "slow", "an N+1 query", "--as", "ada")
        assert (await ours.json("show", "slow"))["progress"]["findings"] == "an N+1 query"
        await ours.run("done", "slow", "--result", '{"solution": "an index"}', "--as", "ada")
        shown = await ours.json("show", "slow")
        assert (shown["state"], shown["result"]["solution"]) == ("done", "an index")
        assert await ours.run("done", "slow", "--as", "ada", code=2) == (
            "mendwire: The task slow is done already.\n"
        )
        taken = await ours.json("next", "review", "--as", "architect", "--wait", "20s")
        assert taken["task"] == "look"
        assert "tried again" in await ours.run("fail", "look", "no", "--retry", "--as", "architect")
        assert (await ours.json("show", "look"))["attempts"] == 1
        assert (await ours.json("cancel", "look"))["end"] == "cancelled"
        assert await queue.waiting() == []
        assert len(await ours.json("list", "--all")) == 2


async def test_what_is_wrong_is_said_in_one_sentence(tmp_path: Path) -> None:
    async with shell(tmp_path) as (ours, _, _queue):
        for words, code, said in (
            (("publish", "a.b", "x"), 2, "cannot be the type of a task"),
            (("publish", "t", "x", "--priority", "now"), 2, "say high, normal or low"),
            (("publish", "t", "x", "--context", "[1]"), 2, "must be a JSON object"),
            (("publish", "t", "x", "--context", "@none"), 2, "cannot be read"),
            (("publish", "t", "x", "--in", "soon"), 2, "write 10m, 2h"),
            (("done", "nothing"), 2, "take one with mendwire tasks next"),
            (("cancel", "nothing"), 2, "There is no open task nothing"),
            (("show", "nothing"), 2, "There is no task nothing"),
            (("schedule", "add", "n", "* *", "t", "x"), 2, "is no schedule"),
        ):
            error = await ours.run(*words, code=code)
            assert said in error
            assert error.count("\n") == 1


async def test_delayed_and_scheduled_tasks_are_listed_and_removed(tmp_path: Path) -> None:
    async with shell(tmp_path) as (ours, _, queue):
        assert (await ours.json("publish", "t", "later", "--in", "2h", "--id", "x"))["due"]
        assert (await ours.json("list"))[0]["state"].startswith("delayed until")
        await ours.run("schedule", "add", "nightly", "0 3 * * *", "t", "look")
        assert [row["name"] for row in await ours.json("schedule", "ls")] == ["nightly"]
        assert "remove it first" in await ours.run(
            "schedule", "add", "nightly", "0 4 * * *", "t", "look", code=2
        )
        await ours.run("schedule", "rm", "nightly")
        assert (await ours.json("cancel", "x"))["end"] == "cancelled"
        assert await queue.waiting() == []


async def test_a_worker_is_killed_and_the_other_completes_each_task_with_one_result(
    tmp_path: Path,
) -> None:
    async with shell(tmp_path) as (ours, _, queue), ours.worker("first", 60) as first:
        await queue.publish("investigation", "slow", id_="x")
        assert first.stdout is not None
        assert await first.stdout.readline() == b"began x\n"
        async with ours.worker("second", 0.01):
            for number in range(20):
                await queue.publish("investigation", "more", id_=f"n{number}")
            first.kill()
            watching = await ours.start("-m", "mendwire", "tasks", "watch", "x", "--json")
            ended = await queue.result("x", wait_s=60)
            out, _ = await watching.communicate()
        assert ended is not None
        assert ended.result.solution == "slow by second"
        assert json.loads(out.splitlines()[-1])["what"] == "done"
        assert len(await queue.ended()) == 21
        assert await queue.waiting() == []


async def test_workers_killed_at_each_crash_point_leave_one_result_and_one_letter_for_each_task(
    tmp_path: Path,
) -> None:
    points = range(1, 7)
    async with shell(tmp_path) as (ours, _, queue):
        for point in points:
            for name in ("good", "bad"):
                await queue.publish(f"{name}-{point}", id_=f"{name}-{point}")
        process = await ours.start(str(KILLED), str(points.stop - 1))
        out, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        assert int(out) >= 7, "two for a task that goes well, five for one that fails"
        survivor = TaskWorker(agent="survivor", retry_s=0.1)
        for point in points:
            for name in ("good", "bad"):

                @survivor.task(f"{name}-{point}", attempts=1)
                async def run(task: Task) -> str:
                    if task.type.startswith("bad"):
                        raise ValueError(task.id)
                    return task.id

        async with survivor.on(queue.bus), asyncio.timeout(60):
            while await queue.waiting():
                await asyncio.sleep(0.1)
        ended = {one.result.task_id: one.end for one in await queue.ended()}
        assert len(await queue.ended()) == len(ended) == 2 * len(points)
        assert ended == {
            f"{name}-{point}": end
            for name, end in (("good", "done"), ("bad", "failed"))
            for point in points
        }
        assert len(await kept(queue.bus, "DEAD")) == len(points)
        assert await queue.book.trials() == []
