"""So many requests a second, whatever the answers take: as errors come, not as they are taken.

    python -m benchmarks.paced FILE PORT RATE

FILE is as for ``benchmarks.load``. Each request is begun when its time has come, on a kept-open
connection that is free. What is answered 429 or 503 is sent again later, as an SDK does. The last
line of the output is one JSON object (``Load`` of ``benchmarks.load``).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

from benchmarks.load import AGAIN, Load, read

PAUSE_S = 0.5
TRIES = 60
ANSWERED_WITHIN_S = 60.0
Line = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Sender:
    """Some connections to one port."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[Line] = []
        self.statuses = Counter[int]()

    async def send(self, request: bytes) -> None:
        """Until it is taken, or refused for good."""
        for _ in range(TRIES):
            status = await self._once(request)
            self.statuses[status] += 1
            if status not in AGAIN and status:
                return
            await asyncio.sleep(PAUSE_S)

    async def _once(self, request: bytes) -> int:
        """The status; 0 when the connection was lost."""
        try:
            line = self._free.pop() if self._free else await self._connected()
            async with asyncio.timeout(ANSWERED_WITHIN_S):
                return await self._asked(line, request)
        except (OSError, EOFError, TimeoutError):
            return 0

    async def _connected(self) -> Line:
        return await asyncio.open_connection("127.0.0.1", self._port)

    async def _asked(self, line: Line, request: bytes) -> int:
        reader, writer = line
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
        length = next(int(one[15:]) for one in head if one.startswith(b"content-length:"))
        await reader.readexactly(length)
        if b"connection: close" in head:
            writer.close()
        else:
            self._free.append(line)
        return int(head[0].split()[1])

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


async def run(file: Path, port: int, rate: float) -> Load:
    """Begin each request at its time, and wait for every answer."""
    sender, began = Sender(port), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for number, request in enumerate(read(file)):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            group.create_task(sender.send(request))
    sender.close()
    return Load(
        began=began,
        answered=time.monotonic(),
        statuses={str(status): count for status, count in sorted(sender.statuses.items())},
    )


if __name__ == "__main__":
    found = asyncio.run(run(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
    print(json.dumps(asdict(found)))
