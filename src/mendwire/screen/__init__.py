"""Untrusted text becomes screened text, or stops here."""

from __future__ import annotations

from mendwire.screen.detect import detect_prompt_injection, safe_process_error
from mendwire.screen.stage import Screen, Screened

__all__ = ["Screen", "Screened", "detect_prompt_injection", "safe_process_error"]
