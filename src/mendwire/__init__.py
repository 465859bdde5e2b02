"""Mendwire carries errors from running servers to coding agents and brings proven fixes back.

This is the face of the Python SDK: ``init``, ``capture``, ``flush``, ``scope`` and ``tag``.
Importing it has no side effect and loads nothing but this file; each name is fetched when it is
first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mendwire.capture import capture, flush, init, scope, tag

__version__ = "0.1.0"
__all__ = ["__version__", "capture", "flush", "init", "scope", "tag"]


def __getattr__(name: str) -> object:
    if name in __all__:
        sdk = import_module("mendwire.capture")
        # `mendwire.capture` is the package itself, which can be called like its main function.
        return sdk if name == "capture" else getattr(sdk, name)
    message = f"module 'mendwire' has no attribute {name!r}"
    raise AttributeError(message)
