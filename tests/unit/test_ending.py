"""A task that swallows its first cancellation is asked again, and its end is waited for."""

from __future__ import annotations

import asyncio

from mendwire.wire.ending import ended


async def test_a_swallowed_cancellation_is_given_again() -> None:
    swallowed = asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            swallowed.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await ended(task)
    assert swallowed.is_set()
    assert task.cancelled()


async def test_how_they_ended_is_nobody_s_trouble() -> None:
    async def fails() -> None:
        raise ValueError("x")

    async def done() -> int:
        return 1

    tasks = [asyncio.create_task(fails()), asyncio.create_task(done())]
    await asyncio.wait(tasks)
    await ended(*tasks)
    await ended()
