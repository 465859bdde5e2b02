"""A conversation with a real child: both ways, bounded, and nothing of it alive afterwards."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from mendwire.errors import ExecutionError
from mendwire.execution.dialogue import Dialogue, converse

ECHO = "import sys\nfor line in sys.stdin: print('heard', line.strip(), flush=True)"
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    sys.stdout.write(f"{os.getpid()}\\n")
    sys.stdout.flush()
    time.sleep(600)
time.sleep(600)
"""
ENV: Mapping[str, str] = {"PATH": os.environ["PATH"]}


def talk(
    folder: Path, script: str, timeout_s: float = 30.0, **limits: Any
) -> AbstractAsyncContextManager[Dialogue]:
    words = [sys.executable, "-I", "-S", "-u", "-c", script]
    return converse(words, cwd=folder, env=ENV, timeout_s=timeout_s, **limits)


async def daemon_of(dialogue: Dialogue) -> Path:
    line = await dialogue.hear()
    assert line is not None
    return Path("/proc", line.decode())


async def say_much(dialogue: Dialogue) -> None:
    for _ in range(100):
        await dialogue.say(b"x" * 100_000)


async def hear_all(
    talking: AbstractAsyncContextManager[Dialogue], heard: list[bytes] | None = None
) -> None:
    async with talking as dialogue:
        while (line := await dialogue.hear()) is not None:
            if heard is not None:
                heard.append(line)


async def test_lines_go_both_ways_and_the_end_is_told(tmp_path: Path) -> None:
    async with talk(tmp_path, ECHO) as dialogue:
        await dialogue.say(b"one")
        assert await dialogue.hear() == b"heard one"
        await dialogue.say("zwölf".encode())
        assert await dialogue.hear() == "heard zwölf".encode()
        assert dialogue.exit_code is None
    assert dialogue.exit_code == 0


async def test_a_program_that_ends_says_nothing_more_and_hears_nothing(tmp_path: Path) -> None:
    script = "import sys\nsys.stderr.write('why')\nsys.stdout.write('last')\nsys.exit(3)"
    async with talk(tmp_path, script) as dialogue:
        assert await dialogue.hear() == b"last"
        assert await dialogue.hear() is None
        with pytest.raises(ExecutionError, match="does not listen any more"):
            await say_much(dialogue)
    assert dialogue.exit_code == 3
    assert dialogue.complaint == "why"


@pytest.mark.parametrize(
    ("script", "limits", "why"),
    [
        ("print('x' * 500_000)", {"line_limit": 100_000}, "a line of over 100000 bytes"),
        ("while True: print('x' * 1000)", {"heard_limit": 200_000}, "more than it may"),
    ],
    ids=["one line", "all lines"],
)
async def test_what_it_says_is_bounded(
    tmp_path: Path, script: str, limits: dict[str, int], why: str
) -> None:
    with pytest.raises(ExecutionError, match=why):
        await hear_all(talk(tmp_path, script, **limits))


async def test_out_of_time_it_is_gone_with_its_daemons(tmp_path: Path) -> None:
    heard: list[bytes] = []
    with pytest.raises(TimeoutError):
        await hear_all(talk(tmp_path, DAEMON, timeout_s=2.0), heard)
    assert not Path("/proc", heard[0].decode()).exists()


async def test_cancelled_it_is_gone_with_its_daemons(tmp_path: Path) -> None:
    found: asyncio.Future[Path] = asyncio.get_running_loop().create_future()

    async def talked() -> None:
        async with talk(tmp_path, DAEMON) as dialogue:
            found.set_result(await daemon_of(dialogue))
            await dialogue.hear()

    task = asyncio.create_task(talked())
    daemon = await found
    assert daemon.exists()
    for _ in range(3):  # whoever is impatient loses none of it
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not daemon.exists()


async def test_cancelled_while_it_is_being_buried_the_cancellation_is_kept(tmp_path: Path) -> None:
    left = asyncio.Event()

    async def talked() -> None:
        with contextlib.suppress(LookupError):
            async with talk(tmp_path, DAEMON) as dialogue:
                await daemon_of(dialogue)
                left.set()
                raise LookupError

    task = asyncio.create_task(talked())
    await left.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_one_that_does_not_end_by_itself_is_ended(tmp_path: Path) -> None:
    script = "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint('up')\ntime.sleep(600)"
    async with talk(tmp_path, script) as dialogue:
        assert await dialogue.hear() == b"up"
        await dialogue.end(within_s=0.1)
    assert dialogue.exit_code == -9


async def test_no_program_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ExecutionError, match="no-such-program was not found"):
        async with converse(["no-such-program"], cwd=tmp_path, env=ENV, timeout_s=5.0):
            pass
