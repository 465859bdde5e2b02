"""What every text goes through before a page shows it, and how times and sums are written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from markupsafe import Markup

from mendwire.model.printable import printable

LONGEST: Final = 20_000
"""Characters of one text on a page."""
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))
_K: Final = 1_000
_M: Final = 1_000_000


def inert(value: object) -> object:
    """Any expression of a page: control, invisible and reordering characters become visible.

    The template engine escapes what comes out of here. Only what was made as markup in this room
    passes as it is.
    """
    if isinstance(value, Markup):
        return value
    if isinstance(value, str):
        return printable(value, LONGEST, lines=True)
    return "" if value is None else value


def span(seconds: float) -> str:
    """``3 min``, ``2 h``, ``5 d``: one unit is enough to judge by."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def ago(moment_ns: int, now_ns: int) -> str:
    """``3 min ago``; empty for 0."""
    if not moment_ns:
        return ""
    seconds = (now_ns - moment_ns) / 1e9
    return "just now" if abs(seconds) < 1 else f"{span(seconds)} ago"


def moment(moment_ns: int) -> str:
    """``2026-11-26 04:10:33 UTC``; empty for 0."""
    if not moment_ns:
        return ""
    return f"{datetime.fromtimestamp(moment_ns / 1e9, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"


def tidy(stamp: str) -> str:
    """An ISO 8601 time of ours, shorter."""
    return stamp[:19].replace("T", " ") + " UTC" if stamp else ""


def short(number: float) -> str:
    """``950``, ``12.3k``, ``4M``."""
    for size, unit in ((_M, "M"), (_K, "k")):
        if number >= size:
            return f"{number / size:.1f}".removesuffix(".0") + unit
    return f"{number:g}"


def usd(amount: float) -> str:
    """``$0.42``."""
    return f"${amount:,.2f}"
