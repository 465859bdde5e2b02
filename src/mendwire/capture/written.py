"""A taken occurrence written down as the body of a report, before scrubbing.

On the sender's thread: reads source files, makes the text of the stack, asks for the host's name.
"""

from __future__ import annotations

import linecache
import socket
import sys
from typing import Final

from mendwire.capture.frames import frames_of
from mendwire.capture.guard import Guard
from mendwire.capture.moment import moment
from mendwire.capture.occurrence import Taken
from mendwire.capture.stack_text import forget, stack_text
from mendwire.model.report import JSONValue
from mendwire.model.signature import capped

MAX_STACK: Final = 64_000


def body_of(taken: Taken, directory: str, guard: Guard) -> dict[str, JSONValue]:
    """The report; files under ``directory`` become relative to it."""
    nothing: list[JSONValue] = []
    guard.run(lambda: look_anew(taken), None)
    frames = guard.run(lambda: frames_of(taken.calls, directory), nothing)
    kind, message = taken.link.kind, taken.link.message
    return {
        "error": f"{kind}: {message}" if message else kind,
        "stack": guard.run(lambda: _stack(taken), ""),
        "timestamp": moment(taken.at),
        "context": context_of(taken, frames),
        "type": kind,
        "code": taken.code,
        "frames": frames,
        "language": "python",
        **taken.fixed,
    }


def look_anew(taken: Taken) -> None:
    """Source files may have been written since they were last read."""
    for file in {call.code.co_filename for call in taken.calls}:
        known = linecache.cache.get(file)
        linecache.checkcache(file)
        if linecache.cache.get(file) is not known:
            forget()


def _stack(taken: Taken) -> str:
    return capped(stack_text(taken.link), MAX_STACK).encode("utf-8", "replace").decode()


def context_of(taken: Taken, frames: list[JSONValue]) -> dict[str, JSONValue]:
    context: dict[str, JSONValue] = {}
    own = [frame for frame in frames if isinstance(frame, dict) and frame.get("in_app")]
    crash = own[-1] if own else (frames[-1] if frames else None)
    if isinstance(crash, dict):
        context.update(file=crash.get("file"), line=crash.get("line"))
    context["host"] = socket.gethostname()
    context["pid"] = taken.pid
    context["thread"] = taken.thread
    context["runtime"] = f"python {sys.version.split()[0]}"
    context.update(taken.context)
    return context
