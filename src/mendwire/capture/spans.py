"""The span that an error happens in, where the program traces itself with OpenTelemetry.

Its API is asked where the program has loaded it; nothing is loaded for it.
"""

from __future__ import annotations

import sys
from typing import Any, Final

FIELD: Final = "span_id"
"""Of what is taken; a message's header has it, its report has not."""


def current() -> tuple[str, str]:
    """Trace and span, 32 and 16 hex digits; both empty outside of every span."""
    api: Any = sys.modules.get("opentelemetry.trace")
    ask = getattr(api, "get_current_span", None)
    if ask is None:
        return "", ""
    context = ask().get_span_context()
    if not context.is_valid:
        return "", ""
    return f"{context.trace_id:032x}", f"{context.span_id:016x}"
