"""Signals of the frameworks that the host loads; none is imported from here.

What they add to the log record that a framework writes anyway is the request or the task.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from mendwire.capture import trail
from mendwire.capture.arrivals import when_loaded
from mendwire.capture.guard import Guard
from mendwire.capture.trail import Surroundings, Trail
from mendwire.capture.uncaught import Report, is_error

_MAX_NAMES: Final = 50
_BEFORE: Final = "__mendwire_before__"


class Signals:
    """What is connected, each at most once; it holds the receivers, signals do not."""

    def __init__(self, *, report: Report, leave: Callable[[], None], guard: Guard) -> None:
        self._report = report
        self._leave = leave
        self._guard = guard
        self._receivers: dict[str, list[Callable[..., None]]] = {}

    def connect_as_they_come(self) -> None:
        """Connect to every framework that the host has loaded or is going to load."""
        for module, connect in (
            ("django.core.signals", self.django),
            ("flask.signals", self.flask),
            ("celery.signals", self.celery),
        ):
            when_loaded(module, partial(self._guard.run, connect, None))

    def django(self) -> None:
        """``got_request_exception``, once Django is loaded."""
        self._connect("django.core.signals", got_request_exception=self._django_failed)

    def flask(self) -> None:
        """``got_request_exception``, once Flask is loaded."""
        self._connect("flask.signals", got_request_exception=self._flask_failed)

    def celery(self) -> None:
        """Begin, end and failure of tasks and the end of a child, once Celery is loaded."""
        self._connect(
            "celery.signals",
            task_prerun=self._task_begins,
            task_failure=self._task_failed,
            task_internal_error=self._task_failed,
            task_postrun=self._task_ended,
            worker_process_shutdown=self._child_ends,
        )

    def _connect(self, module: str, **receivers: Callable[..., None]) -> None:
        if module in self._receivers:
            return
        kept = [partial(self._received, receive) for receive in receivers.values()]
        self._receivers[module] = [*kept]
        for name, receive in zip(receivers, kept, strict=True):
            getattr(sys.modules[module], name).connect(receive, weak=False)

    def _received(self, receive: Callable[..., None], *sender: Any, **given: Any) -> None:  # noqa: ANN401 - theirs
        self._guard.run(lambda: receive(*sender, **given), None)

    def _django_failed(self, *_: Any, request: Any = None, **_more: Any) -> None:  # noqa: ANN401 - theirs
        from mendwire.capture.requests import of_django  # noqa: PLC0415 - for web hosts alone

        describe = partial(of_django, request) if request is not None else None
        self._failed(sys.exc_info()[1], "django", describe)

    def _flask_failed(self, *_: Any, exception: BaseException, **_more: Any) -> None:  # noqa: ANN401 - theirs
        from mendwire.capture.requests import of_environ  # noqa: PLC0415 - for web hosts alone

        request: Any = sys.modules["flask"].request
        self._failed(exception, "flask", partial(of_environ, request.environ))

    def _failed(
        self, exc: BaseException | None, mechanism: str, describe: trail.Describe | None
    ) -> None:
        with trail.inside(trail.opened(describe)):
            self._report(exc, "error", {"mechanism": mechanism})

    def _task_begins(self, *, task: Any, task_id: str = "", **_: Any) -> None:  # noqa: ANN401 - theirs
        before = trail.enter(trail.opened(partial(_of_task, task, task_id)))
        setattr(task.request, _BEFORE, (before,))

    def _task_ended(self, *, task: Any, **_: Any) -> None:  # noqa: ANN401 - theirs
        kept: tuple[Trail | None] | None = getattr(task.request, _BEFORE, None)
        if kept is not None:
            delattr(task.request, _BEFORE)
            trail.leave(kept[0])

    def _task_failed(self, *, sender: Any, exception: BaseException, **_: Any) -> None:  # noqa: ANN401 - theirs
        handled = sys.exc_info()[1]
        # Celery hands a copy on where the exception itself cannot be pickled.
        exc = handled if handled is not None and is_error(handled) else exception
        expected = tuple(getattr(sender, "throws", None) or ())
        if is_error(exc) and not isinstance(exc, expected):
            self._report(exc, "error", {"mechanism": "celery"})

    def _child_ends(self, *_: Any, **_more: Any) -> None:  # noqa: ANN401 - theirs
        self._leave()


def _of_task(task: Any, task_id: str) -> Surroundings:  # noqa: ANN401 - Celery is not imported
    """Name, id and the names of its arguments; no value of one."""
    request = task.request
    found: dict[str, object] = {
        "name": str(task.name),
        "id": str(task_id),
        "retries": getattr(request, "retries", 0),
        "arguments": ", ".join(_names(task, request)),
    }
    delivery = getattr(request, "delivery_info", None)
    if isinstance(delivery, Mapping) and delivery.get("routing_key"):
        found["queue"] = str(delivery["routing_key"])
    return Surroundings(context={"task": found})


def _names(task: Any, request: Any) -> list[str]:  # noqa: ANN401 - the same
    """Those that were given, by position or by name."""
    import inspect  # noqa: PLC0415 - for tasks alone

    parameters = list(inspect.signature(task.run).parameters)
    given = [*parameters[: len(request.args or ())], *(request.kwargs or {})]
    return [str(name) for name in dict.fromkeys(given)][:_MAX_NAMES]
