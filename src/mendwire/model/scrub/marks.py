"""What stands where a secret stood."""

from __future__ import annotations

from typing import Final

MARK: Final = "[scrubbed:"


def mark(kind: str) -> str:
    """``[scrubbed:<kind>]``."""
    return f"{MARK}{kind}]"
