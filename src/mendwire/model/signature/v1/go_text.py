"""Go's panics: one that was recovered and raised again, or raised while another unwound.

Go prints the calls of the last panic and, below a call of ``panic`` itself, those of the one
before. The first panic is the error; the others stand beside it like causes.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Final

from mendwire.model.signature.v1.blocks import Block, Call
from mendwire.model.signature.v1.places import is_in_app

PANIC: Final = "panic: "
_RECOVERED: Final = " [recovered"
_NAMES: Final = frozenset(("panic", "runtime.gopanic"))


def is_panic(call: Call) -> bool:
    """Whether it is the call of ``panic`` itself."""
    return call[1] in _NAMES and call[0].endswith("/panic.go")


def go_blocks(block: Block, panics: Sequence[str]) -> list[Block]:
    """The panics, first the one that happened first; calls are innermost first here."""
    parts = _parts(block.calls)
    told = _told(panics)
    block.calls = parts[-1]
    if told:
        block.message = told[0]
    later = [part for part in parts[:-1] if any(is_in_app(call[0], call[4]) for call in part)]
    chain = [block]
    # Texts come oldest first, calls newest first; of one raised again there are calls alone.
    for message, calls in zip_longest(told[:0:-1], later):
        other = Block("", message or "")
        other.calls = calls or []
        chain.append(other)
    return chain


def _parts(calls: Sequence[Call]) -> list[list[Call]]:
    """The calls between those of ``panic``."""
    parts: list[list[Call]] = [[]]
    for call in calls:
        if is_panic(call):
            parts.append([])
        else:
            parts[-1].append(call)
    return parts if parts[-1] else parts[:-1] or parts


def _told(panics: Sequence[str]) -> list[str]:
    """Each panic's text without what Go adds to it, and without those raised again as they were."""
    told: list[str] = []
    was_recovered = False
    for panic in panics:
        text, mark, _ = panic.partition(_RECOVERED)
        if not (was_recovered and told[-1] == text):
            told.append(text)
        was_recovered = bool(mark)
    return told
