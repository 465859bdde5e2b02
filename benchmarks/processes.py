"""Programs under measurement: started, watched, ended with all their descendants."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import psutil

WATCHED_EVERY_S = 0.1
OPEN_WITHIN_S = 60.0
END_WITHIN_S = 20.0


class Processes:
    """Some processes and their descendants."""

    def __init__(self, pids: Sequence[int]) -> None:
        self.pids = pids

    def memory_mb(self) -> float:
        """Resident megabytes of all of them, added up; pages that two share count twice."""
        total = 0
        for process in self.all():
            with suppress(psutil.Error):
                total += process.memory_info().rss
        return total / 1e6

    def processor_s(self) -> float:
        """Seconds of processor time that they used until now."""
        total = 0.0
        for process in self.all():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return total

    def all(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for pid in self.pids:
            with suppress(psutil.Error):
                parent = psutil.Process(pid)
                found += [parent, *parent.children(recursive=True)]
        return found


class Peak:
    """The most memory that was seen while this block ran."""

    def __init__(self, processes: Processes) -> None:
        self.megabytes = 0.0
        self._processes = processes
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._watch())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        self.megabytes = max(self.megabytes, self._processes.memory_mb())

    async def _watch(self) -> None:
        while True:
            self.megabytes = max(self.megabytes, self._processes.memory_mb())
            await asyncio.sleep(WATCHED_EVERY_S)


@asynccontextmanager
async def running(
    words: Sequence[str],
    *,
    cwd: Path,
    env: dict[str, str],
    log: Path,
    enter: Callable[[], None] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program in a group of its own; all of the group is dead at the end.

    ``enter`` is called in the child before it begins.
    """
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=cwd,
            env=env,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=enter,
        )
    try:
        yield process
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    with suppress(TimeoutError):
        await asyncio.wait_for(process.wait(), END_WITHIN_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, 9)
    await process.wait()


def _still_runs(process: asyncio.subprocess.Process, log: Path) -> None:
    if process.returncode is not None:
        message = f"a program ended at its start: {log.read_text(errors='replace')[-2000:]}"
        raise RuntimeError(message)


def free_port(first: int = 14_000) -> int:
    """A port of loopback that nobody listens on, below those of outgoing connections."""
    for port in range(first + os.getpid() % 4_000, 32_000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    message = "no free port on loopback"
    raise RuntimeError(message)


async def until_told(
    pattern: str, process: asyncio.subprocess.Process, file: Path, log: Path
) -> str:
    """What ``process`` writes into ``file`` where the pattern's group stands, once it does."""
    async with asyncio.timeout(OPEN_WITHIN_S):
        while True:
            told = file.read_text(errors="replace") if file.exists() else ""
            if found := re.search(pattern, told):
                return found[1]
            _still_runs(process, log)
            await asyncio.sleep(0.05)


async def until_open(port: int, process: asyncio.subprocess.Process, log: Path) -> None:
    """Return once ``process`` listens there; its own log says why where it ends instead."""
    async with asyncio.timeout(OPEN_WITHIN_S):
        while True:
            _still_runs(process, log)
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                await writer.wait_closed()
                return
            await asyncio.sleep(0.05)
