"""Middleware for Django, under WSGI and ASGI alike.

MIDDLEWARE = ["mendwire.capture.django.MendwireMiddleware", ...]
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from importlib import import_module
from typing import Any

from mendwire.capture import trail
from mendwire.capture.requests import of_django
from mendwire.capture.sdk import signals


class MendwireMiddleware:
    """Gives every request its scope; Django's signal tells what the request failed of.

    First in the list, so that it is around the others.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        asgiref: Any = import_module("asgiref.sync")  # the host runs Django, which needs it
        import_module("django.core.signals")
        self.get_response = get_response
        self._is_async = bool(asgiref.iscoroutinefunction(get_response))
        if self._is_async:
            asgiref.markcoroutinefunction(self)
        signals.django()

    def __call__(self, request: Any) -> Any:  # noqa: ANN401 - Django's own types, not imported
        opened = trail.opened(partial(of_django, request))
        if self._is_async:
            return self._answer(request, opened)
        with trail.inside(opened):
            return self.get_response(request)

    async def _answer(self, request: Any, opened: trail.Trail) -> Any:  # noqa: ANN401 - the same
        with trail.inside(opened):
            answer: Awaitable[Any] = self.get_response(request)
            return await answer
