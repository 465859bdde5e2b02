"""Untrusted text made safe to print: no escape sequence, no invisible or reordering character."""

from __future__ import annotations

import unicodedata
from typing import Final

_UNSAFE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str, limit: int = 100, *, lines: bool = False) -> str:
    r"""At most ``limit`` characters; unsafe ones become ``\uXXXX``. ``lines`` keeps newlines."""
    shown: list[str] = []
    length = 0
    for char in text:
        safe = char
        if not (lines and char == "\n") and unicodedata.category(char) in _UNSAFE:
            safe = " " if char in "\n\r\t" else f"\\u{ord(char):04x}"
        length += len(safe)
        if length > limit:
            shown.append("…")
            while len("".join(shown)) > limit:
                shown.pop(-2)
            break
        shown.append(safe)
    return "".join(shown)
