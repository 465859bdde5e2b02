"""Ending tasks that talk to the server: asked as often as it takes.

A cancellation that meets nats-py in a flush is swallowed by it (2.16.0), and a task in a loop then
goes on as if nobody had asked; whoever waited for its end once would wait for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

_AGAIN_S: Final = 1.0
"""Seconds after which a task that still runs is cancelled again."""


async def ended(*tasks: asyncio.Future[Any]) -> None:
    """Cancel the tasks and return when all have ended; how they ended is not told."""
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is warned of it
