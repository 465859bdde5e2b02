"""Frames and exceptions out of a stack as text, for the runtimes that people run.

Every stack and every line is cut before it is looked at, so that a hostile one costs time in
proportion to its size, and little.
"""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.blocks import Block
from mendwire.model.signature.v1.erlang_text import erlang_blocks, is_erlang
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.python_text import TITLE, python_blocks
from mendwire.model.signature.v1.reading import Reading
from mendwire.model.signature.v1.tables import CAPS

MAX_STACK: Final = CAPS["stack"]
MAX_LINE: Final = CAPS["line"]
_MAX_LINES: Final = CAPS["lines"]


def blocks_in(text: str) -> tuple[list[Block], list[str]]:
    """The exceptions of a chain, the one that ended the program first, and the lines read."""
    lines = lines_of(text)
    if TITLE in text and 'File "' in text:
        return python_blocks(lines), lines
    blocks = Reading(lines).blocks()
    if blocks[0].is_guessed and is_erlang(text):
        return erlang_blocks(lines) or blocks, lines
    return blocks, lines


def capped(text: str, limit: int) -> str:
    """At most ``limit`` characters: two thirds from the head, the rest from the tail."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    return f"{text[:head]}\n{text[len(text) - (limit - head - 1) :]}"


def lines_of(text: str) -> list[str]:
    """The lines of a stack: at most 1200, each cut to 1024 characters, without colours."""
    text = capped(text, MAX_STACK)
    if "\x1b" in text:
        text = pattern("ansi").sub("", text)
    tail = _MAX_LINES // 3
    if text.count("\n") > _MAX_LINES:
        head = text.split("\n", _MAX_LINES - tail)[:-1]
        lines = head + text.rsplit("\n", tail)[1:]
    else:
        lines = text.split("\n")
    if len(text) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
        return [line[:MAX_LINE] for line in lines]
    return lines
