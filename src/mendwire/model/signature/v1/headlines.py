"""``Type: message`` out of the line that names an exception."""

from __future__ import annotations

from mendwire.model.signature.v1.patterns import pattern


def headline(line: str, *, certain: bool = False) -> tuple[str, str] | None:
    """Split ``Type: message``; None without a type. ``certain`` trusts any name."""
    text = line.strip(" \t\r")
    if not certain:
        lead = pattern("lead").sub
        text = lead("", lead("", text, count=1), count=1).lstrip(" ")
    found = pattern("type").match(text)
    if found is None:
        return None
    name, rest = found.group(), text[found.end() :]
    if rest and not rest.startswith((":", ") ", " [")):
        return None
    if not certain and not _tells(name):
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
