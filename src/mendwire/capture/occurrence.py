"""One occurrence of an exception, taken on the thread it happened on: quickly, and as it is now.

What can be done later is done on the sender's thread: see ``written``. Nothing taken keeps the
exception, its frames or the host's objects alive.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from mendwire.capture.frames import Call, calls_of, entries, noted
from mendwire.capture.guard import Guard
from mendwire.capture.plain import MAX_NODES, MAX_TOTAL, Budget, shown

if TYPE_CHECKING:
    from mendwire.model.report import JSONValue

MAX_MESSAGE: Final = 16_000
MAX_LINKS: Final = 20
"""Exceptions of one occurrence: causes, contexts and members of groups."""
MAX_STACK_CALLS: Final = 200
"""Of one exception, the innermost: what the stack's text shows."""
_MAX_NOTES: Final = 20
_CODES: Final = dict.fromkeys(("errno", "sqlstate", "pgcode", "code", "status_code", "status"))
"""By which attributes an exception tells its code, the first one first."""
_MAX_KINDS: Final = 1_000
_may_have_code: dict[type[BaseException], bool] = {}
"""By type; looked at by the host's threads, where a lost race costs one more look."""
_MAX_CODE: Final = 64
_CALL_WEIGHT: Final = 150
_LINK_WEIGHT: Final = 500

UNPRINTABLE: Final[str] = "<unprintable>"

Key = tuple[object, ...]


class Syntax(NamedTuple):
    """Where a SyntaxError found fault, for the lines a traceback prints above it."""

    message: str
    where: tuple[str | None, int | None, int | None, str | None, int | None, int | None]
    """File, line, offset, text, end line, end offset."""


class Link(NamedTuple):
    """One exception of a chain. A tuple, since it is made on the host's thread."""

    kind: str
    """The type as a traceback names it; empty for a logged message, which is no exception."""
    message: str
    notes: tuple[str, ...]
    calls: tuple[Call, ...]
    """The innermost ones, outermost first, without arguments."""
    before: Link | None
    """The exception this one came from."""
    is_cause: bool
    """``before`` was named with ``raise from``."""
    members: tuple[Link, ...]
    """Of a group."""
    syntax: Syntax | None


class Taken(NamedTuple):
    """An occurrence as it was taken."""

    link: Link
    calls: list[Call]
    """Of the exception itself, with arguments."""
    code: str
    """errno, SQLSTATE or HTTP status, where the exception carries one."""
    context: dict[str, JSONValue]
    fixed: Mapping[str, str]
    """Service, environment, release and level."""
    thread: str
    pid: int
    at: float
    """Seconds since the epoch."""
    weight: int
    """About how many bytes it holds."""
    body: dict[str, JSONValue] | None = None
    """The report where it is written down already: of a log's record, which has no exception."""


def rough_key(exc: BaseException) -> Key:
    """What is cheap to compare: same types, messages, codes and lines mean the same signature.

    The reverse does not hold; the signature itself is computed later, off the host's threads.
    """
    # On the way of every repeat, with cold caches: what is cold here is each function that is
    # called, so few are.
    is_alone = exc.__cause__ is exc.__context__ is None and not isinstance(exc, BaseExceptionGroup)
    parts: list[object] = []
    for link in (exc,) if is_alone else _links(exc):
        kind = type(link)
        try:
            message = hash(str(link))
        except Exception:  # noqa: BLE001 - the host's own code; the report says that it has no text
            message = 0
        may_have_code = _may_have_code.get(kind)
        if may_have_code is None:
            may_have_code = _note_kind(kind)
        is_bare = not may_have_code and _CODES.keys().isdisjoint(link.__dict__)
        parts += (kind, message, "" if is_bare else _code(link))
        entry = link.__traceback__
        while entry is not None:
            code = entry.tb_frame.f_code
            parts += (code.co_filename, code.co_qualname, entry.tb_lineno)
            entry = entry.tb_next
    if len(parts) > 3 * MAX_STACK_CALLS:
        return (len(parts), *parts[:3], hash(tuple(parts)))
    return tuple(parts)


def _note_kind(kind: type[BaseException]) -> bool:
    """Whether objects of the type may have a code that does not stand in their ``__dict__``."""
    may = (
        kind.__getattribute__ is not BaseException.__getattribute__
        or hasattr(kind, "__getattr__")
        or any(hasattr(kind, name) for name in _CODES)
    )
    if len(_may_have_code) >= _MAX_KINDS:
        _may_have_code.clear()
    _may_have_code[kind] = may
    return may


