"""A child process of ours that answers one request after another over its pipes.

Frames both ways: four bytes of length, big-endian, then the body. The child's first frame is empty
once it is ready, or one sentence that says why it cannot serve. It ends when its standard input
does, and (on Linux) with us.
"""

from __future__ import annotations

import asyncio
import os
import struct
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self, cast

from mendwire.errors import ExecutionError
from mendwire.execution.environment import allowed_environment

_LENGTH: Final = struct.Struct("!I")
_END_S: Final = 2.0
_ASIDE: Final = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "LD_LIBRARY_PATH")


class Outlasted(ExecutionError):
    """The answer to this request did not come within its budget; the child was killed."""


class Died(ExecutionError):
    """The child ended before it answered; ``was_at_it`` says whether it was at this request."""

    def __init__(self, message: str, *, was_at_it: bool) -> None:
        super().__init__(message)
        self.was_at_it = was_at_it


class Servant:
    """One running child. Requests are answered in the order in which they were asked."""

    def __init__(self, pipes: _Pipes, transport: asyncio.SubprocessTransport) -> None:
        self.pid = transport.get_pid()
        self._pipes = pipes
        self._transport = transport
        self._to_child = cast("asyncio.WriteTransport", transport.get_pipe_transport(0))

    @classmethod
    async def start(
        cls, argv: Sequence[str | os.PathLike[str]], *, ready_s: float, also: Sequence[str] = ()
    ) -> Self:
        """Start ``argv`` and wait until it is ready; ``also`` names variables to pass on.

        Raises ExecutionError with the child's own sentence where it cannot serve.
        """
        loop = asyncio.get_running_loop()
        try:
            transport, pipes = await loop.subprocess_exec(
                _Pipes,
                *(os.fspath(word) for word in argv),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=Path(argv[0]).parent,
                env=allowed_environment((*_ASIDE, *also), keep_home=True),
                start_new_session=True,  # Ctrl-C in the terminal is for us alone
            )
        except OSError as problem:
            message = f"{os.fspath(argv[0])} cannot be started: {problem.strerror}."
            raise ExecutionError(message) from None
        servant = cls(pipes, transport)
        try:
            refusal = await asyncio.wait_for(pipes.expect(), ready_s)
        except TimeoutError:
            await servant.kill()
            message = f"{os.fspath(argv[0])} was not ready within {ready_s:g} s."
            raise ExecutionError(message) from None
        except Died:
            await servant.kill()
            message = f"{os.fspath(argv[0])} ended before it was ready."
            raise ExecutionError(message) from None
        except BaseException:
            await servant.kill()
            raise
        if refusal:
            await servant.kill()
            raise ExecutionError(refusal.decode("utf-8", "replace"))
        return servant

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._pipes.ended.is_set() and not self._to_child.is_closing()

    async def ask(self, request: bytes, budget_s: float) -> bytes:
        """The answer; raises Outlasted and Died.

        The budget counts from when the child turned to this request. A cancelled call leaves the
        child at its work, and its answer is thrown away.
        """
        if not self.alive:
            raise Died("The child had ended.", was_at_it=False)
        answer = self._pipes.expect()
        self._to_child.write(_LENGTH.pack(len(request)) + request)
        while not answer.done():
            await asyncio.wait({answer}, timeout=budget_s)
            if not answer.done() and self._pipes.busy_s(answer) >= budget_s:
                await self.kill()
                raise Outlasted(f"No answer came within {budget_s:g} s.")
        return answer.result()

    async def stop(self) -> None:
        """Let it end, then make it end; legal twice."""
        self._to_child.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pipes.ended.wait(), _END_S)
        await self.kill()

    async def kill(self) -> None:
        """End it at once and wait until it is gone; legal twice."""
        with suppress(ProcessLookupError):
            self._transport.kill()
        await self._pipes.ended.wait()
        self._transport.close()


class _Pipes(asyncio.SubprocessProtocol):
    """Bytes from the child become answers, in order."""

    def __init__(self) -> None:
        self.ended = asyncio.Event()
        self._buffer = bytearray()
        self._waiting: deque[asyncio.Future[bytes]] = deque()
        self._since = 0.0

    def expect(self) -> asyncio.Future[bytes]:
        """The next frame that nobody waits for yet."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._since = loop.time()
        future: asyncio.Future[bytes] = loop.create_future()
        self._waiting.append(future)
        return future

    def busy_s(self, answer: asyncio.Future[bytes]) -> float:
        """Seconds that the child has been at this request; 0 while another comes first."""
        if not self._waiting or self._waiting[0] is not answer:
            return 0.0
        return asyncio.get_running_loop().time() - self._since

    def pipe_data_received(self, fd: int, data: bytes) -> None:  # noqa: ARG002 - the only pipe read
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            self._since = asyncio.get_running_loop().time()
            if self._waiting and not (first := self._waiting.popleft()).done():
                first.set_result(body)

    def process_exited(self) -> None:
        """Who waits is told; what the child wrote before its end has arrived or never will."""
        self.ended.set()
        was_at_it = True
        while self._waiting:
            if not (future := self._waiting.popleft()).done():
                future.set_exception(Died("The child ended.", was_at_it=was_at_it))
                future.exception()  # nobody may be waiting any more
            was_at_it = False


def frames_in(source: BinaryIO) -> bytes | None:
    """For the child: the next request, or None at the end."""
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(head)
    body = source.read(size)
    return body if len(body) == size else None


def frame_out(target: BinaryIO, body: bytes) -> None:
    """For the child: answer, or say at first that it is ready (an empty body)."""
    target.write(_LENGTH.pack(len(body)) + body)
    target.flush()
