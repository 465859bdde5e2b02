"""A moment as reports write it. ``datetime`` would, too, for a third of a megabyte."""

from __future__ import annotations

import math
import time


def moment(at: float) -> str:
    """Seconds since the epoch as ISO 8601 in UTC, to the millisecond."""
    whole = math.floor(at)
    milliseconds = int((at - whole) * 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}+00:00"
