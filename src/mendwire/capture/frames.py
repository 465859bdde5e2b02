"""The calls of a traceback: taken on the host's thread, written down on the sender's.

Taken are code objects, lines and those arguments that are data: nothing that keeps a frame, and so
the host's objects, alive. Source lines and the rest are looked up later. A function that rebound or
changed an argument before it failed shows the later value: that is accepted, since the reproduction
made from it is only kept when it really fails.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from types import CodeType, FrameType, TracebackType
from typing import TYPE_CHECKING, Final, NamedTuple

from mendwire.capture.plain import Budget, Copier, NotPlain

if TYPE_CHECKING:
    from mendwire.model.report import JSONValue

HEAD: Final = 50
TAIL: Final = 100
_MAX_CODE: Final = 400
_ARGUMENTS_NODES: Final = 2_000
_ARGUMENTS_TEXT: Final = 32_000
_MAX_FILES: Final = 4_000
_REMEMBERED: Final = 512
_VARARGS: Final = 0x04
_VARKEYWORDS: Final = 0x08
_PYTHONS_OWN: Final = f"{os.path.dirname(os.__file__)}{os.sep}"  # noqa: PTH120 - text of frames
_INSTALLED: Final = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))
_may_be_ours: dict[str, bool] = {}
"""By file; looked at by the host's threads, where a lost race costs one more look."""


class Call(NamedTuple):
    """One call of a traceback. A tuple: fifteen of them are made on the host's thread."""

    code: CodeType
    line: int
    instruction: int
    """Offset of the instruction, for the columns of the traceback's text; -1 when unknown."""
    module: str
    arguments: dict[str, JSONValue] | None
    """Copies, where every argument of a call of the host's own code is plain data."""


def calls_of(traceback: TracebackType | None, budget: Budget | None = None) -> list[Call]:
    """Calls, outermost first, at most 150: of a deeper stack the first 50 and the last 100."""
    left = budget or Budget(nodes=_ARGUMENTS_NODES, text=_ARGUMENTS_TEXT)
    walk = entries(traceback)
    kept = [*islice(walk, HEAD), *deque(walk, maxlen=TAIL)]
    return [_call(entry, left) for entry in kept]


def entries(traceback: TracebackType | None) -> Iterator[TracebackType]:
    """The entries of a traceback, outermost first."""
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def noted(entry: TracebackType) -> Call:
    """One entry without its arguments: for the text of the stack."""
    return place_of(entry.tb_frame, entry.tb_lineno or 0, entry.tb_lasti)


def place_of(frame: FrameType, line: int | None = None, instruction: int = -1) -> Call:
    """A call without its arguments; where it is now, unless that is given."""
    code = frame.f_code
    if code.co_filename not in linecache.cache:
        # Where a module's source is no file, its loader is asked later.
        linecache.lazycache(code.co_filename, frame.f_globals)
    module = frame.f_globals.get("__name__", "")
    at = frame.f_lineno if line is None else line
    return Call(code, at or 0, instruction, str(module), None)


def frames_of(calls: list[Call], directory: str) -> list[JSONValue]:
    """What a report says of the calls; reads source files.

    Files under ``directory`` (absolute, where the program was started) become relative to it.
    """
    return [_frame(call, directory) for call in calls]


def relative(file: str, directory: str) -> str:
    """``file`` relative to ``directory`` when it lies under it, else as it is."""
    inside = directory.rstrip(os.sep) + os.sep
    return file[len(inside) :] if len(inside) > 1 and file.startswith(inside) else file


def main_directory() -> str:
    """Where the program was started; the root of its own code as far as anybody can tell."""
    try:
        return os.getcwd()  # noqa: PTH109 - text is compared with the text of frames
    except OSError:
        return os.path.dirname(os.path.abspath(sys.argv[0] or "."))  # noqa: PTH100, PTH120 - the same


def _call(entry: TracebackType, budget: Budget) -> Call:
    call = noted(entry)
    if call.code.co_name == "<module>" or not _is_candidate(call.code.co_filename):
        return call
    arguments = _arguments(entry.tb_frame, budget)
    return call if arguments is None else call._replace(arguments=arguments)


def _is_candidate(file: str) -> bool:
    """Whether the file is none of Python's or of an installed package."""
    known = _may_be_ours.get(file)
    if known is None:
        if len(_may_be_ours) > _MAX_FILES:
            _may_be_ours.clear()
        is_foreign = file.startswith(("<", _PYTHONS_OWN)) or any(one in file for one in _INSTALLED)
        known = _may_be_ours[file] = not is_foreign
    return known


def _frame(call: Call, directory: str) -> JSONValue:
    file = call.code.co_filename
    in_app = _is_ours(file, directory)
    shown: dict[str, JSONValue] = {
        "file": relative(file, directory).replace(os.sep, "/"),
        "line": call.line,
        "function": call.code.co_qualname,
        "module": call.module,
        "in_app": in_app,
        "code": linecache.getline(file, call.line).strip()[:_MAX_CODE],
    }
    if in_app and call.arguments is not None:
        shown["arguments"] = call.arguments
    return shown


@lru_cache(_REMEMBERED)
def _is_ours(file: str, directory: str) -> bool:
    from mendwire.model.signature import is_in_app  # noqa: PLC0415 - not on the host's way

    if not _is_candidate(file):
        return False
    is_below = relative(file, directory) != file
    return is_in_app(relative(file, directory) if is_below else file)


def _arguments(frame: FrameType, budget: Budget) -> dict[str, JSONValue] | None:
    """Every argument of the call, or None where one is not plain data or was deleted."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    position = len(names)
    for flag in (_VARARGS, _VARKEYWORDS):
        if code.co_flags & flag:
            if values.get(code.co_varnames[position]):
                return None
            position += 1
    try:
        return {name: Copier(within=budget).copy(values[name]) for name in names}
    except (NotPlain, KeyError):
        return None
