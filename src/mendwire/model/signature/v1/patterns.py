"""The tables ready for use. Made at first use, since an import of the SDK shall cost nothing."""

from __future__ import annotations

import re
from functools import cache

from mendwire.model.signature.v1.tables import PATTERNS, WORDS


@cache
def pattern(name: str) -> re.Pattern[str]:
    return re.compile(PATTERNS[name], re.ASCII)


@cache
def words(name: str) -> frozenset[str]:
    return frozenset(WORDS[name].split())
