"""One keeper and the program below it: started, signalled, and buried with all it made.

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
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from mendwire.errors import ExecutionError
from mendwire.execution.strays import VARIABLE, kill_marked, new_marker

_KEEPER: Final = Path(__file__).with_name("keeper.py")
_KEEPER_PATIENCE_S: Final = 10.0


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


class Child:
    """One keeper and the program below it."""

    def __init__(
        self, process: asyncio.subprocess.Process, control: socket.socket, marker: str
    ) -> None:
        self.process = process
        """Its pipes are the program's."""
        self._control = control
        self._marker = marker
        self.began = time.monotonic()
        self._status: int | None = None

    @classmethod
    async def start(
        cls,
        words: list[str],
        cwd: Path,
        env: Mapping[str, str],
        limits: str,
        prefix: str,
    ) -> Child:
        """Start ``words`` under ``limits`` as the keeper reads them; raises ExecutionError."""
        _check(words, cwd, env)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        marker = new_marker(prefix)
        starting = asyncio.ensure_future(
            asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(_KEEPER)),
                *(str(theirs.fileno()), limits, *words),
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
            cancelled = await undisturbed(starting)
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

    async def told(self) -> bool:
        """Wait for the keeper's last word; False when it died without one."""
        if self._status is None:
            with suppress(OSError, ValueError):
                loop = asyncio.get_running_loop()
                self._status = int(await loop.sock_recv(self._control, 32) or b"-")
        return self._status is not None

    async def gone(self) -> None:
        """Kill whoever is left of a keeper that was killed: they may hold the pipes open."""
        await asyncio.to_thread(kill_marked, self._marker)

    async def stop(self, ended: asyncio.Future[None], stops: Sequence[Stop]) -> None:
        """Send each signal and wait as it says, then have everything killed."""
        for stop in stops:
            with suppress(OSError):
                self._control.send(bytes((stop.number,)))
            if await ends(ended, stop.wait_s):
                return
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        if not await ends(ended, _KEEPER_PATIENCE_S):
            self.process.kill()

    @property
    def exit_code(self) -> int:
        """Of a program that has ended; the negative signal number when a signal ended it."""
        status = self._status if self._status is not None else int(signal.SIGKILL)
        return os.waitstatus_to_exitcode(status)

    async def bury(self) -> None:
        """Kill what still lives and wait for it, however often we are cancelled meanwhile."""
        with suppress(OSError):
            self._control.shutdown(socket.SHUT_WR)
        burying = asyncio.ensure_future(self._bury())
        cancelled = await undisturbed(burying)
        burying.result()
        if cancelled:
            raise asyncio.CancelledError

    async def _bury(self) -> None:
        try:
            orderly = await asyncio.wait_for(self.told(), _KEEPER_PATIENCE_S)
        except TimeoutError:
            self.process.kill()
            orderly = False
        if not orderly:
            await asyncio.to_thread(kill_marked, self._marker)
        self._control.close()
        self._close_pipes()
        await self.process.wait()

    def _close_pipes(self) -> None:
        """Let go of the pipes, or ``wait`` would wait for whoever else still holds them."""
        # asyncio gives no public way to the transport.
        transport: asyncio.SubprocessTransport = self.process._transport  # type: ignore[attr-defined]  # noqa: SLF001 - see above
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


async def undisturbed(work: asyncio.Future[Any]) -> bool:
    """Wait until ``work`` is done, however often we are cancelled meanwhile; whether we were."""
    cancelled = False
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            cancelled = True
    return cancelled


async def ends(ended: asyncio.Future[None], within_s: float) -> bool:
    """Whether it is done within so many seconds."""
    done, _ = await asyncio.wait({ended}, timeout=within_s)
    return bool(done)
