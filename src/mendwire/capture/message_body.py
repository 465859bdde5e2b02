"""A logged message written down as the body of a report, on the sender's thread."""

from __future__ import annotations

from traceback import FrameSummary, StackSummary

from mendwire.capture.frames import Call, frames_of
from mendwire.capture.guard import Guard
from mendwire.capture.messages import TRACEBACK
from mendwire.capture.moment import moment
from mendwire.capture.occurrence import Taken
from mendwire.capture.traceback_text import body_of_text
from mendwire.capture.written import MAX_STACK, context_of, look_anew
from mendwire.model.report import JSONValue
from mendwire.model.signature import capped


def body_of_message(taken: Taken, directory: str, guard: Guard) -> dict[str, JSONValue]:
    """The report. Its place is the logging call; how the program came there is its stack.

    A traceback that the program put into the text is read as what it is.
    """
    text = taken.link.message
    if TRACEBACK in text:
        read = body_of_text(text)
        found = read.get("context")
        place = found if isinstance(found, dict) else {}
        return {**read, "context": {**context_of(taken, []), **place}, **taken.fixed}
    nothing: list[JSONValue] = []
    guard.run(lambda: look_anew(taken), None)
    frames = guard.run(lambda: frames_of(taken.calls, directory), nothing)
    return {
        "error": text or "(an empty message)",
        "stack": guard.run(lambda: _stack(taken.link.calls), ""),
        "timestamp": moment(taken.at),
        "context": context_of(taken, frames),
        "frames": frames,
        "language": "python",
        **taken.fixed,
    }


def _stack(calls: tuple[Call, ...]) -> str:
    rows = [FrameSummary(one.code.co_filename, one.line, one.code.co_name) for one in calls]
    lines = ["Stack (most recent call last):\n", *StackSummary.from_list(rows).format()]
    return capped("".join(lines), MAX_STACK).encode("utf-8", "replace").decode()
