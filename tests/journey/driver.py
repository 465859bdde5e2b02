"""A worker that kills itself with SIGKILL at a named boundary: for the crash tests alone.

driver.py BOUNDARY [HOW_OFTEN]    work until that boundary is passed for that time, and die there
driver.py none                    work until the queue is empty
driver.py trace                   the same, printing each boundary as it is passed
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from mendwire.app.engine import engine
from mendwire.app.logs import logged
from mendwire.app.looking import configured
from mendwire.model.boundary import Boundary


def on_boundary(name: str, times: int) -> object:
    left = times

    def passed(boundary: Boundary) -> None:
        nonlocal left
        if name == "trace":
            sys.stdout.write(f"{boundary}\n")
            sys.stdout.flush()
        if boundary == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return passed


async def main() -> None:
    name = sys.argv[1]
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    config, environment = configured(None)
    with logged("json"):
        async with engine(config, environment, boundary=on_boundary(name, times)) as machine:  # type: ignore[arg-type]
            if name in {"none", "trace"}:
                await machine.until_empty()
            else:
                await machine.forever(asyncio.Event())


asyncio.run(main())
