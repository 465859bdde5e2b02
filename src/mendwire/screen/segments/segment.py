"""A piece of a report, and where in it the piece stands."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What a piece of text is; ``decide`` weighs what was found by it."""

    MESSAGE = "message"
    STACK = "stack"
    QUOTED = "quoted"
    FIELD = "field"
    REACHABLE = "reachable"
    """A field that a stranger fills in over the network: a header, a query, a body."""
    CODE = "code"
    NAME = "name"
    """Identifiers, with their words set apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A stretch of a segment that was put together from several places."""

    at: int
    """Where it begins in the segment's text."""
    where: str
    """The field it comes from."""
    start: int
    """Where it begins in the field's text."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One piece of a report."""

    where: str
    """The field it stands in, e.g. ``context.headers.user-agent``; safe to print."""
    text: str
    kind: Kind
    start: int = field(default=0, compare=False)
    """Where it begins in the field's text."""
    parts: Sequence[Part] = field(default=(), compare=False, repr=False)
    """Where its stretches come from, in their order, if it is not one piece of its field."""

    def window(self, start: int, end: int) -> Segment:
        """A stretch of it as a segment of its own."""
        first, last = self._part_at(start), bisect_left(self.parts, end, key=_at)
        parts = [
            Part(at=part.at - start, where=part.where, start=part.start)
            for part in self.parts[max(first, 0) : last]
        ]
        return Segment(
            where=self.where,
            text=self.text[start:end],
            kind=self.kind,
            start=self.start + start,
            parts=parts,
        )

    def place(self, start: int, end: int) -> tuple[str, int, int]:
        """The field that ``text[start:end]`` begins in, and from where to where it stands there.

        What goes on in another field ends with this one's stretch.
        """
        if not self.parts:
            return self.where, self.start + start, self.start + end
        first = max(self._part_at(start), 0)
        part = last = self.parts[first]
        for following in self.parts[first + 1 :]:
            if following.at >= end:
                break
            if following.where != part.where:
                end = following.at
                break
            last = following
        return part.where, part.start + start - part.at, last.start + end - last.at

    def _part_at(self, at: int) -> int:
        return bisect_right(self.parts, at, key=_at) - 1


def _at(part: Part) -> int:
    return part.at
