"""The calls of a traceback as a report carries them, with the arguments where those are data.

Arguments are read from the frames when the exception is captured. A function that rebound or
changed an argument before it failed shows the later value: that is accepted, since the reproduction
made from it is only kept when it really fails.
"""

from __future__ import annotations

import inspect
import linecache
import os
import sys
import sysconfig
from collections import deque
from collections.abc import Iterator
from itertools import islice
from types import FrameType, TracebackType
from typing import Final

from mendwire.capture.plain import Copier, NotPlain
from mendwire.model.report import JSONValue
from mendwire.model.signature import is_in_app

_HEAD: Final = 50
_TAIL: Final = 100
_MAX_CODE: Final = 400
_ARGUMENTS_BUDGET: Final = 32_000
_NOT_OURS: Final = tuple(
    {
        f"{os.path.normpath(path)}{os.sep}"
        for name in ("stdlib", "platstdlib", "purelib", "platlib")
        if (path := sysconfig.get_paths().get(name))
    }
)


def frames_of(traceback: TracebackType | None, directory: str) -> list[JSONValue]:
    """Frames, outermost first, at most 150: of a deeper stack the first 50 and the last 100.

    Files under ``directory`` (absolute, where the program was started) become relative to it.
    """
    budget = Copier(nodes=2_000, total=_ARGUMENTS_BUDGET)
    walk = _walk(traceback)
    head = list(islice(walk, _HEAD))
    tail = deque(walk, maxlen=_TAIL)
    return [_frame(frame, line, directory, budget) for frame, line in (*head, *tail)]


def relative(file: str, directory: str) -> str:
    """``file`` relative to ``directory`` when it lies under it, else as it is."""
    inside = directory.rstrip(os.sep) + os.sep
    return file[len(inside) :] if len(inside) > 1 and file.startswith(inside) else file


def _walk(traceback: TracebackType | None) -> Iterator[tuple[FrameType, int]]:
    while traceback is not None:
        yield traceback.tb_frame, traceback.tb_lineno or 0
        traceback = traceback.tb_next


def _frame(frame: FrameType, line: int, directory: str, budget: Copier) -> JSONValue:
    code = frame.f_code
    file = code.co_filename
    in_app = _is_ours(file, directory)
    source = linecache.getline(file, line, frame.f_globals).strip()[:_MAX_CODE]
    shown: dict[str, JSONValue] = {
        "file": relative(file, directory).replace(os.sep, "/"),
        "line": line,
        "function": code.co_qualname,
        "module": str(frame.f_globals.get("__name__", "")),
        "in_app": in_app,
        "code": source,
    }
    arguments = _arguments(frame, budget) if in_app and code.co_name != "<module>" else None
    if arguments is not None:
        shown["arguments"] = arguments
    return shown


def _is_ours(file: str, directory: str) -> bool:
    if file.startswith(("<", *_NOT_OURS)):
        return False
    is_below = relative(file, directory) != file
    return is_in_app(relative(file, directory) if is_below else file)


def _arguments(frame: FrameType, budget: Copier) -> dict[str, JSONValue] | None:
    """Every argument of the call, or None where one is not plain data or was deleted."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    position = len(names)
    for flag in (inspect.CO_VARARGS, inspect.CO_VARKEYWORDS):
        if code.co_flags & flag:
            if values.get(code.co_varnames[position]):
                return None
            position += 1
    try:
        found = {name: Copier().copy(values[name]) for name in names}
        budget.copy(found)
    except (NotPlain, KeyError):
        return None
    return found


def main_directory() -> str:
    """Where the program was started; the root of its own code as far as anybody can tell."""
    try:
        return os.getcwd()  # noqa: PTH109 - text is compared with the text of frames
    except OSError:
        return os.path.dirname(os.path.abspath(sys.argv[0] or "."))  # noqa: PTH100, PTH120 - the same
