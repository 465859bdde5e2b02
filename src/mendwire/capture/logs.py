"""The host's logging: errors become reports, what is below becomes breadcrumbs.

``logging.Logger.callHandlers`` is wrapped rather than a handler added: ``dictConfig`` removes
handlers, and loggers that do not propagate would be missed.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final

from mendwire.capture import trail
from mendwire.capture.guard import Guard
from mendwire.capture.messages import TRACEBACK, Message
from mendwire.capture.plain import shown
from mendwire.capture.uncaught import Report, is_error
from mendwire.errors import ConfigError

Say = Callable[[Message], bool]
"""Called with what was logged without an exception; never raises."""

OFF: Final = 10**9
"""A level that no record reaches."""
_OWN: Final = frozenset({"mendwire", "nats"})
_SERVERS: Final = frozenset(
    {"daphne", "granian", "gunicorn", "hypercorn", "uvicorn", "waitress", "werkzeug"}
)
"""What a server says of itself without an exception ("startup failed, exiting") has its error
somewhere else."""
_CLIENTS_MISTAKES: Final = ("django.security",)
"""Refused requests: anybody on the internet can cause as many as they like."""
_BETWEEN: Final = frozenset({"logging", "mendwire", "structlog"})
_NOT_DATA: Final = frozenset({"event", "exc_info", "exception", "stack_info", "level", "logger"})


def level_of(level: int | str | None) -> int:
    """A level by its number or name, None for none; raises ConfigError."""
    if level is None:
        return OFF
    if isinstance(level, int):
        return level
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ConfigError(f"log_level is no level of logging: {level!r}. Use 'ERROR' or another.")
    return number


class Logs:
    """The hook in ``logging``; ``level`` may be changed while it runs."""

    def __init__(self, *, report: Report, say: Say, guard: Guard) -> None:
        self.level = logging.ERROR
        self._report = report
        self._say = say
        self._guard = guard

    def install(self) -> None:
        """Put ourselves before the handlers of all loggers."""
        before = logging.Logger.callHandlers
        guard = self._guard

        def call(logger: logging.Logger, record: logging.LogRecord) -> None:
            if record.levelno >= self.level:
                guard.run(lambda: self._loud(record), None)
            before(logger, record)
            guard.run(lambda: self._leave_crumb(record), None)

        logging.Logger.callHandlers = call  # type: ignore[method-assign,assignment]  # it is the hook

    def _loud(self, record: logging.LogRecord) -> None:
        root = record.name.partition(".")[0]
        if root in _OWN or record.name.startswith(_CLIENTS_MISTAKES):
            return
        said = {"mechanism": "logging", "logger": record.name}
        level = "fatal" if record.levelno >= logging.CRITICAL else _word(record)
        exc = _exception(record)
        if exc is None:
            self._without_exception(record, root, level, said)
        elif is_error(exc):
            self._report(exc, level, {**said, "message": _template(record)})

    def _without_exception(
        self, record: logging.LogRecord, root: str, level: str, said: Mapping[str, object]
    ) -> None:
        frame = _caller()
        text = _text(record)
        handled = _handled(frame, text)
        if handled is not None:
            self._report(handled, level, {**said, "message": _template(record)})
            return
        if frame is None or (root in _SERVERS and TRACEBACK not in text):
            return
        template = _template(record) if record.args or isinstance(record.msg, dict) else ""
        data = {"data": shown(_data(record.msg))} if isinstance(record.msg, dict) else {}
        self._say(
            Message(
                text=text, template=template, level=level, frame=frame, context={**said, **data}
            )
        )

    def _leave_crumb(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] not in _OWN:
            trail.note(_word(record), record.name, _text(record))


def _exception(record: logging.LogRecord) -> BaseException | None:
    """The exception that is logged, also where structlog hands its own mapping on."""
    info: Any = record.exc_info
    if not info and isinstance(record.msg, dict):
        info = record.msg.get("exc_info")
    if info is True:
        return sys.exc_info()[1]
    exc = info[1] if isinstance(info, tuple) and len(info) > 1 else info
    return exc if isinstance(exc, BaseException) else None


def _handled(frame: FrameType | None, text: str) -> BaseException | None:
    """The exception that a message without one speaks of.

    It was caught in the very function that logs, or its traceback was put into the text.
    """
    exc = sys.exc_info()[1]
    if exc is None or exc.__traceback__ is None or not is_error(exc):
        return None
    is_caught_here = frame is not None and exc.__traceback__.tb_frame is frame
    is_told = TRACEBACK in text and type(exc).__name__ in text
    return exc if is_caught_here or is_told else None


def _caller() -> FrameType | None:
    """The call that logged, below ``logging`` and what is built on it."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - documented; logging does the same
    while frame is not None:
        if str(frame.f_globals.get("__name__", "")).partition(".")[0] not in _BETWEEN:
            return frame
        frame = frame.f_back
    return None


def _template(record: logging.LogRecord) -> str:
    msg = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
    return str(msg)


def _text(record: logging.LogRecord) -> str:
    """With its values; a handler has put them in already, mostly."""
    if isinstance(record.msg, dict):
        return str(record.msg.get("event", ""))
    said = getattr(record, "message", None)
    return said if isinstance(said, str) else record.getMessage()


def _data(fields: Mapping[object, object]) -> dict[str, object]:
    return {
        str(name): value
        for name, value in fields.items()
        if str(name) not in _NOT_DATA and not str(name).startswith("_")
    }


def _word(record: logging.LogRecord) -> str:
    return record.levelname.lower()
