"""How often, as people write it: ``20/h``."""

from __future__ import annotations

import re
from typing import Final

_RATE: Final = re.compile(r"([1-9][0-9]{0,8})/h")


def per_hour(text: str) -> int:
    """``20/h`` as 20; raises ValueError with a sentence for anything else."""
    found = _RATE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text[:40]!r} is no rate: say how many within an hour, 20/h")
    return int(found[1])
