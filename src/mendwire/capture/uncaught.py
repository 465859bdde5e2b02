"""Which exceptions are errors, and how they are handed over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Final

Report = Callable[[BaseException | None, str, Mapping[str, object]], bool]
"""Called with (exception, level, context); never raises."""

_ENDINGS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)


def is_error(exc: BaseException | None) -> bool:
    """Whether it is one: ending the program, a generator or a cancelled task is none."""
    if exc is None or isinstance(exc, _ENDINGS):
        return False
    # It may be half loaded just now, by the sender's thread.
    cancelled = getattr(sys.modules.get("asyncio.exceptions"), "CancelledError", None)
    return cancelled is None or not isinstance(exc, cancelled)
