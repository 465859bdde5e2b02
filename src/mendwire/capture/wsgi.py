"""Middleware for WSGI: Flask, Bottle, Pyramid, Django's ``get_wsgi_application()``.

app = MendwireWSGI(app)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar, cast

from mendwire.capture import trail
from mendwire.capture.requests import of_environ
from mendwire.capture.sdk import report
from mendwire.capture.trail import Trail

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
T = TypeVar("T")


class Application(Protocol):
    """What a WSGI server calls."""

    def __call__(self, environ: Environ, start_response: StartResponse, /) -> Iterable[bytes]: ...


class MendwireWSGI:
    """Reports what the application raises, with the request, and raises it on.

    That goes for the body too, which is made after the call has returned.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        opened = trail.opened(partial(of_environ, environ))
        body = _watched(opened, lambda: self.app(environ, start_response))
        return body if _is_finished(body, environ) else _Body(body, opened)


class _Body:
    """The body, made piece by piece inside of its request."""

    def __init__(self, body: Iterable[bytes], opened: Trail) -> None:
        self._body = body
        self._trail = opened
        self._pieces: Iterator[bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return _watched(self._trail, self._next)

    def close(self) -> None:
        """Close the application's own body, as its server would have done."""
        close = getattr(self._body, "close", None)
        if close is not None:
            _watched(self._trail, close)

    def _next(self) -> bytes:
        if self._pieces is None:
            self._pieces = iter(self._body)
        return next(self._pieces)


def _watched(opened: Trail, work: Callable[[], T]) -> T:
    with trail.inside(opened):
        try:
            return work()
        except StopIteration:
            raise
        except BaseException as exc:
            report(exc, "error", {"mechanism": "wsgi"})
            raise


def _is_finished(body: Iterable[bytes], environ: Environ) -> bool:
    """Whether nothing runs any more when it is iterated; a server may send a file by itself."""
    wrapper = environ.get("wsgi.file_wrapper")
    is_file = isinstance(wrapper, type) and isinstance(body, wrapper)
    return is_file or type(cast("object", body)) in {list, tuple}
