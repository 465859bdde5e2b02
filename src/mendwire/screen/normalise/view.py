"""A reading of a text that knows where in the raw text each of its parts stood."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from mendwire.screen.normalise.fold import Origins, fold_origins, plain_origins

Piece = tuple[str, int, int]
"""What a part reads as, and from where to where it stood; backwards where the end comes first.

A part is mapped letter by letter where each of them took the same room, else as a whole.
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One disguise undone."""

    name: str
    pieces: Sequence[Piece]
    """The whole reading, in its order."""
    source: str = ""
    """What the pieces stood in before it was made plain; empty where that changed nothing."""
    below: Layer | None = None
    """The layer that this one was found in; None for the raw text."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From where to where in the raw text a part of the reading stood."""
        reached = _reached(self.pieces, start, max(end, start + 1))
        if self.source:
            reached = _back(plain_origins(self.source), *reached)
        return reached if self.below is None else self.below.span(*reached)

    @property
    def path(self) -> str:
        """The names from the outermost layer to this one, e.g. ``url+base64``."""
        return f"{self.below.path}+{self.name}" if self.below else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class View:
    """One reading of a text."""

    text: str
    """Folded: lower case, no accents, no invisible characters, single spaces."""
    layer: str = ""
    """What was undone, e.g. ``base64``; empty for the text as it stands."""
    unfolded: str = field(default="", repr=False, compare=False)
    undone: Layer | None = field(default=None, repr=False, compare=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """From where to where in the raw text a part of ``text`` stood; worked out when asked."""
        first, last = _back(fold_origins(self.unfolded), start, end)
        return (first, last) if self.undone is None else self.undone.span(first, last)


def joined(pieces: Iterable[Piece]) -> str:
    """The text that pieces make."""
    return "".join([text for text, _, _ in pieces])


def _back(origins: Origins, start: int, end: int) -> tuple[int, int]:
    starts, ends = origins
    if not starts:
        return 0, 0
    start = min(max(start, 0), len(starts) - 1)
    return starts[start], ends[min(max(end, start + 1), len(ends)) - 1]


def _reached(pieces: Sequence[Piece], start: int, end: int) -> tuple[int, int]:
    low: int | None = None
    high = at = 0
    for text, begin, stop in pieces:
        following = at + len(text)
        if text and following > start and at < end:
            first, last = _within(len(text), begin, stop, start - at, end - at)
            low = first if low is None else min(low, first)
            high = max(high, last)
        at = following
    return (low, high) if low is not None else (0, 0)


def _within(length: int, begin: int, stop: int, start: int, end: int) -> tuple[int, int]:
    low, high = max(start, 0), min(end, length)
    wide, rest = divmod(abs(stop - begin), length)
    if rest or not wide:
        return min(begin, stop), max(begin, stop)
    if begin > stop:
        return begin - high * wide, begin - low * wide
    return begin + low * wide, begin + high * wide
