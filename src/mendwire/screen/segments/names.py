"""Names as words: an identifier can be made to say something."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART: Final = re.compile(r"[\W_]+")
_DIGITS: Final = re.compile(r"\d+(?![^\W_])")
"""Within or before a word a digit may be a letter."""
_WORDS: Final = re.compile(r"[^\W\d_]{3}")


def joined_words(name: str) -> str:
    """``ignoreAll_rules`` -> ``ignore All rules``."""
    return _APART.sub(" ", _HUMP.sub(" ", name))


def in_a_row(names: Iterable[str]) -> str:
    """The words of several names, for what they say together."""
    return joined_words(" ".join(told_apart(names)))


def told_apart(names: Iterable[str]) -> list[str]:
    """The names in their order, each once; of those that only a number tells apart the first one.

    ``step_1``, ``step_2`` and ``step_3`` say no more than ``step_1`` does. Where a name is hardly
    more than its number, the number may be what it says.
    """
    first: dict[str, str] = {}
    for name in names:
        shape = _DIGITS.sub("0", name) if _WORDS.search(name) else name
        first.setdefault(shape, name)
    return list(first.values())
