"""Several works at once, until the first of them ends."""

from __future__ import annotations

import asyncio

from mendwire.wire.ending import ended


async def first_of(*waits: asyncio.Future[object]) -> None:
    """Wait until one ends and cancel the others; raises what the ended one raised."""
    try:
        done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await ended(*waits)
