"""Untrusted text made safe to print: no escape sequence, no invisible or reordering character."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_INVISIBLE: Final = re.compile(
    # Letters and marks by category that draw nothing: joiners, fillers, variation selectors.
    "[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180d\\u180f\\u2800\\u3164"
    "\\ufe00-\\ufe0f\\uffa0\\U000e0100-\\U000e01ef]"
)


def printable(text: str, limit: int = 100, *, lines: bool = False) -> str:
    r"""At most ``limit`` (1 or more) characters; unsafe ones become ``\uXXXX``.

    Newlines and tabs become spaces; ``lines`` keeps the newlines.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text
    head = text[: limit + 1]
    if len(head) > limit and head.isascii() and head.isprintable():
        return f"{head[: limit - 1]}…"
    shown: list[str] = []
    length = 0
    for char in text:
        safe = char
        if not (lines and char == "\n") and _is_unsafe(char):
            safe = " " if char in "\n\r\t" else f"\\u{ord(char):04x}"
        length += len(safe)
        if length > limit:
            shown.append("…")
            while len("".join(shown)) > limit:
                shown.pop(-2)
            break
        shown.append(safe)
    return "".join(shown)


def _is_unsafe(char: str) -> bool:
    return unicodedata.category(char) in _UNSAFE or _INVISIBLE.match(char) is not None
