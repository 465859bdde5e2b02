"""A check-up: bounded whatever hangs or breaks, and where a measure becomes a finding."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from mendwire.errors import Unreachable
from mendwire.ops.findings import Check, Found, Level, aside, bad, check_up, ok
from mendwire.ops.machine_checks import disk_found, memory_found
from mendwire.ops.server_checks import account_found, clock_found

MIB = 1024 * 1024


def check(name: str, ask: object, limit_s: float = 5.0) -> Check:
    return Check(name=name, looked_at="x", ask=ask, remedy="do it", limit_s=limit_s)  # type: ignore[arg-type]  # the tests give coroutines of their own


async def test_what_hangs_or_breaks_hides_nothing_else() -> None:
    async def hangs() -> Sequence[Found]:
        await asyncio.Event().wait()
        return ()

    async def breaks() -> Sequence[Found]:
        raise ZeroDivisionError

    async def refuses() -> Sequence[Found]:
        raise Unreachable("Nobody is there.")

    async def works() -> Sequence[Found]:
        return [*ok("fine"), *bad("not so", "this")]

    found = await check_up(
        [
            check("hangs", hangs, 0.05),
            check("breaks", breaks),
            check("refuses", refuses),
            check("works", works),
        ]
    )
    assert [(one.check, one.level, one.remedy) for one in found] == [
        ("hangs", Level.BAD, "do it"),
        ("breaks", Level.BAD, "do it"),
        ("refuses", Level.BAD, "do it"),
        ("works", Level.OK, ""),
        ("works", Level.BAD, "this"),
    ]
    assert found[0].found == "No answer within 0.05 s."
    assert "ZeroDivisionError" in found[1].found
    assert found[2].found == "Nobody is there."


async def test_aside_gives_results_and_raises_what_was_raised() -> None:
    assert await aside(lambda: 7) == 7
    with pytest.raises(OSError, match="gone"):
        await aside(lambda: _raise(OSError("gone")))


def _raise(problem: Exception) -> None:
    raise problem


def test_a_thread_that_never_ends_does_not_keep_the_program() -> None:
    program = (
        "import asyncio, threading\n"
        "from mendwire.ops.findings import aside\n"
        "async def main():\n"
        "    try:\n"
        "        async with asyncio.timeout(0.05):\n"
        "            await aside(threading.Event().wait)\n"
        "    except TimeoutError:\n"
        "        print('given up')\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, timeout=60, check=True
    )
    assert done.stdout == b"given up\n"
    assert threading.active_count() >= 1


@pytest.mark.parametrize(
    ("ahead_s", "level", "word"),
    [
        (0.0, Level.OK, "differ"),
        (-1.9, Level.OK, "differ"),
        (90.0, Level.WARN, "ahead"),
        (-90.0, Level.WARN, "behind"),
    ],
)
def test_a_clock(ahead_s: float, level: Level, word: str) -> None:
    (found,) = clock_found(ahead_s)
    assert found.level is level
    assert word in found.what


@pytest.mark.parametrize(
    ("free", "level"), [(5000 * MIB, Level.OK), (900 * MIB, Level.WARN), (0, Level.BAD)]
)
def test_a_disk(free: int, level: Level) -> None:
    (found,) = disk_found("state", Path("/srv"), free)
    assert found.level is level
    assert bool(found.remedy) is (level is not Level.OK)


@pytest.mark.parametrize(
    ("available", "level"),
    [(2000 * MIB, Level.OK), (200 * MIB, Level.WARN), (10 * MIB, Level.BAD)],
)
def test_memory(available: int, level: Level) -> None:
    (found,) = memory_found(available)
    assert found.level is level


@pytest.mark.parametrize(
    ("storage", "most", "levels"),
    [
        (10, -1, []),
        (79, 100, []),
        (80, 100, [Level.WARN]),
        (96, 100, [Level.BAD]),
        (-1, 100, []),  # what a server says whose account has no storage
    ],
)
def test_an_account(storage: int, most: int, levels: list[Level]) -> None:
    found = account_found({"storage": storage, "limits": {"max_storage": most}})
    assert [one.level for one in found] == levels
