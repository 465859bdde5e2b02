"""A reproduction from the failing call's own arguments, where they are plain data (rules B5)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from mendwire.model.layout import WHOLE, Layout
from mendwire.model.report import ErrorReport, Frame
from mendwire.model.signature import error_type, parse_frames
from mendwire.model.work import Reproduction

LIMIT: Final = 256 * 1024
"""Bytes of arguments, as JSON."""
_SCRIPT: Final = Path(__file__).with_name("call_again.py")
_FUNCTION: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*){0,8}")
_MODULE: Final = _FUNCTION


def captured_reproduction(
    report: ErrorReport, file: str, *, tracked: Collection[str] = (), layout: Layout = WHOLE
) -> Reproduction | None:
    """Call the innermost function whose captured arguments are plain data again, in a tree.

    Only for reports of trusted sources: the caller sees to that. ``file`` is the tracked file of
    the crash; ``tracked`` are all tracked files, so that a caller further out can be called when
    the crashing function's own arguments are no plain data. The script resolves the function in
    the tree and refuses any other; the arguments travel as JSON. None where nothing can be called.
    """
    for frame in reversed(parse_frames(report)):
        if frame.in_app is not False and frame.arguments is not None:
            called = layout.find(frame.file, {file, *tracked})
            if called.endswith(".py") and _FUNCTION.fullmatch(frame.function):
                return _calling(report, frame, called, file)
    return None


def _calling(report: ErrorReport, frame: Frame, called: str, crash: str) -> Reproduction | None:
    arguments = dict(frame.arguments or {})
    module = frame.module if _MODULE.fullmatch(frame.module) else ""
    call = {"file": called, "module": module, "function": frame.function, "arguments": arguments}
    text = json.dumps(call, indent=1)
    if len(text) > LIMIT:
        return None
    return Reproduction(
        command=("{python}", "{aux}/call_again.py", "{tree}"),
        origin="captured",
        files=(("call_again.py", _SCRIPT.read_text(encoding="utf-8")), ("call.json", text)),
        expects_type=error_type(report),
        expects_file=crash,
    )