def taken(
    exc: BaseException, context: Mapping[str, object], fixed: Mapping[str, str], guard: Guard
) -> Taken:
    """Take what the report of ``exc`` needs."""
    budget = Budget(nodes=10 * MAX_NODES, text=4 * MAX_TOTAL)
    left = Budget(nodes=10 * MAX_NODES, text=4 * MAX_TOTAL)
    nothing: list[Call] = []
    calls = guard.run(lambda: calls_of(exc.__traceback__, budget), nothing)
    link, links = _Taker(guard).taken(exc)
    return Taken(
        link=link,
        calls=calls,
        code=_code(exc),
        context=shown_context(context, left, guard),
        fixed=fixed,
        thread=threading.current_thread().name,
        pid=os.getpid(),
        at=time.time(),
        weight=links
        + _CALL_WEIGHT * len(calls)
        + 2 * (8 * MAX_TOTAL - max(0, budget.text) - max(0, left.text))
        + 50 * (20 * MAX_NODES - max(0, budget.nodes) - max(0, left.nodes)),
    )


def shown_context(
    context: Mapping[str, object], left: Budget, guard: Guard
) -> dict[str, JSONValue]:
    """What the host gave, as something a report can carry."""
    unprintable: JSONValue = UNPRINTABLE
    return {
        key: guard.run(partial(shown, value, left), unprintable) for key, value in context.items()
    }


def type_name(exc: BaseException) -> str:
    """The name as a traceback prints it."""
    kind = type(exc)
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def fixed_fields(service: str, environment: str | None, release: str) -> dict[str, str]:
    """The fields that are the same for every report of one process."""
    given = {"service": service, "environment": environment or "", "release": release}
    return {name: text for name, text in given.items() if text}


class _Taker:
    """Takes the exceptions of one occurrence, each once and not too many."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._seen: set[int] = set()
        self._weight = 0

    def taken(self, exc: BaseException) -> tuple[Link, int]:
        return self._link(exc), self._weight

    def _link(self, exc: BaseException) -> Link:
        self._seen.add(id(exc))
        before, is_cause = _before(exc)
        message = _text(exc, self._guard)
        calls = tuple(map(noted, deque(entries(exc.__traceback__), MAX_STACK_CALLS)))
        self._weight += _LINK_WEIGHT + len(message) + _CALL_WEIGHT * len(calls)
        return Link(
            kind=type_name(exc),
            message=message,
            notes=self._notes(exc),
            calls=calls,
            before=self._next(before) if before is not None else None,
            is_cause=is_cause,
            members=tuple(link for one in _members(exc) if (link := self._next(one)) is not None),
            syntax=self._guard.run(lambda: _syntax(exc), None)
            if isinstance(exc, SyntaxError)
            else None,
        )

    def _next(self, exc: BaseException) -> Link | None:
        if id(exc) in self._seen or len(self._seen) >= MAX_LINKS:
            return None
        return self._link(exc)

    def _notes(self, exc: BaseException) -> tuple[str, ...]:
        given = getattr(exc, "__notes__", None)
        if not isinstance(given, list | tuple):
            return ()
        notes = tuple(cleaned(str(note)) for note in given[:_MAX_NOTES] if isinstance(note, str))
        self._weight += sum(map(len, notes))
        return notes


def _links(exc: BaseException) -> Iterator[BaseException]:
    """The exception, what it came from and the members of groups; each once, not too many."""
    waiting, seen = [exc], {id(exc)}
    while waiting:
        link = waiting.pop()
        yield link
        before, _ = _before(link)
        for one in (*_members(link), before):
            if one is not None and id(one) not in seen and len(seen) < MAX_LINKS:
                seen.add(id(one))
                waiting.append(one)


def _before(exc: BaseException) -> tuple[BaseException | None, bool]:
    if exc.__cause__ is not None:
        return exc.__cause__, True
    return (None if exc.__suppress_context__ else exc.__context__), False


def _members(exc: BaseException) -> tuple[BaseException, ...]:
    return exc.exceptions if isinstance(exc, BaseExceptionGroup) else ()


def _text(exc: BaseException, guard: Guard) -> str:
    return cleaned(guard.run(lambda: str(exc), UNPRINTABLE))


def cleaned(text: str) -> str:
    if len(text) > MAX_MESSAGE:
        from mendwire.model.signature import capped  # noqa: PLC0415 - rarely needed here

        text = capped(text, MAX_MESSAGE)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _syntax(exc: SyntaxError) -> Syntax:
    return Syntax(
        str(exc.msg)[:_MAX_MESSAGE_OF_SYNTAX],
        (
            exc.filename,
            exc.lineno,
            exc.offset,
            exc.text[:_MAX_MESSAGE_OF_SYNTAX] if exc.text else exc.text,
            exc.end_lineno,
            exc.end_offset,
        ),
    )


_MAX_MESSAGE_OF_SYNTAX: Final = 1_000


def _code(exc: BaseException) -> str:
    """errno, SQLSTATE or HTTP status, where the exception carries one."""
    try:
        for name in _CODES:
            value = getattr(exc, name, None)
            if type(value) in {int, str} and value != "":
                return str(value)[:_MAX_CODE]
    except Exception:  # noqa: BLE001 - a property of the host's exception; then it has no code
        return ""
    return ""
