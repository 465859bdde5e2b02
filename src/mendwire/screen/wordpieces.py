"""Folded text as pieces of words, the longest known ones first: what the encoder reads.

The vocabulary is part of that of the model it was made from; what is in none of it becomes several
shorter pieces, or the unknown one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

UNKNOWN: Final = "[UNK]"
BEGIN: Final = "[CLS]"
END: Final = "[SEP]"
MOST: Final = 96
"""Pieces of one text that are read."""
_INSIDE: Final = "##"
"""How the vocabulary marks what does not begin a word."""
_WORD: Final = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|[^\W_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|[^\w\s]|_"
)
_LONGEST: Final = 48
_REMEMBERED: Final = 16_384


class WordPieces:
    """A vocabulary; ``ids`` reads texts with it."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self._ids = {piece: number for number, piece in enumerate(vocabulary)}
        self._unknown = self._ids[UNKNOWN]
        self._longest = max(map(len, vocabulary))
        self._known: dict[str, tuple[int, ...]] = {}

    def ids(self, text: str) -> list[int]:
        """The numbers of a text's pieces between those of its begin and end; at most ``MOST``."""
        found = [self._ids[BEGIN]]
        for word in _WORD.findall(text):
            found += self._of_word(word)
            if len(found) >= MOST:
                break
        return [*found[: MOST - 1], self._ids[END]]

    def _of_word(self, word: str) -> tuple[int, ...]:
        known = self._known.get(word)
        if known is None:
            known = self._split(word[:_LONGEST])
            if len(self._known) >= _REMEMBERED:
                self._known = {}
            if len(word) <= _LONGEST:
                self._known[word] = known
        return known

    def _split(self, word: str) -> tuple[int, ...]:
        found: list[int] = []
        at = 0
        while at < len(word):
            mark = _INSIDE if at else ""
            for end in range(min(len(word), at + self._longest), at, -1):
                number = self._ids.get(mark + word[at:end])
                if number is not None:
                    found.append(number)
                    at = end
                    break
            else:
                return (self._unknown,)
        return tuple(found)
