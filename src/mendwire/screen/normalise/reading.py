"""A text with all its views."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mendwire.screen.normalise.fold import plain, spaced
from mendwire.screen.normalise.layers import plain_layers, raw_layers
from mendwire.screen.normalise.view import Layer, View, joined

MAX_DEPTH: Final = 3
MAX_VIEWS: Final = 12
_SHOWN: Final = 3
"""Characters of all views for each of the text's, ..."""
_SPARE: Final = 8_192
"""... and these besides."""
_REMEMBERED: Final = 4_096
"""Readings that are kept, since reports repeat each other, ..."""
_LONGEST_KEPT: Final = 400
"""... of texts of at most so many characters, ..."""
_LARGEST_KEPT: Final = 2_000
"""... with so many characters and pieces in all views: a short text may hide a long one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """What a text says on its face and beneath."""

    views: tuple[View, ...]
    """The text as it stands first, then what its layers decode to, without repeats."""
    cut: bool = False
    """There was more to undo than the budget allows: no honest text gets there."""


def views(text: str) -> list[View]:
    """The views of a text."""
    return list(read(text).views)


def read(text: str) -> Reading:
    """A text with all its views; those with nothing in them are left out."""
    if (known := _known.get(text)) is not None:
        return known
    reading = _read(text)
    if len(text) <= _LONGEST_KEPT and _size(reading) <= _LARGEST_KEPT:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[text] = reading
    return reading


def _read(text: str) -> Reading:
    found: dict[str, View] = {}
    left = _SHOWN * len(text) + _SPARE
    cut = False
    waiting: deque[tuple[str, Layer | None, int]] = deque([(text, None, 0)])
    while waiting:
        outer, below, depth = waiting.popleft()
        shown = plain(outer)
        words = shown.split()
        folded = spaced(words)
        if not folded or folded in found:
            continue
        if left < 0 or len(found) == MAX_VIEWS:
            cut = True
            break
        left -= len(folded)
        path = below.path if below else ""
        found[folded] = View(text=folded, layer=path, unfolded=outer, undone=below)
        if depth == MAX_DEPTH:
            continue
        for layer in _undone(outer, shown, words, below):
            cut = cut or not layer.pieces
            waiting.append((joined(layer.pieces), layer, depth + 1))
    return Reading(views=tuple(found.values()), cut=cut)


_known: dict[str, Reading] = {}


def _size(reading: Reading) -> int:
    layers = (view.undone for view in reading.views if view.undone is not None)
    pieces = sum(len(layer.pieces) for layer in layers)
    return pieces + sum(len(view.text) + len(view.unfolded) for view in reading.views)


def _undone(outer: str, shown: str, words: Sequence[str], below: Layer | None) -> Iterator[Layer]:
    if not outer.isascii():
        for name, pieces in raw_layers(outer):
            yield Layer(name=name, pieces=pieces, below=below)
    source = "" if shown == outer else outer
    for name, pieces in plain_layers(shown, words):
        yield Layer(name=name, pieces=pieces, source=source, below=below)
