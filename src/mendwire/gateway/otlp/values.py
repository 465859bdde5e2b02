"""OTLP's values as plain JSON, bounded: how long, how wide and how deep is said here alone."""

from __future__ import annotations

import math
import re
from typing import Final

from mendwire.model.report import JSONValue
from mendwire.model.signature import capped

MAX_ATTRIBUTES: Final = 128
"""Of one span, event, record or resource; the specification's own default."""
MAX_LOOKED_AT: Final = 1024
MAX_ITEMS: Final = 32
MAX_DEPTH: Final = 4
MAX_KEY: Final = 128
MAX_TEXT: Final = 1_000
MAX_BODY: Final = 64_000

EXCEPTION: Final = "exception."
DEEPER: Final = "…"
"""Stands for what is nested too deeply."""

_LONG: Final = {
    "exception.stacktrace": 256 * 1024,
    "exception.message": 16_000,
    "message_template.text": 2_000,
}
_ID: Final = re.compile(r"(?!0+$)(?:[0-9a-f]{32}|[0-9a-f]{16})")


def room_for(key: str) -> int:
    """How many characters the value of an attribute may have."""
    return _LONG.get(key, MAX_TEXT)


def text_of(value: str, limit: int) -> str:
    """At most ``limit`` characters, without the middle."""
    return capped(value, limit) if len(value) > limit else value


def number_of(value: float) -> JSONValue:
    """A float as JSON can write it: NaN and the infinities become texts."""
    return value if math.isfinite(value) else str(value)


def identifier(text: str) -> str:
    """A trace's or span's id in small hex digits; empty when it is none."""
    folded = text.lower()
    return folded if _ID.fullmatch(folded) else ""
