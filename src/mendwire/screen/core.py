"""The redacted core of a rejected report: what of the bug is left when its text is withheld.

An attacker whose text stands in the first occurrence must not silence the bug (rules B1), and must
not speak through its names either: a core is screened by itself before it goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mendwire.model.names import ENVIRONMENT
from mendwire.model.report import MAX_FRAMES, UNKNOWN_RELEASE, ErrorReport, Frame
from mendwire.screen.segments import stack_frames

_TYPE: Final = re.compile(r"[A-Za-z_$][\w$]{0,63}(?:(?:\.|::|\\)[A-Za-z_$][\w$]{0,63}){0,7}")
_CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_FILE: Final = re.compile(
    r"(?:[A-Za-z]:)?[/\\]?(?:[\w@+.~-]{1,80}[/\\]){0,30}[\w@+~-][\w@+.~-]{0,79}\.\w{1,8}"
)
_FUNCTION: Final = re.compile(r"[\w.$<>:#~*()&\[\]]{1,160}")
_MODULE: Final = re.compile(r"[\w.$@/-]{1,160}")
_LANGUAGE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+#]{0,15}")
_RELEASE: Final = re.compile(
    r"v?\d[\d.]{0,15}(?:[-+.]?(?:rc|a|b|beta|alpha|dev|post)\.?\d{0,6})?|[0-9a-f]{7,40}"
)


def redacted_core(
    report: ErrorReport, resolves: Callable[[str], bool] | None
) -> ErrorReport | None:
    """Type, code and frames whose names look like names; None where no frame is left.

    ``resolves`` says whether a frame's file is tracked. Of the release only a plain version or
    commit is kept, so that the case still knows where it happened.
    """
    frames = [_bare(frame) for frame in report.frames or stack_frames(report.stack)]
    kept = tuple(frame for frame in frames if frame and (resolves is None or resolves(frame.file)))[
        -MAX_FRAMES:
    ]
    if not kept:
        return None
    kind = _only(_TYPE, report.type or report.error.partition(":")[0])
    return ErrorReport(
        error=kind or "Error",
        type=kind,
        code=_only(_CODE, report.code),
        frames=kept,
        release=_only(_RELEASE, report.release) or UNKNOWN_RELEASE,
        environment=_only(ENVIRONMENT, report.environment),
        language=_only(_LANGUAGE, report.language),
    )


def _bare(frame: Frame) -> Frame | None:
    if not _FILE.fullmatch(frame.file) or ".." in frame.file:
        return None
    return Frame(
        file=frame.file,
        line=frame.line,
        function=_only(_FUNCTION, frame.function),
        module=_only(_MODULE, frame.module),
        in_app=frame.in_app,
    )


def _only(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""
