"""Values that can be written down and loaded again as data: for arguments and for context."""

from __future__ import annotations

import math
from typing import Final

from mendwire.model.report import JSONValue

MAX_DEPTH: Final = 6
MAX_NODES: Final = 200
MAX_TEXT: Final = 2_000
MAX_TOTAL: Final = 8_000
_LARGEST_INT: Final = 2**63


class NotPlain(Exception):
    """A value is not plain data, or too much of it."""


class Copier:
    """Copies plain data within one budget of nodes and characters."""

    def __init__(self, nodes: int = MAX_NODES, total: int = MAX_TOTAL) -> None:
        self._nodes = nodes
        self._total = total

    def copy(self, value: object, depth: int = 0) -> JSONValue:
        """A copy of None, bool, int, finite float, str, list and dict; raises NotPlain.

        Exact types only: a subclass may behave in its own way when it is loaded again.
        """
        self._spend(1, 0)
        kind = type(value)
        if kind is str and isinstance(value, str):
            return self._text(value)
        if kind is list and isinstance(value, list) and depth < MAX_DEPTH:
            return [self.copy(item, depth + 1) for item in value]
        if kind is dict and isinstance(value, dict) and depth < MAX_DEPTH:
            return {self._key(key): self.copy(item, depth + 1) for key, item in value.items()}
        return _scalar(value)

    def _key(self, key: object) -> str:
        if type(key) is not str:
            raise NotPlain
        return self._text(key)

    def _text(self, text: str) -> str:
        self._spend(0, len(text))
        if len(text) > MAX_TEXT or (not text.isascii() and _has_surrogate(text)):
            raise NotPlain
        return text

    def _spend(self, nodes: int, total: int) -> None:
        self._nodes -= nodes
        self._total -= total
        if self._nodes < 0 or self._total < 0:
            raise NotPlain


def shown(value: object, depth: int = 0) -> JSONValue:
    """Any value as something a report can carry: plain data as it is, the rest as short text."""
    if isinstance(value, dict) and depth < MAX_DEPTH:
        items = list(value.items())[:MAX_NODES]
        return {str(key)[:MAX_TEXT]: shown(item, depth + 1) for key, item in items}
    if isinstance(value, list | tuple | set | frozenset) and depth < MAX_DEPTH:
        return [shown(item, depth + 1) for item in list(value)[:MAX_NODES]]
    try:
        return _scalar(value)
    except NotPlain:
        text = value if isinstance(value, str) else repr(value)
        return text[:MAX_TEXT].encode("utf-8", "replace").decode()


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
