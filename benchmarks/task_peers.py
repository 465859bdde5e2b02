"""taskiq-nats and celery with the same no-op job; runs in the peers' own virtual environment.

    python -m benchmarks.task_peers fill|beat taskiq|celery COUNT

Their workers are their own programs: ``taskiq worker benchmarks.task_peers:broker`` and
``celery -A benchmarks.task_peers:app worker``.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time

from celery import Celery
from taskiq_nats import NATSObjectStoreResultBackend, PullBasedJetStreamBroker

from benchmarks.task_notes import note

GAP_S = 0.01
NATS = os.environ["BENCH_NATS"]
REDIS = os.environ["BENCH_REDIS"]

# Pulling: where it is pushed to, a publisher takes jobs as well, and runs none of them.
broker = PullBasedJetStreamBroker(NATS).with_result_backend(NATSObjectStoreResultBackend(NATS))
app = Celery("bench", broker=REDIS, backend=REDIS)


@broker.task(task_name="noop")
async def taskiq_noop(given: int) -> None:
    note(given)


@app.task(name="noop")
def celery_noop(given: int) -> None:
    note(given)


async def taskiq(what: str, count: int) -> None:
    await broker.startup()
    if what == "fill":
        numbers = iter(range(count))

        async def some() -> None:
            for number in numbers:
                await taskiq_noop.kiq(number)

        await asyncio.gather(*(some() for _ in range(128)))
    else:
        for _ in range(count):
            await taskiq_noop.kiq(time.monotonic_ns())
            await asyncio.sleep(GAP_S)
    await broker.shutdown()


def celery(what: str, count: int) -> None:
    for number in range(count):
        if what == "fill":
            celery_noop.apply_async((number,))
        else:
            celery_noop.apply_async((time.monotonic_ns(),))
            time.sleep(GAP_S)


if __name__ == "__main__":
    verb, system, number = sys.argv[1:]
    if system == "taskiq":
        asyncio.run(taskiq(verb, int(number)))
    else:
        celery(verb, int(number))
