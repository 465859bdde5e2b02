"""Celery: what a task fails of, with its name, its id and the names of its arguments.

    MendwireCelery(app)

One line beside the application, in the module that the worker loads.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mendwire.capture.sdk import signals


class MendwireCelery:
    """Connects to the signals of Celery, which are the same for all applications of a process."""

    def __init__(self, app: Any = None) -> None:  # noqa: ANN401 - Celery's own class, not imported
        self.app = app
        import_module("celery.signals")  # the host runs Celery
        signals.celery()
