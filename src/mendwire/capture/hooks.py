"""Where Python tells that an exception was not handled: every such place, with its old behaviour.

``logging.Logger.callHandlers`` is wrapped rather than a handler added: ``dictConfig`` removes
handlers, and loggers that do not propagate would be missed.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from mendwire.capture.arrivals import when_loaded

if TYPE_CHECKING:
    from asyncio.base_events import BaseEventLoop

Report = Callable[[BaseException | None, str, Mapping[str, object]], bool]
"""Called with (exception, level, context); never raises."""

_ENDINGS: Final = (KeyboardInterrupt, SystemExit, GeneratorExit)
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
            is_error = not _is_ending(exc)
            if is_error:
                self._report(exc, "fatal", {"mechanism": "excepthook"})
            before(kind, exc, traceback)
            if is_error:
                self._drain()

        sys.excepthook = uncaught

    def _threads(self) -> None:
        before = threading.excepthook

        def uncaught(args: threading.ExceptHookArgs) -> None:
            if not _is_ending(args.exc_value):
                self._report(args.exc_value, "error", {"mechanism": "threading"})
            before(args)

        threading.excepthook = uncaught

    def _loops(self) -> None:
        when_loaded("asyncio.base_events", self._own_loops)

    def _own_loops(self) -> None:
        from asyncio.base_events import BaseEventLoop  # noqa: PLC0415 - the host has loaded it

        before = BaseEventLoop.call_exception_handler

        def handle(loop: BaseEventLoop, context: dict[str, Any]) -> None:
            exc = context.get("exception")
            if isinstance(exc, BaseException) and not _is_ending(exc):
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
        if exc is None or record.levelno < logging.ERROR or _is_ending(exc):
            return
        if record.name.partition(".")[0] in _OWN_LOGGERS:
            return
        level = "fatal" if record.levelno >= logging.CRITICAL else "error"
        said = {"mechanism": "logging", "logger": record.name, "message": str(record.msg)}
        self._report(exc, level, said)


def _is_ending(exc: BaseException | None) -> bool:
    """Whether it only ends something: the program, a generator, a task that was cancelled."""
    if isinstance(exc, _ENDINGS):
        return True
    loaded = sys.modules.get("asyncio.exceptions")
    return loaded is not None and isinstance(exc, loaded.CancelledError)
