"""Chains walked over the phrases that were found, not over the tokens: linear in what was found.

A Matcher with gaps forks at every token that an attacker repeats.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mendwire.model.printable import printable
from mendwire.screen.rules import Chain

if TYPE_CHECKING:
    from spacy.tokens import Doc

_APART: Final = 10_000
"""Tokens of two pieces are this far from each other, more than any gap spans."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hit:
    """A rule that matched."""

    rule: str
    piece: int
    """Index of the piece it begins in."""
    joined: bool
    """It spans pieces: a payload split over fields."""
    excerpt: str
    """At most 100 characters, safe to print."""
    odds: float | None = None
    """Of the classifier: its calibrated log-odds. A rule has its weight instead."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """Where the tokens of a document stand, looked up some ten thousand times in a hostile one."""

    starts: list[int]
    """The first token of each piece."""
    piece: list[int]
    """Each token's piece."""
    apart: list[int]
    """Each token's place, with a gap between pieces that no chain reaches over."""


def tokens_of(starts: list[int], count: int) -> Tokens:
    """The places of ``count`` tokens in pieces that begin at ``starts``."""
    piece: list[int] = []
    apart: list[int] = []
    for number, (start, end) in enumerate(zip(starts, [*starts[1:], count], strict=True)):
        piece += [number] * (end - start)
        apart += range(start + number * _APART, end + number * _APART)
    return Tokens(starts=starts, piece=piece, apart=apart)


class Places:
    """Where the phrases of each list stand in a document: (start, end) in tokens."""

    def __init__(self, named: dict[str, list[tuple[int, int]]]) -> None:
        self.named = named
        self._together: dict[tuple[str, ...], list[tuple[int, int]]] = {}

    def of(self, lists: tuple[str, ...]) -> list[tuple[int, int]]:
        """Those of several lists, in order."""
        if len(lists) == 1:
            return self.named.get(lists[0], [])
        found = self._together.get(lists)
        if found is None:
            found = sorted(place for name in lists for place in self.named.get(name, ()))
            self._together[lists] = found
        return found


def by_chain(chain: Chain, places: Places, tokens: Tokens, doc: Doc) -> list[Hit]:
    """Where a chain is found: within pieces, or else over several of them."""
    starts, piece = tokens.starts, tokens.piece
    for joined in (False, True):
        if joined and (chain.at_start or chain.at_end or len(chain.steps) < 2):  # noqa: PLR2004 - one word cannot be split
            break
        hits = _walk(chain, places, range(len(piece)) if joined else tokens.apart)
        if chain.at_start:
            hits = [hit for hit in hits if hit[0] - starts[piece[hit[0]]] <= 1]
        if chain.at_end:
            hits = [hit for hit in hits if hit[1] >= _end_of(piece[hit[0]], starts, doc) - 1]
        if hits:
            pieces = {piece[start]: (start, end) for start, end in reversed(hits)}
            return [
                Hit(
                    rule=chain.rule,
                    piece=index,
                    joined=joined,
                    excerpt=excerpt_of(doc, *place, _bounds(place, starts, doc)),
                )
                for index, place in pieces.items()
            ]
    return []


def _end_of(piece: int, starts: list[int], doc: Doc) -> int:
    return starts[piece + 1] if piece + 1 < len(starts) else len(doc)


def _walk(chain: Chain, places: Places, spread: Sequence[int]) -> list[tuple[int, int]]:
    """(start, end) of each way through the chain, the shortest for each end."""
    frontier = [(spread[end - 1] + 1, start, end) for start, end in places.of(chain.steps[0].lists)]
    for step in chain.steps[1:]:
        frontier.sort()
        keys = [key for key, _, _ in frontier]
        gap = step.gap
        following: list[tuple[int, int, int]] = []
        for start, end in places.of(step.lists):
            at = spread[start]
            nearest = bisect_right(keys, at) - 1
            if nearest >= 0 and at - keys[nearest] <= gap:
                following.append((spread[end - 1] + 1, frontier[nearest][1], end))
        frontier = following
        if not frontier:
            return []
    return [(start, end) for _, start, end in frontier]


def _bounds(place: tuple[int, int], starts: list[int], doc: Doc) -> tuple[int, int]:
    first, last = bisect_right(starts, place[0]) - 1, bisect_right(starts, place[1] - 1) - 1
    return starts[first], _end_of(last, starts, doc)


def excerpt_of(doc: Doc, start: int, end: int, bounds: tuple[int, int]) -> str:
    """The words around a place, within its bounds, safe to print."""
    words = doc[max(bounds[0], start - 4) : min(bounds[1], end + 8)]
    return printable(" ".join(word.text for word in words))
