"""What led up to an error: the request or task it happened in, its tags and the last breadcrumbs.

A context variable holds it, so that requests that are served at once do not mix. Whoever opens a
scope shares it with the tasks and threads that inherit its context; outside of every scope each
task and each thread has one of its own. What a report takes of it is only put together when there
is one, so that a request without an error pays for two settings of a variable.
"""

from __future__ import annotations

import sys
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mendwire.capture.guard import Guard
from mendwire.capture.moment import moment

if TYPE_CHECKING:
    import asyncio

    from mendwire.model.report import JSONValue

MAX_CRUMBS: Final = 50
MAX_TEXT: Final = 300
MAX_TAGS: Final = 50
_MAX_NESTED: Final = 8


@dataclass(slots=True)
class Crumb:
    """One thing that happened before the error."""

    at: float
    """Seconds since 1970."""
    level: str
    source: str
    """The logger's name, or the category of a warning."""
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Surroundings:
    """The request or task in which something happened, as a report carries it."""

    context: Mapping[str, object]
    """Joined to the report's context: ``request`` or ``task``, ``request_id``."""
    trace_id: str = ""
    """32 hex digits, or empty."""
    span_id: str = ""
    """Of the trace, the span in which it happened: 16 hex digits, or empty."""


Describe = Callable[[], Surroundings]
_NOTHING: Final = Surroundings(context={})


@dataclass(slots=True, eq=False)
class Trail:
    """What is remembered in one scope."""

    describe: Describe | None = None
    """Says what the scope is; called when there is something to report, never before."""
    outer: Trail | None = None
    """The scope around this one."""
    crumbs: deque[Crumb] = field(default_factory=lambda: deque(maxlen=MAX_CRUMBS))
    tags: dict[str, object] = field(default_factory=dict)
    is_scope: bool = True
    """False for what a task or thread has outside of every scope."""
    task: weakref.ref[asyncio.Task[Any]] | None = None
    """Outside of every scope: the task it belongs to; None where there is no task."""


_current: ContextVar[Trail | None] = ContextVar("mendwire_trail", default=None)


def opened(describe: Describe | None = None) -> Trail:
    """A new scope, not entered yet; inside another one it goes on with its breadcrumbs."""
    outer = _current.get()
    if outer is None or not outer.is_scope:
        return Trail(describe)
    return Trail(describe, outer, outer.crumbs)


@contextmanager
def inside(trail: Trail) -> Iterator[None]:
    """Be in the scope; it may be entered again later, also from another thread or task."""
    before = enter(trail)
    try:
        yield
    finally:
        leave(before)


def enter(trail: Trail) -> Trail | None:
    """The same in two halves; returns what ``leave`` is to be given."""
    before = _current.get()
    _current.set(trail)
    return before


def leave(before: Trail | None) -> None:
    """Go back. Set, not reset by a token: a body may be closed in another context than its own."""
    _current.set(before)


def note(level: str, source: str, text: str) -> None:
    """Leave a breadcrumb."""
    _own().crumbs.append(Crumb(time.time(), level, source, text[:MAX_TEXT]))


def tag(name: str, value: JSONValue) -> None:
    """Keep a value beside everything that is reported from here on in this scope."""
    tags = _own().tags
    if name in tags or len(tags) < MAX_TAGS:
        tags[name[:MAX_TEXT]] = value


def surroundings(guard: Guard) -> Surroundings:
    """What a report that is made here and now takes along."""
    trail = _current.get()
    if trail is None or not _is_own(trail):
        return _NOTHING
    context: dict[str, object] = {}
    trace = _NOTHING
    for each in _outermost_first(trail):
        if each.describe is not None:
            found = guard.run(each.describe, _NOTHING)
            context.update(found.context)
            trace = found if found.trace_id else trace
        context.update(each.tags)
    if trail.crumbs:
        context["breadcrumbs"] = [_shown(crumb) for crumb in tuple(trail.crumbs)]
    return Surroundings(context=context, trace_id=trace.trace_id, span_id=trace.span_id)


def _own() -> Trail:
    trail = _current.get()
    if trail is None or not _is_own(trail):
        task = _task()
        trail = Trail(is_scope=False, task=weakref.ref(task) if task else None)
        _current.set(trail)
    return trail


def _is_own(trail: Trail) -> bool:
    """A task starts with a copy of its maker's context; only a scope is meant to be inherited."""
    if trail.is_scope:
        return True
    return _task() is (trail.task() if trail.task is not None else None)


def _task() -> asyncio.Task[Any] | None:
    """The running task. asyncio is not loaded for it: where there is none, there is no task."""
    events: Any = sys.modules.get("asyncio.events")
    running = getattr(events, "_get_running_loop", None)  # documented; does not raise without one
    loop = running() if running is not None else None
    if loop is None:
        return None
    tasks: Any = sys.modules["asyncio.tasks"]
    found: asyncio.Task[Any] | None = tasks.current_task(loop)
    return found


def _outermost_first(trail: Trail) -> list[Trail]:
    found: list[Trail] = []
    each: Trail | None = trail
    while each is not None and len(found) < _MAX_NESTED:
        found.insert(0, each)
        each = each.outer
    return found


def _shown(crumb: Crumb) -> dict[str, JSONValue]:
    return {
        "at": moment(crumb.at),
        "level": crumb.level,
        "from": crumb.source,
        "message": crumb.text,
    }
