"""A patch as lines with their kinds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST: Final = 2_000
_MARKS: Final = {"+": "add", "-": "del", "@": "hunk"}
_HEADS: Final = ("diff ", "index ", "--- ", "+++ ", "new file", "deleted file", "similarity", "ren")


@dataclass(frozen=True, kw_only=True, slots=True)
class DiffLine:
    """One line of it."""

    kind: str
    """``add``, ``del``, ``hunk``, ``head`` or ``same``."""
    text: str


def diff_lines(patch: str) -> tuple[list[DiffLine], int]:
    """At most ``MOST`` of them, and how many were left out."""
    lines = patch.rstrip("\n").split("\n") if patch else []
    found: list[DiffLine] = []
    in_hunk = False
    for line in lines[:MOST]:
        if line.startswith("diff "):
            in_hunk = False
        in_hunk = in_hunk or line.startswith("@@")
        is_head = not in_hunk and line.startswith(_HEADS)
        kind = "head" if is_head else _MARKS.get(line[:1], "same")
        found.append(DiffLine(kind=kind, text=line.replace("\t", "    ")))
    return found, max(0, len(lines) - MOST)
