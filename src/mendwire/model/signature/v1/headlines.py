"""``Type: message`` out of the line that names an exception."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.patterns import pattern

_REMEMBERED: Final = 32
_LONGEST: Final = 300
_VAGUE_LEADS: Final = ("PHP ", "Fatal", "Parse", "Warning", "[ERROR]", "lua")
"""After other leads a name is always that of an exception."""


_LEADS: Final = "EPFWU[*NCS-l("
"""What a lead begins with."""


@lru_cache(_REMEMBERED)
def headline(line: str, *, certain: bool = False) -> tuple[str, str] | None:
    """Split ``Type: message``; None without a type. ``certain`` trusts any name."""
    text = line.strip(" \t\r")
    is_certain = certain
    for _ in range(0 if certain else 2):
        lead = pattern("lead").match(text) if text[:1] in _LEADS else None
        if lead is None:
            break
        is_certain |= not lead.group().startswith(_VAGUE_LEADS)
        text = text[lead.end() :].lstrip(" ")
    found = pattern("type").match(text, 0, _LONGEST)
    if found is None:
        return None
    name, rest = found.group(), text[found.end() :]
    if rest and not rest.startswith((":", ") ", " [")):
        return None
    if not is_certain and not _tells(name):
        return None
    return name, rest.lstrip(":) ").strip(" \t\r")


def last_name(name: str) -> str:
    """``OutOfStock`` of ``shop.errors.OutOfStock`` and ``Shop::Errors::OutOfStock``."""
    for mark in (".", "::", "$", "\\", "/"):
        name = name.rpartition(mark)[2]
    return name


def _tells(name: str) -> bool:
    """Whether a name is that of an exception, by its end or by its qualified form."""
    last = last_name(name)
    if pattern("telling").search(last):
        return True
    return last != name and last[:1].isupper() and "/" not in name
