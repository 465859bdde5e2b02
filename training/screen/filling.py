"""Sentences put together from parts: forms such as ``How do I {do}?``, and words for each."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from training.screen.harvesting.rows import near

_FIELD: Final = re.compile(r"\{(\w+?)\}")
_CAPITAL: Final = 0.8
"""Share of sentences that begin with a capital; people write the others small."""


def sentences(
    forms: Sequence[str], parts: Mapping[str, Sequence[str]], seed: int, count: int
) -> Iterator[str]:
    """So many different sentences, in an order that hangs on the seed."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while len(seen) < count:
        text = rng.choice(forms)
        while _FIELD.search(text):
            text = _FIELD.sub(lambda found: rng.choice(parts[found[1]]), text)
        text = text.strip()
        text = text[0].upper() + text[1:] if rng.random() < _CAPITAL else text.lower()
        if near(text) not in seen:
            seen.add(near(text))
            yield text
