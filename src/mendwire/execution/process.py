"""A child process is a group with a budget: awaited, bounded, and dead afterwards with all it made.

Between us and the child stands a keeper (``keeper.py``), which adopts and kills every descendant,
also the daemonised, also when this process is killed with SIGKILL.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mendwire.errors import ExecutionError
from mendwire.execution.output import Kept
from mendwire.execution.strays import VARIABLE, kill_marked, new_marker, reap_strays

__all__ = ["Completed", "ResourceLimits", "Stop", "reap_strays", "run"]

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_KEEPER_PATIENCE_S: Final = 10.0


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
class Stop:
    """One step of asking a child to end: a signal, then how long to wait, in seconds."""

    number: signal.Signals
    wait_s: float


STOPS: Final = (
    Stop(number=signal.SIGINT, wait_s=5.0),
    Stop(number=signal.SIGTERM, wait_s=5.0),
)
"""Before SIGKILL, which always comes last."""


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
    child = await _Child.start(words, cwd, env, limits or ResourceLimits(), marker)
    out, err = Kept(output_limit, on_line), Kept(output_limit)
    try:
        return await child.finish(stdin, out, err, timeout_s, stop_signals)
    finally:
        await child.bury()


class _Child:
    """One keeper and the program below it."""

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, marker: str
    ) -> None:
        self._process = process
        self._control = control
        self._marker = marker
        self._began = time.monotonic()
        self._status: int | None = None

    @classmethod
    async def start(
        cls,
        words: list[str],
        cwd: Path,
        env: Mapping[str, str],
        limits: ResourceLimits,
        prefix: str,
    ) -> _Child:
        _check(words, cwd, env)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        marker = new_marker(prefix)
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_KEEPER)),
                *(str(theirs.fileno()), limits.for_keeper(), *words),
                cwd=cwd,
                env={**env, VARIABLE: marker},
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        )
        try:
            cancelled = await _undisturbed(starting)
            child = cls(starting.result(), ours, marker)
        except OSError as problem:
            ours.close()
            message = f"{words[0]} cannot be started: {problem}."
            raise ExecutionError(message) from None
        finally:
            theirs.close()
        if cancelled:
            await child.bury()
            raise asyncio.CancelledError
        return child

    async def finish(
        self, stdin: bytes, out: Kept, err: Kept, timeout_s: float, stops: Sequence[Stop]
    ) -> Completed:
        ended = asyncio.ensure_future(self._pump(stdin, out, err))
        try:
            timed_out = not await _ends(ended, timeout_s)
            if timed_out:
                await self._stop(ended, stops)
            await ended
        finally:
            if not ended.done():
                ended.cancel()
                await asyncio.wait({ended})
        code = os.waitstatus_to_exitcode(self._wait_status())
        return Completed(
            exit_code=code,
            stdout=out.end(),
            stderr=err.end(),
            seconds=time.monotonic() - self._began,
            timed_out=timed_out,
            signalled=max(-code, 0),
            truncated=out.truncated or err.truncated,
        )

    async def _pump(self, stdin: bytes, out: Kept, err: Kept) -> None:
        process = self._process
        if process.stdin is None or process.stdout is None or process.stderr is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                flows = [
                    group.create_task(_write(process.stdin, stdin)),
                    group.create_task(_read(process.stdout, out)),
                    group.create_task(_read(process.stderr, err)),
                ]
                if not await self._told():
                    # The keeper was killed: whoever is left may hold the pipes open.
                    await asyncio.to_thread(kill_marked, self._marker)
                    await asyncio.wait(flows, timeout=1.0)
                    for flow in flows:
                        flow.cancel()
        except ExceptionGroup as problems:  # what on_line raised
            raise problems.exceptions[0] from None

    async def _told(self) -> bool:
        """Wait for the keeper's last word; False when it died without one."""
        if self._status is None:
            with suppress(OSError, ValueError):
                loop = asyncio.get_running_loop()
                self._status = int(await loop.sock_recv(self._control, 32) or b"-")
        return self._status is not None

    async def _stop(self, ended: asyncio.Future[None], stops: Sequence[Stop]) -> None:
        for stop in stops:
            with suppress(OSError):
                self._control.send(bytes((stop.number,)))
            if await _ends(ended, stop.wait_s):
                return
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        if not await _ends(ended, _KEEPER_PATIENCE_S):
            self._process.kill()

    def _wait_status(self) -> int:
        return self._status if self._status is not None else int(signal.SIGKILL)

    async def bury(self) -> None:
        """Kill what still lives and wait for it, however often we are cancelled meanwhile."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        burying = asyncio.ensure_future(self._bury())
        cancelled = await _undisturbed(burying)
        burying.result()
        if cancelled:
            raise asyncio.CancelledError

    async def _bury(self) -> None:
        try:
            orderly = await asyncio.wait_for(self._told(), _KEEPER_PATIENCE_S)
        except TimeoutError:
            self._process.kill()
            orderly = False
        if not orderly:
            await asyncio.to_thread(kill_marked, self._marker)
        self._control.close()
        self._close_pipes()
        await self._process.wait()

    def _close_pipes(self) -> None:
        """Let go of the pipes, or ``wait`` would wait for whoever else still holds them."""
        # asyncio gives no public way to the transport.
        transport: asyncio.SubprocessTransport = self._process._transport  # type: ignore[attr-defined]  # noqa: SLF001 - see above
        for number in range(3):
            if pipe := transport.get_pipe_transport(number):
                pipe.close()


def _check(words: list[str], cwd: Path, env: Mapping[str, str]) -> None:
    if not cwd.is_dir():
        message = f"{words[0]} cannot be run in {cwd}: there is no such folder."
        raise ExecutionError(message)
    if shutil.which(words[0], path=env.get("PATH", os.defpath)) is None and not (
        "/" in words[0] and os.access(cwd / words[0], os.X_OK)
    ):
        message = f"{words[0]} was not found; install it or put its folder on PATH."
        raise ExecutionError(message)


async def _undisturbed(work: asyncio.Future[Any]) -> bool:
    """Wait until ``work`` is done, however often we are cancelled meanwhile; whether we were."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


async def _ends(ended: asyncio.Future[None], within_s: float) -> bool:
    done, _ = await asyncio.wait({ended}, timeout=within_s)
    return bool(done)


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
