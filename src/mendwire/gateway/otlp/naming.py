"""One name and one message for one exception, however it was recorded.

A span says ``__main__.PaymentError`` where an older log says ``PaymentError``; Java's span says
``a.Outer.Inner`` where its stack says ``a.Outer$Inner``; in JavaScript a span has the error's code
for its type; Python's logs have the first argument for the message, which is 2 for a file that is
not found. The stack is the same in all of them, so the stack has the last word.
"""

from __future__ import annotations

import re
from typing import Final

_SEPARATORS: Final = re.compile(r"[.$:\\/]+")
_HEADLINE: Final = re.compile(
    r"[ |+]*((?:[^\W\d]\w*[.$:\\/]+)*[^\W\d]\w*)(?: \[[A-Z0-9_]+\])?(?::|[ \t\r]*$)"
)
_FIRST: Final = re.compile(r"([A-Za-z_$][\w$.]*)(?: \[[A-Z0-9_]+\])?(?::|\s*$)", re.MULTILINE)
_CODE: Final = re.compile(r"[A-Z0-9_]+")
_UNTOLD: Final = ("__main__.", "builtins.")
_PYTHON: Final = "Traceback (most recent call last)"
_GROUP: Final = "  + Exception Group Traceback (most recent call last)"
_TRIES: Final = 20
_LINE: Final = 400
_MESSAGE: Final = 16_000


def bare(kind: str) -> str:
    """The last part of a qualified name: ``PaymentError`` of ``shop.pay.PaymentError``."""
    return _SEPARATORS.split(kind.rstrip(".$:\\/"))[-1] or kind


def named(kind: str, message: str, stack: str, language: str) -> tuple[str, str]:
    """The exception's type and message as its stack has them, else as they were given.

    ``__main__`` is left out: a log has no such module, and neither has a traceback.
    """
    kind = kind.strip()
    short = bare(kind)
    found = _spelled(stack, short) if stack and short else None
    if found:
        return _told(found[0]), found[1] or message
    if language == "javascript" and is_code(kind) and (match := _FIRST.match(stack[:_LINE])):
        return match.group(1), message
    return _told(kind), message


def is_code(kind: str) -> bool:
    """Whether it is a code like ``ENOENT`` or ``404`` rather than a type."""
    return _CODE.fullmatch(kind) is not None


def _told(kind: str) -> str:
    for prefix in _UNTOLD:
        kind = kind.removeprefix(prefix)
    return kind


def _spelled(stack: str, short: str) -> tuple[str, str] | None:
    """The name on the line that says ``name: message`` and ends with ``short``, and the message.

    The message is empty but for Python's stacks: elsewhere it is always given as it is.
    """
    group = stack.rfind(_GROUP)
    is_python = _PYTHON in stack
    is_last = is_python and group < 0
    low, high = max(group, 0), len(stack)
    for _ in range(_TRIES):
        at = stack.rfind(short, low, high) if is_last else stack.find(short, low, high)
        if at < 0:
            break
        start = stack.rfind("\n", 0, at) + 1
        match = _HEADLINE.match(stack[start : start + _LINE].partition("\n")[0])
        if match and bare(match.group(1)) == short:
            rest = stack[start + match.end() :][:_MESSAGE]
            text = rest if is_last else rest.partition("\n")[0]
            return match.group(1), text.strip() if is_python else ""
        low, high = (low, at) if is_last else (at + len(short), high)
    return None
