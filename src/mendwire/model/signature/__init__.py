"""What makes two reports the same error: a strict key for the server, a loose one for people.

The keys are version 1's. A version 2 would stand beside it, and this module would say which one is
asked. Version 1 itself never changes.
"""

from __future__ import annotations

from mendwire.model.signature.v1.canonical import canonical
from mendwire.model.signature.v1.frames import (
    Raised,
    crash_frame,
    error_type,
    parse_frames,
    raised_in,
)
from mendwire.model.signature.v1.keys import hashed_bytes, issue_key, keys, signature
from mendwire.model.signature.v1.places import is_in_app
from mendwire.model.signature.v1.record import Canonical, Keys
from mendwire.model.signature.v1.stacks import MAX_LINE, MAX_STACK, capped
from mendwire.model.signature.v1.tables import VERSION

__all__ = [
    "MAX_LINE",
    "MAX_STACK",
    "VERSION",
    "Canonical",
    "Keys",
    "Raised",
    "canonical",
    "capped",
    "crash_frame",
    "error_type",
    "hashed_bytes",
    "is_in_app",
    "issue_key",
    "keys",
    "parse_frames",
    "raised_in",
    "signature",
]
