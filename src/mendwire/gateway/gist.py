"""A short text that the signature reads like a long stack beside which its frames are given.

Of such a stack the calls are taken from the frames; the text tells types, messages and causes. One
that was written from the frames of a lone exception tells nothing but its headline, so all lines of
calls but one may be left out. Where a line could be read as anything else the whole text is kept.
"""

from __future__ import annotations

import re
from typing import Final

from mendwire.model.signature import MAX_LINE, MAX_STACK

TRACEBACK: Final = "Traceback (most recent call last):"
_TITLE: Final = TRACEBACK[:-1]
_MOST_LINES: Final = 1_000
"""Fewer than the signature reads of a stack before it cuts."""
_CALL: Final = r'\n    at [^\n()\[\]"]{1,400}\([^\n()\[\]"]{1,500}:[0-9]{1,9}\)'
_CALLS: Final = re.compile(f"(?:{_CALL})+")
_FIRST_CALL: Final = re.compile(_CALL)
_PYTHON: Final = '  File "'


def gist(stack: str, headline: str) -> str:
    """``stack`` or a part of it; ``headline`` begins it, or ends it as Python has it."""
    if len(stack) > MAX_STACK or stack.count("\n") > _MOST_LINES or "\x1b" in stack:
        return stack
    if stack.startswith(TRACEBACK) and stack.endswith(f"\n{headline}"):
        frames = stack[len(TRACEBACK) : len(stack) - len(headline) - 1]
        return _of_python(frames, headline) or stack
    return _of_calls(stack, headline) or stack


def _of_python(frames: str, headline: str) -> str:
    """All lines but the first are then calls, or stand below one, to whoever reads them."""
    first = frames[1:].partition("\n")[0]
    is_plain = first.startswith(_PYTHON) and first.count('"') == 2 and len(first) < MAX_LINE  # noqa: PLR2004 - around the path
    if not is_plain or _TITLE in frames or frames.count("\n") != frames.count("\n "):
        return ""
    return f"{TRACEBACK}\n{first}\n{headline}"


def _of_calls(stack: str, headline: str) -> str:
    calls = stack[len(headline) :] if stack.startswith(headline) else ""
    first = _FIRST_CALL.match(calls)
    if first is None or ":in " in calls or not _CALLS.fullmatch(calls):
        return ""
    return f"{headline}{first.group()}"
