"""By what one exception is known again when it arrives a second time by another way.

Its trace, service, bare type, message, and the place where it was raised: the one part of a stack
that stays the same while the exception travels up through nested spans and into a log.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

_PYTHON: Final = 'File "'
_MEMBERS: Final = re.compile(r"^[ ]*\+-\+-+ 1 -+$", re.MULTILINE)
"""Where the members of an exception group begin: they stay as they are, and tell groups apart."""
_PYTHON_END: Final = re.compile(r"^(?:[ ]*\|)? ?[^\W\d]", re.MULTILINE)
"""What follows the frames unless the text was cut: a line at the margin."""
_INNERMOST: Final = re.compile(r"^[ \t]*(?:at |#0 |from )[^\n]*", re.MULTILINE)
_FIREFOX: Final = re.compile(r"^[^@\s]*@[^\s@]+:[0-9]+", re.MULTILINE)
_WHERE_RECORDED: Final = "goroutine "
"""Go's stacks begin so. They show where the error was recorded, which differs from span to span."""
_MESSAGE: Final = 4_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Sighting:
    """One exception of one trace."""

    key: bytes
    """Digest of trace, service, bare type and message."""
    place: str
    """Where it was raised; empty when that is not known, which matches every place."""


def sighting(*, trace_id: str, service: str, kind: str, message: str, stack: str) -> Sighting:
    """``kind`` is the bare type."""
    digest = hashlib.sha256()
    for text in (trace_id, service, kind, message.strip()[:_MESSAGE]):
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:%b," % (len(data), data))
    return Sighting(key=digest.digest()[:16], place=place_of(stack))


def place_of(stack: str) -> str:
    """The innermost call of a stack as text; empty when the stack does not say."""
    if "+-+-" in stack and (members := _MEMBERS.search(stack)):
        return _digest(stack[members.start() :])
    at = stack.rfind(_PYTHON)
    if at >= 0:
        line, _, rest = stack[at:].partition("\n")
        return line.strip() if _PYTHON_END.search(rest) else ""
    if stack.startswith(_WHERE_RECORDED):
        return ""
    if match := _INNERMOST.search(stack) or _FIREFOX.search(stack):
        return match.group().strip()
    return _digest(stack) if stack.strip() else ""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
