"""Workers of tasks that are killed before their n-th change on the server: killed_workers.py N.

For each n from 1 to N a process of its own takes the tasks of ``good-n`` and one those of
``bad-n``; before the n-th message that would change something on the server it gets SIGKILL. A
process that has nothing more to change ends by itself. Prints how many were killed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from mendwire.settings.environment import read_environment
from mendwire.tasks import Task, TaskWorker
from mendwire.wire.api import Api
from mendwire.wire.connection import connected
from mendwire.wire.jetstream import JetStreamBus

LONGEST_S = 60


def die_before(change: int) -> None:
    """Requests that only read, and signs of life, change nothing."""
    publish, seen = Api.publish, 0

    async def counted(api: Api, subject: str, payload: bytes = b"", **how: Any) -> None:
        nonlocal seen
        if not subject.startswith("$JS.API.") and payload != b"+WPI":
            seen += 1
            if seen == change:
                await api.client.flush()
                os.kill(os.getpid(), signal.SIGKILL)
        await publish(api, subject, payload, **how)

    setattr(Api, "publish", counted)  # noqa: B010 - the type checker knows that it is a method


async def work(change: int, name: str) -> None:
    worker = TaskWorker(agent=f"{name}-{change}", ack_wait_s=2.0, retry_s=0.1)

    @worker.task(f"{name}-{change}", attempts=1)
    async def run(task: Task) -> str:
        if name == "bad":
            raise ValueError(task.id)
        return task.id

    environment = read_environment(os.environ, Path.cwd())
    async with (
        connected(environment, name="killed") as link,
        worker.on(JetStreamBus(link.client, link.names, link.denials)),
        asyncio.timeout(LONGEST_S),
    ):
        await worker.until_empty()


def killed(change: int, name: str) -> bool:
    """Whether the process was, rather than came to its end."""
    child = os.fork()
    if child == 0:
        die_before(change)
        asyncio.run(work(change, name))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


kinds = [(change, name) for change in range(1, int(sys.argv[1]) + 1) for name in ("good", "bad")]
sys.stdout.write(f"{sum(killed(*kind) for kind in kinds)}\n")
