"""A conversation with a child process, line by line, both ways, with the same budget as ``run``.

The program is a group below a keeper like every other child: bounded in time, in the length of a
line and in all that it says, killed with everything it made when the conversation is over, however
it ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from mendwire.errors import ExecutionError
from mendwire.execution.child import Child, Stop, ends, undisturbed
from mendwire.execution.output import Kept
from mendwire.execution.process import ResourceLimits

LINE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of one line."""
HEARD_LIMIT: Final = 256 * 1024 * 1024
"""Bytes of all lines together."""
_COMPLAINT_LIMIT: Final = 64 * 1024
_CHUNK: Final = 64 * 1024
_ENDS_WITHIN_S: Final = 2.0
"""How long a program may take to end by itself once its input is closed."""
_LAST_WORDS_S: Final = 1.0
_STOPS: Final = (Stop(number=signal.SIGTERM, wait_s=2.0),)


class Dialogue:
    """One running program. ``converse`` makes it."""

    def __init__(self, child: Child, words: Sequence[str], line_limit: int, limit: int) -> None:
        self._child = child
        self._name = Path(words[0]).name
        self._line_limit = line_limit
        self._room = limit
        self._buffer = bytearray()
        self._searched = 0
        self._complaint = Kept(_COMPLAINT_LIMIT)
        self._errors = asyncio.ensure_future(self._read_errors())
        self._ended = asyncio.ensure_future(self._watch())

    @property
    def complaint(self) -> str:
        """Standard error so far, as text; its beginning and its end."""
        return self._complaint.end().decode("utf-8", "replace").strip()

    @property
    def exit_code(self) -> int | None:
        """Of a program that has ended; the negative signal number when a signal ended it."""
        return self._child.exit_code if self._ended.done() else None

    async def say(self, line: bytes) -> None:
        """Write one line, without its newline; raises ExecutionError when nobody reads it."""
        pipe = self._child.process.stdin
        deaf = ExecutionError(f"{self._name} does not listen any more.")
        if pipe is None or pipe.is_closing():
            raise deaf
        try:
            pipe.write(line + b"\n")
            await pipe.drain()
        except ConnectionError:
            raise deaf from None

    async def hear(self) -> bytes | None:
        """The next line, without its newline; None when there will be no more.

        Raises ExecutionError when a line, or all of them together, is longer than allowed.
        """
        pipe = self._child.process.stdout
        while pipe is not None:
            found = self._buffer.find(b"\n", self._searched)
            if found >= 0:
                return self._taken(found)
            self._searched = len(self._buffer)
            if self._searched > self._line_limit:
                raise ExecutionError(f"{self._name} said a line of over {self._line_limit} bytes.")
            chunk = await pipe.read(_CHUNK)
            self._room -= len(chunk)
            if self._room < 0:
                raise ExecutionError(f"{self._name} said more than it may in one run.")
            self._buffer += chunk
            if not chunk:
                break
        return self._taken(len(self._buffer)) if self._buffer else None

    def _taken(self, size: int) -> bytes:
        line = bytes(self._buffer[:size])
        del self._buffer[: size + 1]
        self._searched = 0
        return line.removesuffix(b"\r")

    async def end(self, within_s: float = _ENDS_WITHIN_S) -> None:
        """Close its input and wait; then signals, then SIGKILL. Idempotent."""
        if pipe := self._child.process.stdin:
            pipe.close()
        if not await ends(self._ended, within_s):
            await self._child.stop(self._ended, _STOPS)

    async def bury(self) -> None:
        """Kill what still lives, and let go of everything, however often we are cancelled."""
        tasks = (self._ended, self._errors)
        for task in tasks:
            task.cancel()
        try:
            cancelled = await undisturbed(asyncio.gather(*tasks, return_exceptions=True))
        finally:
            await self._child.bury()
        if cancelled:
            raise asyncio.CancelledError

    async def _watch(self) -> None:
        if not await self._child.told():
            await self._child.gone()
        # Nobody is left to write: what it said last is on its way.
        await asyncio.wait({self._errors}, timeout=_LAST_WORDS_S)

    async def _read_errors(self) -> None:
        pipe = self._child.process.stderr
        while pipe and (chunk := await pipe.read(_CHUNK)):
            self._complaint.feed(chunk)


@asynccontextmanager
async def converse(
    argv: Sequence[str | os.PathLike[str]],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout_s: float,
    limits: ResourceLimits | None = None,
    line_limit: int = LINE_LIMIT,
    heard_limit: int = HEARD_LIMIT,
) -> AsyncIterator[Dialogue]:
    """Start a program to talk with.

    ``env`` is the whole environment. After ``timeout_s`` seconds of wall clock the body is ended by
    TimeoutError; whether so, by another exception, by cancellation or at its own end, afterwards no
    descendant is alive. Leaving normally, the program has its input closed and a moment to end.
    Raises ExecutionError when it cannot be started.
    """
    words = [os.fspath(word) for word in argv]
    limits = limits or ResourceLimits()
    child = await Child.start(words, cwd, env, limits.for_keeper(), "mendwire")
    talk = Dialogue(child, words, line_limit, heard_limit)
    try:
        async with asyncio.timeout(timeout_s):
            yield talk
            await talk.end()
    finally:
        await talk.bury()
