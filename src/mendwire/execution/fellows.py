"""More processes of our own program beside this one, which share its work and end with it.

Each holds the end of a pipe: when it closes, by our end or our death, the fellow stops.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final

AGAIN_S: Final = 1.0
"""Seconds before one that ended by itself is started again."""
STOP_S: Final = 20.0
"""Seconds in which one may finish what it began."""


@asynccontextmanager
async def fellows(
    arguments: Sequence[str], count: int, *, keep: Sequence[int] = ()
) -> AsyncIterator[None]:
    """``count`` processes of ``mendwire <arguments>`` while the block runs, dead afterwards.

    ``keep`` are files that they have open too, under the same numbers.
    """
    stop = asyncio.Event()
    tasks = [asyncio.create_task(_keep(arguments, stop, keep)) for _ in range(count)]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until_alone() -> None:
    """In a fellow: return when the process that started it is gone or wants it to stop."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    try:
        await reader.read()
    finally:
        transport.close()


async def _keep(arguments: Sequence[str], stop: asyncio.Event, keep: Sequence[int]) -> None:
    while not stop.is_set():
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "mendwire",
            *arguments,
            stdin=PIPE,
            stdout=DEVNULL,
            pass_fds=keep,
            start_new_session=True,  # Ctrl-C in the terminal is for the first of us alone
        )
        stopping = asyncio.ensure_future(stop.wait())
        ended = asyncio.ensure_future(process.wait())
        await asyncio.wait({stopping, ended}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not ended.done():
            await _end(process, ended)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN_S)


async def _end(process: Process, ended: asyncio.Future[int]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(asyncio.shield(ended), STOP_S)
    except TimeoutError:
        process.kill()
        await ended
