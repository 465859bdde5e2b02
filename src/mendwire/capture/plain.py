"""Values that can be written down and loaded again as data: for arguments and for context."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mendwire.model.report import JSONValue

MAX_DEPTH: Final = 6
MAX_NODES: Final = 200
MAX_TEXT: Final = 2_000
MAX_TOTAL: Final = 8_000
_LARGEST_INT: Final = 2**63


class NotPlain(Exception):
    """A value is not plain data, or too much of it."""


class Budget:
    """What may be copied in all: counts down, for several copies together."""

    __slots__ = ("nodes", "text")

    def __init__(self, *, nodes: int, text: int) -> None:
        self.nodes = nodes
        self.text = text


class Copier:
    """Copies plain data within bounds of its own and, where given, within a shared budget."""

    __slots__ = ("_nodes", "_text_left", "_within")

    def __init__(self, within: Budget | None = None) -> None:
        self._nodes = MAX_NODES
        self._text_left = MAX_TOTAL
        self._within = within

    def copy(self, value: object) -> JSONValue:
        """A copy of None, bool, int, finite float, str, list and dict; raises NotPlain.

        Exact types only: a subclass may behave in its own way when it is loaded again.
        """
        if self._within is not None and (self._within.nodes < 0 or self._within.text < 0):
            raise NotPlain
        copied = self._copy(value, 0)
        if self._within is not None:
            self._within.nodes -= MAX_NODES - self._nodes
            self._within.text -= MAX_TOTAL - self._text_left
            if self._within.nodes < 0 or self._within.text < 0:
                raise NotPlain
        return copied

    def _copy(self, value: object, depth: int) -> JSONValue:
        self._nodes -= 1
        if self._nodes < 0:
            raise NotPlain
        kind = type(value)
        if kind is str and isinstance(value, str):
            return self._text(value)
        if kind is list and isinstance(value, list) and depth < MAX_DEPTH:
            return [self._copy(item, depth + 1) for item in value]
        if kind is dict and isinstance(value, dict) and depth < MAX_DEPTH:
            return {self._key(key): self._copy(item, depth + 1) for key, item in value.items()}
        return _scalar(value)

    def _key(self, key: object) -> str:
        if type(key) is not str:
            raise NotPlain
        return self._text(key)

    def _text(self, text: str) -> str:
        self._text_left -= len(text)
        if self._text_left < 0 or len(text) > MAX_TEXT:
            raise NotPlain
        if not text.isascii() and _has_surrogate(text):
            raise NotPlain
        return text


def shown(value: object, budget: Budget | None = None, depth: int = 0) -> JSONValue:
    """Any value as something a report can carry: plain data as it is, the rest as short text.

    What goes beyond the budget, by default that of one argument tenfold, is left out.
    """
    left = budget or Budget(nodes=10 * MAX_NODES, text=10 * MAX_TOTAL)
    left.nodes -= 1
    if isinstance(value, dict) and depth < MAX_DEPTH:
        items = islice(list(value.items()), max(0, min(MAX_NODES, left.nodes)))
        return {_short(str(key), left): shown(item, left, depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        several = islice(list(value), max(0, min(MAX_NODES, left.nodes)))
        return [shown(item, left, depth + 1) for item in several]
    try:
        return _scalar(value)
    except NotPlain:
        return _short(value if isinstance(value, str) else repr(value), left)


def _short(text: str, left: Budget) -> str:
    kept = text[: max(0, min(MAX_TEXT, left.text))]
    left.text -= len(kept)
    return kept.encode("utf-8", "replace").decode()


def _scalar(value: object) -> JSONValue:
    if value is None or isinstance(value, bool):
        return value
    if type(value) is int and -_LARGEST_INT <= value < _LARGEST_INT:
        return value
    if type(value) is float and math.isfinite(value):
        return value
    raise NotPlain


def _has_surrogate(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
