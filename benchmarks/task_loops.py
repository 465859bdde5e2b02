"""Mendwire's worker and publisher of no-op jobs, and raw nats-py doing as much on the wire.

python -m benchmarks.task_loops work|fill|beat mendwire|raw [COUNT]
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, RetentionPolicy, StreamConfig

from benchmarks.task_notes import note
from mendwire.model.names import Names
from mendwire.tasks import TaskQueue, TaskWorker
from mendwire.wire.apply import ensure
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import topology

CONCURRENCY = 64
NAMES = Names(namespace="bench")
GAP_S = 0.01
Send = Callable[[int], Awaitable[object]]


@asynccontextmanager
async def client() -> AsyncIterator[Client]:
    link = await nats.connect(os.environ["BENCH_NATS"])
    try:
        yield link
    finally:
        await link.close()


async def bus(link: Client) -> JetStreamBus:
    made = JetStreamBus(link, NAMES)
    await ensure(made.api, topology(NAMES, ["production"]))
    return made


async def raw_streams(link: Client) -> None:
    add = link.jetstream().add_stream
    await add(StreamConfig(name="RAW", subjects=["raw"], retention=RetentionPolicy.WORK_QUEUE))
    await add(StreamConfig(name="RAW_DONE", subjects=["done.>"]))


async def work_mendwire() -> None:
    worker = TaskWorker(agent="bench", concurrency=CONCURRENCY)

    @worker.task("noop")
    async def noop(context: dict[str, int]) -> None:
        note(context["given"])

    async with client() as link, worker.on(await bus(link)):
        await asyncio.Event().wait()


async def work_raw() -> None:
    async with client() as link:
        await raw_streams(link)
        jetstream = link.jetstream(timeout=60)
        config = ConsumerConfig(ack_wait=30)
        pulled = await jetstream.pull_subscribe("raw", durable="raw", stream="RAW", config=config)
        running: set[asyncio.Task[None]] = set()

        async def done(message: Msg) -> None:
            body = json.loads(message.data)
            note(body["given"])
            result = json.dumps({"task_id": body["id"], "status": "done"}).encode()
            await jetstream.publish(f"done.{body['id']}", result)
            await message.ack()

        while True:
            try:
                messages = await pulled.fetch(CONCURRENCY - len(running), timeout=5)
            except TimeoutError:  # of the server or of the client: nothing came
                continue
            for message in messages:
                task = asyncio.create_task(done(message))
                running.add(task)
                task.add_done_callback(running.discard)
            if len(running) >= CONCURRENCY:
                await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)


@asynccontextmanager
async def sender(system: str) -> AsyncIterator[Send]:
    async with client() as link:
        if system == "mendwire":
            queue = TaskQueue(await bus(link))

            async def send(given: int) -> object:
                return await queue.publish("noop", context={"given": given})

        else:
            await raw_streams(link)
            jetstream = link.jetstream(timeout=60)

            async def send(given: int) -> object:
                body = {"id": os.urandom(16).hex(), "given": given}
                return await jetstream.publish("raw", json.dumps(body).encode())

        yield send


async def fill(send: Send, count: int) -> None:
    """Jobs with their numbers, 128 at once."""
    numbers = iter(range(count))

    async def some() -> None:
        for number in numbers:
            await send(number)

    await asyncio.gather(*(some() for _ in range(128)))


async def beat(send: Send, count: int) -> None:
    """One job at a time, each with the moment at which it is sent."""
    for _ in range(count):
        await send(time.monotonic_ns())
        await asyncio.sleep(GAP_S)


async def main() -> None:
    what, system, *count = sys.argv[1:]
    if what == "work":
        await {"mendwire": work_mendwire, "raw": work_raw}[system]()
        return
    async with sender(system) as send:
        await {"fill": fill, "beat": beat}[what](send, int(count[0]))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
