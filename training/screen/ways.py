"""What a disguise is: a way to write a text, and the way back."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

Apply = Callable[[str, random.Random], str]
"""The text so written; the random source chooses among equals."""
Undo = Callable[[str], str]
"""Back again, as a reader who knows the way would read it."""
Way = tuple[Apply, Undo]

_MIN_LATIN: Final = 0.95


class Loss(StrEnum):
    """What does not come back."""

    NOTHING = "nothing"
    CASE = "case"
    MARKS = "marks"
    """Accents and joiners that the text had of its own."""
    SPACES = "spaces"
    """Spaces, punctuation and case."""
    LETTERS = "letters"
    """A few letters or words; the sentence is still the same to a person."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Transform:
    """One way to write a text, by name."""

    name: str
    apply: Apply
    undo: Undo
    loss: Loss = Loss.NOTHING
    latin: bool = False
    """It means something for texts in plain Latin letters alone."""
    most: int = 4_000
    """It is not used on texts with more characters: nobody writes a page in Morse."""

    def fits(self, text: str) -> bool:
        """Whether a person would write ``text`` so."""
        if not text.strip() or len(text) > self.most:
            return False
        latin = sum(char.isascii() for char in text)
        return not self.latin or latin >= _MIN_LATIN * len(text)
