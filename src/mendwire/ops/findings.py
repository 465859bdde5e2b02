"""What a check-up asks and finds: each question bounded in time, none able to end the others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar

from mendwire.errors import MendwireError

LIMIT_S: Final = 15.0
"""How long one check may take unless it says otherwise."""
T = TypeVar("T")


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    SKIPPED = "skipped"
    """It could not be asked, since something else is missing."""
    WARN = "warn"
    """It works, but look at it."""
    BAD = "bad"
    """Something does not work."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """One answer of a check."""

    level: Level
    what: str
    remedy: str = ""
    """A command, or what to change."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One question."""

    name: str
    looked_at: str
    """What is asked, for people."""
    ask: Callable[[], Awaitable[Sequence[Found]]]
    remedy: str = ""
    """For an answer that has none of its own."""
    limit_s: float = LIMIT_S


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of a check-up."""

    check: str
    level: Level
    looked_at: str
    found: str
    remedy: str
    seconds: float


def ok(what: str) -> list[Found]:
    """All is well."""
    return [Found(level=Level.OK, what=what)]


def skipped(what: str) -> list[Found]:
    """It cannot be asked."""
    return [Found(level=Level.SKIPPED, what=what)]


def warn(what: str, remedy: str = "") -> list[Found]:
    """Look at it."""
    return [Found(level=Level.WARN, what=what, remedy=remedy)]


def bad(what: str, remedy: str = "") -> list[Found]:
    """It does not work."""
    return [Found(level=Level.BAD, what=what, remedy=remedy)]


async def check_up(checks: Sequence[Check]) -> list[Finding]:
    """Ask all of them at once; the findings are in their order."""
    found = await asyncio.gather(*(_asked(check) for check in checks))
    return [finding for findings in found for finding in findings]


async def aside(call: Callable[[], T]) -> T:
    """Run what may block for ever (a dead disk) in a thread that nobody waits for at the end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, problem: Exception | None) -> None:
        if future.cancelled():
            return
        if problem is not None:
            future.set_exception(problem)
        else:
            future.set_result(result)  # type: ignore[arg-type]  # None only beside a problem

    def work() -> None:
        result, problem = None, None
        try:
            result = call()
        except Exception as raised:  # noqa: BLE001 - handed over to whoever waits
            problem = raised
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, result, problem)

    threading.Thread(target=work, daemon=True).start()
    return await future


async def _asked(check: Check) -> list[Finding]:
    began = time.monotonic()
    found = await _answer(check)
    seconds = round(time.monotonic() - began, 3)
    return [
        Finding(
            check=check.name,
            level=one.level,
            looked_at=check.looked_at,
            found=one.what,
            remedy=one.remedy or (check.remedy if one.level in {Level.WARN, Level.BAD} else ""),
            seconds=seconds,
        )
        for one in found
    ]


async def _answer(check: Check) -> Sequence[Found]:
    try:
        async with asyncio.timeout(check.limit_s):
            return await check.ask()
    except TimeoutError:
        return bad(f"No answer within {check.limit_s:g} s.")
    except MendwireError as problem:
        return bad(str(problem))
    except Exception as problem:  # noqa: BLE001 - a broken check must not hide the others
        return bad(f"The check itself failed: {type(problem).__name__}: {problem}")
