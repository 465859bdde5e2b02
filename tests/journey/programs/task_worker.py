"""A worker of tasks as a user writes one: task_worker.py NAME SECONDS.

Prints a line when it begins a task and one when it has done it.
"""

from __future__ import annotations

import asyncio
import sys

from mendwire.tasks import Context, Task, TaskWorker

worker = TaskWorker(agent=sys.argv[1], ack_wait_s=2.0, drain_s=1.0, retry_s=0.1)


def say(what: str, task: Task) -> None:
    sys.stdout.write(f"{what} {task.id}\n")
    sys.stdout.flush()


@worker.task("investigation")
async def investigate(task: Task, context: Context) -> dict[str, str]:
    say("began", task)
    await asyncio.sleep(float(sys.argv[2]))
    say("did", task)
    return {"solution": f"{task.description} by {context.agent}"}


worker.main()
