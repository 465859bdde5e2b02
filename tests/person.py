"""A person's terminal: a real shell on a real terminal, in which lines are typed and read."""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import signal
import termios
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

_PROMPT: Final = "\x1eready:"
"""With the last exit code behind it; no program here prints the first character."""
_READY: Final = re.compile(re.escape(_PROMPT) + r"(\d+)\x1e")
_ASKS: Final = "[y/N]: "
_READY_OR_ASKED: Final = re.compile(f"{_READY.pattern}|{re.escape(_ASKS)}")
_ENDED: Final = f"(?P<ready>{re.escape(_PROMPT)})"
_COLOURS: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
PATIENCE_S: Final = 60.0


class WentWrong(AssertionError):
    """A command ended badly, or said nothing of what was waited for."""


@dataclass(kw_only=True)
class Terminal:
    """Lives while its ``terminal`` block does."""

    device: int
    shell: asyncio.subprocess.Process
    shown: str = ""
    """Everything so far, without colours."""
    _read: int = 0
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def type(self, line: str, *, always: str = "") -> str:
        """Run one line to its good end; what it showed.

        ``always`` is the answer to every question.
        """
        begun = len(self.shown)
        self.begin(line)
        while (ended := await self.until(_READY_OR_ASKED))[0] == _ASKS:
            os.write(self.device, f"{always}\n".encode())
        told = self.shown[begun : self._read]
        if (code := ended[1]) != "0":
            raise WentWrong(f"{line}: exit code {code}\n{told}")
        return _READY.sub("", told)

    def begin(self, line: str) -> None:
        """Type one line and wait for nothing."""
        self._read = len(self.shown)
        os.write(self.device, f"{line}\n".encode())

    async def until(self, wanted: str | re.Pattern[str]) -> re.Match[str]:
        """Wait until something not read before is shown, and go on reading behind it."""
        pattern = _READY_OR_ASKED
        if wanted is not _READY_OR_ASKED:
            words = re.escape(wanted) if isinstance(wanted, str) else wanted.pattern
            pattern = re.compile(f"{words}|{_ENDED}")
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not (found := pattern.search(self.shown, self._read)):
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            raise WentWrong(f"waited for {pattern.pattern!r}:\n{self.shown[-4000:]}") from None
        self._read = found.end()
        if found.lastgroup == "ready":
            raise WentWrong(f"it ended before {wanted!r}:\n{self.shown[-4000:]}")
        return found

    async def interrupt(self) -> None:
        """Ctrl-C, and wait for the prompt."""
        os.write(self.device, b"\x03")
        await self.until(_READY_OR_ASKED)

    def take(self) -> None:
        """Read what the device has."""
        try:
            part = os.read(self.device, 65_536)
        except OSError:  # the other side is closed
            part = b""
        if not part:
            asyncio.get_running_loop().remove_reader(self.device)
        self.shown += _COLOURS.sub("", part.decode(errors="replace"))
        self._more.set()


@asynccontextmanager
async def terminal(folder: Path, environment: Mapping[str, str]) -> AsyncIterator[Terminal]:
    """A shell in a folder; it and what runs in it are dead afterwards."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (50, 200))
    shell = await asyncio.create_subprocess_exec(
        *("bash", "--norc", "--noprofile", "--noediting", "-i"),
        cwd=folder,
        env={
            **environment,
            "TERM": "xterm",
            "PS1": f"{_PROMPT}$?\x1e",
            "GIT_PAGER": "cat",
        },
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        preexec_fn=_own_the_terminal,
    )
    os.close(theirs)
    person = Terminal(device=ours, shell=shell)
    asyncio.get_running_loop().add_reader(ours, person.take)
    try:
        await person.until(_READY_OR_ASKED)
        yield person
    finally:
        asyncio.get_running_loop().remove_reader(ours)
        os.close(ours)  # hangs up: the shell and its jobs are told
        try:
            async with asyncio.timeout(20):
                await shell.wait()
        except TimeoutError:
            os.killpg(shell.pid, signal.SIGKILL)
            await shell.wait()


def _own_the_terminal() -> None:
    """So that Ctrl-C reaches what runs in it."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
