"""Where Python tells that an exception was not handled: every such place, with its old behaviour.

``logging.Logger.callHandlers`` is wrapped rather than a handler added: ``dictConfig`` removes
handlers, and loggers that do not propagate would be missed.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from asyncio.base_events import BaseEventLoop
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Final

Report = Callable[[BaseException | None, str, Mapping[str, object]], bool]
"""Called with (exception, level, context); never raises."""

_NOT_ERRORS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError)
_OWN_LOGGERS: Final = ("mendwire", "nats")


class Hooks:
    """The hooks of a process; ``install`` once, they stay."""

    def __init__(self, *, report: Report, drain: Callable[[], None]) -> None:
        self._report = report
        self._drain = drain

    def install(self) -> None:
        """Put ourselves before what is installed now; that still runs."""
        self._main()
        self._threads()
        self._loops()
        self._logging()

    def _main(self) -> None:
        before = sys.excepthook

        def uncaught(
            kind: type[BaseException], exc: BaseException, traceback: TracebackType | None
        ) -> None:
            is_error = not isinstance(exc, _NOT_ERRORS)
            if is_error:
                self._report(exc, "fatal", {"mechanism": "excepthook"})
            before(kind, exc, traceback)
            if is_error:
                self._drain()

        sys.excepthook = uncaught

    def _threads(self) -> None:
        before = threading.excepthook

        def uncaught(args: threading.ExceptHookArgs) -> None:
            if not isinstance(args.exc_value, _NOT_ERRORS):
                self._report(args.exc_value, "error", {"mechanism": "threading"})
            before(args)

        threading.excepthook = uncaught

    def _loops(self) -> None:
        before = BaseEventLoop.call_exception_handler

        def handle(loop: BaseEventLoop, context: dict[str, Any]) -> None:
            exc = context.get("exception")
            if isinstance(exc, BaseException) and not isinstance(exc, _NOT_ERRORS):
                said = str(context.get("message", ""))
                self._report(exc, "error", {"mechanism": "asyncio", "message": said})
            before(loop, context)

        BaseEventLoop.call_exception_handler = handle  # type: ignore[method-assign,assignment]  # it is the hook

    def _logging(self) -> None:
        before = logging.Logger.callHandlers

        def call(logger: logging.Logger, record: logging.LogRecord) -> None:
            self._logged(record)
            before(logger, record)

        logging.Logger.callHandlers = call  # type: ignore[method-assign,assignment]  # it is the hook

    def _logged(self, record: logging.LogRecord) -> None:
        exc = record.exc_info[1] if record.exc_info else None
        if exc is None or record.levelno < logging.ERROR or isinstance(exc, _NOT_ERRORS):
            return
        if record.name.partition(".")[0] in _OWN_LOGGERS:
            return
        level = "fatal" if record.levelno >= logging.CRITICAL else "error"
        said = {"mechanism": "logging", "logger": record.name, "message": str(record.msg)}
        self._report(exc, level, said)
