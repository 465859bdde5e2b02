"""An exception in this process as the body of a report, before scrubbing."""

from __future__ import annotations

import os
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Final

from mendwire.capture.frames import frames_of
from mendwire.capture.guard import Guard
from mendwire.capture.plain import shown
from mendwire.model.report import JSONValue
from mendwire.model.signature import capped

MAX_MESSAGE: Final = 16_000
MAX_STACK: Final = 64_000
_CHAIN: Final = 10
_CODES: Final = ("errno", "sqlstate", "pgcode", "code", "status_code", "status")
_MAX_CODE: Final = 64

_UNPRINTABLE: Final[str] = "<unprintable>"

Key = tuple[object, ...]


def type_name(exc: BaseException) -> str:
    """The name as a traceback prints it."""
    kind = type(exc)
    if kind.__module__ in {"builtins", "__main__"}:
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def rough_key(exc: BaseException, guard: Guard) -> Key:
    """What is cheap to compare: same types, messages and lines mean the same signature.

    The reverse does not hold; the signature itself is computed later, off the host's threads.
    """
    parts: list[object] = []
    link: BaseException | None = exc
    for _ in range(_CHAIN):
        if link is None:
            break
        parts += [type(link), hash(_text(link, guard)), _lines(link)]
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return tuple(parts)


def body_of(
    exc: BaseException,
    context: Mapping[str, object],
    fixed: Mapping[str, str],
    directory: str,
    guard: Guard,
) -> dict[str, JSONValue]:
    """The report of one exception; ``fixed`` holds service, environment, release and level."""
    kind, message = type_name(exc), _text(exc, guard)
    nothing: list[JSONValue] = []
    frames = guard.run(lambda: frames_of(exc.__traceback__, directory), nothing)
    return {
        "error": f"{kind}: {message}" if message else kind,
        "stack": guard.run(lambda: _stack(exc), ""),
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "context": _context(context, frames, guard),
        "type": kind,
        "code": guard.run(lambda: _code(exc), ""),
        "frames": frames,
        "language": "python",
        **fixed,
    }


def innermost(exc: BaseException) -> object:
    """What stays the same while one occurrence travels up: its innermost traceback entry."""
    entry = exc.__traceback__
    while entry is not None and entry.tb_next is not None:
        entry = entry.tb_next
    return entry


def _text(exc: BaseException, guard: Guard) -> str:
    text = guard.run(lambda: str(exc), _UNPRINTABLE)
    return capped(text, MAX_MESSAGE).encode("utf-8", "replace").decode()


def _lines(exc: BaseException) -> tuple[object, ...]:
    lines: list[object] = []
    entry = exc.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        lines += [code.co_filename, code.co_qualname, entry.tb_lineno]
        entry = entry.tb_next
    return (len(lines), hash(tuple(lines)))


def _stack(exc: BaseException) -> str:
    lines = traceback.TracebackException.from_exception(exc, limit=-200, compact=True).format()
    return capped("".join(lines), MAX_STACK).encode("utf-8", "replace").decode()


def _code(exc: BaseException) -> str:
    """errno, SQLSTATE or HTTP status, where the exception carries one."""
    for name in _CODES:
        value = getattr(exc, name, None)
        if type(value) in {int, str} and value != "":
            return str(value)[:_MAX_CODE]
    return ""


def _context(
    given: Mapping[str, object], frames: list[JSONValue], guard: Guard
) -> dict[str, JSONValue]:
    context: dict[str, JSONValue] = {}
    unprintable: JSONValue = _UNPRINTABLE
    own = [frame for frame in frames if isinstance(frame, dict) and frame.get("in_app")]
    crash = own[-1] if own else (frames[-1] if frames else None)
    if isinstance(crash, dict):
        context.update(file=crash.get("file"), line=crash.get("line"))
    context["host"] = socket.gethostname()
    context["pid"] = os.getpid()
    context["thread"] = threading.current_thread().name
    context["runtime"] = f"python {sys.version.split()[0]}"
    for key, value in given.items():
        context[key] = guard.run(partial(shown, value), unprintable)
    return context


def fixed_fields(service: str, environment: str | None, release: str) -> dict[str, str]:
    """The fields that are the same for every report of one process."""
    given = {"service": service, "environment": environment or "", "release": release}
    return {name: text for name, text in given.items() if text}
