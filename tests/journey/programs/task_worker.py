"""A worker of tasks as a user writes one: task_worker.py NAME SECONDS.

Prints a line when it begins a task and one when it has done it.
"""

from __future__ import annotations

import asyncio
import sys

from mendwire.tasks import Context, Task, TaskWorker

worker = TaskWorker(agent=sys.argv[1], ack_wait_s=2.0, drain_s=1.0, retry_s=0.1)


@worker.task("investigation")
async def investigate(task: Task, context: Context) -> dict[str, str]:
    print("began", task.id, flush=True)
    await asyncio.sleep(float(sys.argv[2]))
    print("did", task.id, flush=True)
    return {"solution": f"{task.description} by {context.agent}"}


worker.main()
