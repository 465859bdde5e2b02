"""Names as words: an identifier can be made to say something."""

from __future__ import annotations

import re
from typing import Final

_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART: Final = re.compile(r"[\W_]+")


def joined_words(name: str) -> str:
    """``ignoreAll_rules`` -> ``ignore All rules``."""
    return _APART.sub(" ", _HUMP.sub(" ", name))
