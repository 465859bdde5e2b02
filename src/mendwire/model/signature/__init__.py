"""What makes two reports the same error: a strict key for the server, a loose one for people."""

from __future__ import annotations

from mendwire.model.signature.draft import (
    Canonical,
    canonical,
    crash_frame,
    error_type,
    issue_key,
    parse_frames,
    signature,
)
from mendwire.model.signature.stacks import capped

__all__ = [
    "Canonical",
    "canonical",
    "capped",
    "crash_frame",
    "error_type",
    "issue_key",
    "parse_frames",
    "signature",
]
