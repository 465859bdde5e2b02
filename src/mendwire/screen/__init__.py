"""Untrusted text becomes screened text, or stops here.

The models are loaded by what judges in this process, when it is first named; the worker has them in
another.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from mendwire.screen.stage import Screen, Screened

if TYPE_CHECKING:
    from mendwire.screen.detect import detect_prompt_injection, safe_process_error

__all__ = ["Screen", "Screened", "detect_prompt_injection", "safe_process_error"]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("mendwire.screen.detect"), name)
    message = f"module 'mendwire.screen' has no attribute {name!r}"
    raise AttributeError(message)
