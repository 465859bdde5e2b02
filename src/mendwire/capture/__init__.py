"""From an exception in somebody's process to a message on the queue.

    import mendwire

    mendwire.init(service="shop", environment="production", release="1.4.2")

From then on uncaught exceptions (main thread, threads, asyncio, children) and what is logged at
ERROR are reported, with the request or task they happened in where a middleware or an extension
tells it (``asgi``, ``wsgi``, ``django``, ``flask``, ``celery`` in this package).
``mendwire.capture(exc)`` reports one by hand. Nothing here raises into the host or waits for the
network: see ``sdk`` for what is bounded and by how much.

This package carries the name of its main function, so it is callable itself: ``mendwire.capture``
means the same before and after ``import mendwire.capture``.
"""

from __future__ import annotations

import sys
from types import ModuleType

from mendwire.capture.sdk import capture, flush, init, scope, statistics, tag

__all__ = ["capture", "flush", "init", "scope", "statistics", "tag"]


class _CallableModule(ModuleType):
    def __call__(self, exc: BaseException | None = None, /, **context: object) -> bool:
        return capture(exc, **context)


# Python's data model allows this one assignment to customize a module.
sys.modules[__name__].__class__ = _CallableModule
