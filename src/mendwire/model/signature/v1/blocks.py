"""What the parsers of stacks hand on: one block for each exception of a chain."""

from __future__ import annotations

from typing import Final

Call = tuple[str, str, str, str, str]
"""File, function, line, column and module; digits as text."""
BLANK: Final = " \t\r"
REMEMBERED: Final = 1024
"""How many lines and places are remembered: a server's errors come from the same lines of code."""
STACKS: Final = 256
"""How many whole stacks are, where they are short."""
NAMED_BEFORE: Final = "\n"
"""Stands for a function that the line before names, as Go's and Rust's stacks do."""


class Block:
    """One exception as its part of the text shows it."""

    __slots__ = ("calls", "depth", "is_guessed", "message", "rows", "thrown", "type")

    def __init__(self, kind: str = "", message: str = "", depth: int = 0) -> None:
        self.type = kind
        self.message = message
        self.calls: list[Call] = []
        """Outermost first once the text is read; while it is read, as the text has them."""
        self.rows: list[int] = []
        """The line of the text that each call stands on, where source lines follow them."""
        self.is_guessed = False
        """Whether the calls are places found in text of no known form."""
        self.depth = depth
        """How far an exception group indents it; 0 is outside."""
        self.thrown: Call | None = None
        """Where the text says it was raised, apart from the calls."""


def place(text: str) -> tuple[str, str, str]:
    """Split ``file:line`` or ``file:line:column``; an empty line where there is none."""
    head, _, last = text.rpartition(":")
    if not head or not is_number(last):
        return text, "", ""
    file, _, middle = head.rpartition(":")
    if file and is_number(middle):
        return file, middle[:9], last[:9]
    return head, last[:9], ""


def is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()
