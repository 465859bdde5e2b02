"""Where Python tells that an exception was not handled: every such place, its old ways kept."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

from mendwire.capture import trail
from mendwire.capture.arrivals import when_loaded
from mendwire.capture.guard import Guard
from mendwire.capture.uncaught import Report, is_error

if TYPE_CHECKING:
    from asyncio.base_events import BaseEventLoop


class Hooks:
    """The hooks of a process; ``install`` once, they stay."""

    def __init__(self, *, report: Report, drain: Callable[[], None], guard: Guard) -> None:
        self._report = report
        self._drain = drain
        self._guard = guard

    def install(self) -> None:
        """Put ourselves before what is installed now; that still runs."""
        self._main()
        self._threads()
        self._loops()
        self._unraisable()
        self._warnings()

    def _main(self) -> None:
        before = sys.excepthook

        def uncaught(
            kind: type[BaseException], exc: BaseException, traceback: TracebackType | None
        ) -> None:
            if is_error(exc):
                self._report(exc, "fatal", {"mechanism": "excepthook"})
            before(kind, exc, traceback)
            if is_error(exc):
                self._drain()

        sys.excepthook = uncaught

    def _threads(self) -> None:
        before = threading.excepthook

        def uncaught(args: threading.ExceptHookArgs) -> None:
            if is_error(args.exc_value):
                self._report(args.exc_value, "error", {"mechanism": "threading"})
            before(args)

        threading.excepthook = uncaught

    def _loops(self) -> None:
        when_loaded("asyncio.base_events", self._own_loops)

    def _own_loops(self) -> None:
        """On the class, so that loops that were made before are served too."""
        from asyncio.base_events import BaseEventLoop  # noqa: PLC0415 - the host has loaded it

        before = BaseEventLoop.call_exception_handler

        def handle(loop: BaseEventLoop, context: dict[str, Any]) -> None:
            exc = context.get("exception")
            if isinstance(exc, BaseException) and is_error(exc):
                said = str(context.get("message", ""))
                self._report(exc, "error", {"mechanism": "asyncio", "message": said})
            before(loop, context)

        BaseEventLoop.call_exception_handler = handle  # type: ignore[method-assign,assignment]  # it is the hook

    def _unraisable(self) -> None:
        """What fails where nobody can catch it, as in ``__del__``: a warning, since it goes on."""
        before = sys.unraisablehook

        def unraisable(args: Any) -> None:  # noqa: ANN401 - its type exists for checkers alone
            if is_error(args.exc_value):
                said = args.err_msg or "Exception ignored"
                self._report(
                    args.exc_value, "warning", {"mechanism": "unraisable", "message": said}
                )
            before(args)

        sys.unraisablehook = unraisable

    def _warnings(self) -> None:
        before = warnings.showwarning
        guard = self._guard

        def show(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            text = f"{filename}:{lineno}: "
            guard.run(lambda: trail.note("warning", category.__name__, f"{text}{message}"), None)
            before(message, category, filename, lineno, file, line)

        warnings.showwarning = show
