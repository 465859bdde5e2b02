"""A child process is a group with a budget: awaited, bounded, and dead afterwards with all it made.

Between us and the child stands a keeper (``keeper.py``), which adopts and kills every descendant,
also the daemonised, also when this process is killed with SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mendwire.execution.child import STOPS, Child, Stop, ends
from mendwire.execution.output import Kept
from mendwire.execution.strays import reap_strays

__all__ = ["Completed", "ResourceLimits", "Stop", "reap_strays", "run"]


@dataclass(frozen=True, kw_only=True, slots=True)
class ResourceLimits:
    """What each process of a run may use; None leaves a limit as it is."""

    cpu_s: int | None = None
    """Processor time of one process, in seconds."""
    memory_bytes: int | None = 4 * 1024**3
    """Private memory of one process (RLIMIT_DATA)."""
    file_bytes: int | None = 4 * 1024**3
    """Size of one file."""
    open_files: int | None = 65536

    def for_keeper(self) -> str:
        """``NAME=value,…`` with the names after ``RLIMIT_``; core dumps are always off."""
        wanted = {
            "CPU": self.cpu_s,
            "DATA": self.memory_bytes,
            "FSIZE": self.file_bytes,
            "NOFILE": self.open_files,
            "CORE": 0,
        }
        return ",".join(f"{name}={value}" for name, value in wanted.items() if value is not None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """A child that has ended, with every descendant."""

    exit_code: int
    """As the shell's child gives it; the negative signal number when a signal ended it."""
    stdout: bytes
    stderr: bytes
    seconds: float
    timed_out: bool
    """Our clock ended it."""
    signalled: int
    """The signal that ended it, 0 when none did."""
    truncated: bool = False
    """Output beyond the limit was left out."""

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are no UTF-8 are replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def complaint(self) -> str:
        """Standard error as text, without surrounding blank space."""
        return self.stderr.decode("utf-8", "replace").strip()


async def run(  # noqa: PLR0913 - the budget of a child has this many sides, all by keyword
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    stdin: bytes = b"",
    limits: ResourceLimits | None = None,
    stop_signals: Sequence[Stop] = STOPS,
    on_line: Callable[[str], None] | None = None,
    output_limit: int = 1_000_000,
    marker: str = "mendwire",
) -> Completed:
    """Run a program to its end, its time limit or our cancellation.

    ``env`` is the whole environment (``execution.environment`` builds one). ``timeout_s`` is wall
    clock, in seconds; then each of ``stop_signals`` is sent and waited for, then SIGKILL. On
    cancellation everything is killed at once. ``on_line`` gets each line of standard output as it
    comes. ``output_limit`` is in bytes for each of the two streams: first and last halves are
    kept. ``marker`` is the prefix under which ``reap_strays`` finds the run. When this returns or
    raises, no descendant is alive. Raises ExecutionError when the program cannot be started.
    """
    words = [os.fspath(word) for word in argv]
    child = await Child.start(words, cwd, env, (limits or ResourceLimits()).for_keeper(), marker)
    out, err = Kept(output_limit, on_line), Kept(output_limit)
    try:
        return await _finish(child, stdin, out, err, timeout_s, stop_signals)
    finally:
        await child.bury()


async def _finish(
    child: Child, stdin: bytes, out: Kept, err: Kept, timeout_s: float, stops: Sequence[Stop]
) -> Completed:
    ended = asyncio.ensure_future(_pump(child, stdin, out, err))
    try:
        timed_out = not await ends(ended, timeout_s)
        if timed_out:
            await child.stop(ended, stops)
        await ended
    finally:
        if not ended.done():
            ended.cancel()
            await asyncio.wait({ended})
    code = child.exit_code
    return Completed(
        exit_code=code,
        stdout=out.end(),
        stderr=err.end(),
        seconds=time.monotonic() - child.began,
        timed_out=timed_out,
        signalled=max(-code, 0),
        truncated=out.truncated or err.truncated,
    )


async def _pump(child: Child, stdin: bytes, out: Kept, err: Kept) -> None:
    process = child.process
    if process.stdin is None or process.stdout is None or process.stderr is None:
        return
    try:
        async with asyncio.TaskGroup() as group:
            flows = [
                group.create_task(_write(process.stdin, stdin)),
                group.create_task(_read(process.stdout, out)),
                group.create_task(_read(process.stderr, err)),
            ]
            if not await child.told():
                await child.gone()
                await asyncio.wait(flows, timeout=1.0)
                for flow in flows:
                    flow.cancel()
    except ExceptionGroup as problems:  # what on_line raised
        raise problems.exceptions[0] from None


async def _write(stream: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        stream.write(data)
        await stream.drain()
    stream.close()
    with suppress(BrokenPipeError, ConnectionResetError):
        await stream.wait_closed()


async def _read(stream: asyncio.StreamReader, kept: Kept) -> None:
    while chunk := await stream.read(65536):
        kept.feed(chunk)
