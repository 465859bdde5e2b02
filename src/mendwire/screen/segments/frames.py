"""Lines of a stack: what keeps to the grammar of a runtime is a frame, all else is text.

The grammars leave no room for prose: a name has no spaces but those of its language, and what a
frame is called is judged as a name in any case.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from mendwire.model.report import Frame

_PATH: Final = r"[\w./\\@+~$<>:\[\]()%?=&-]{1,300}"
_NAME: Final = r"[\w.$<>*:\[\]#/()~`,&'{}|=+-]{1,200}"
_ARGUMENT: Final = r"[\w.<>\[\]`&*?]{1,80}(?: \w{1,40})?"
_TYPES: Final = rf"\((?:{_ARGUMENT}(?:, {_ARGUMENT}){{0,11}})?\)"
_ADDRESS: Final = r"0x[0-9a-f]{1,16}"
_AT: Final = (
    rf"at (?:async |new |static )?(?P<function>{_NAME})(?: \[as [\w.$]{{1,80}}\])?"
    rf" \((?P<file>{_PATH}?):(?P<line>\d{{1,9}})(?::\d{{1,9}})?\)"
)
_AT_PLACE: Final = (
    rf"at (?:async |<anonymous> )?(?P<file>{_PATH}?):(?P<line>\d{{1,9}})(?::\d{{1,9}})?"
)
_AT_JVM: Final = (
    r"at (?P<function>[\w.$<>/@-]{1,300})\((?P<file>[\w.$ -]{1,120}?)(?::(?P<line>\d{1,9}))?\)"
    r"(?: ~?\[[\w.:?/+-]{1,120}\])?"
)
_AT_DOTNET: Final = (
    rf"at (?P<function>[\w.$<>`|+\[\],]{{1,200}}(?:{_TYPES})?)"
    rf"(?: in (?P<file>{_PATH}):(?:line )?(?P<line>\d{{1,9}}))?"
)
_AT_NOWHERE: Final = (
    rf"at (?:async |new )?(?P<function>{_NAME})(?: \[as [\w.$]{{1,80}}\])?"
    r" \((?:<anonymous>|native|index \d{1,9})\)"
)
_FILE: Final = rf'File "(?P<file>{_PATH})", line (?P<line>\d{{1,9}})(?:, in (?P<function>{_NAME}))?'
_PHP: Final = rf"#\d{{1,4}} (?P<file>{_PATH}?)\((?P<line>\d{{1,9}})\): (?P<function>{_NAME})"
_INTERNAL: Final = rf"#\d{{1,4}} +(?:\[internal function\]: )?(?P<function>{_NAME})"
_NATIVE: Final = (
    rf"#\d{{1,4}} +(?:{_ADDRESS} in )?(?P<function>{_NAME})(?: \([\w=*, .]{{0,80}}\))?"
    rf"(?: at)? \(?(?P<file>{_PATH}?):(?P<line>\d{{1,9}})(?::\d{{1,9}})?\)?"
)
_ELIXIR: Final = (
    rf"\(\w{{1,40}} [\w.+-]{{1,20}}\) (?P<file>{_PATH}?):(?P<line>\d{{1,9}}):"
    rf" (?P<function>{_NAME})"
)
_RUBY: Final = (
    rf"(?:from )?(?:\d{{1,4}}: from )?(?P<file>{_PATH}?):(?P<line>\d{{1,9}})"
    rf":in [`'](?P<function>{_NAME}?)'"
)
_GECKO: Final = (
    r"(?P<function>[\w.$<>/*-]{0,200})@(?P<file>[\w./\\@+~$:%?=&-]{1,300}?)"
    r":(?P<line>\d{1,9}):\d{1,9}"
)
_LUA: Final = (
    rf"(?P<file>{_PATH}?):(?P<line>\d{{1,9}}): in (?:function |method |upvalue |local )?"
    rf"[<'`]?(?P<function>{_NAME}?)[>']?"
)
_GO_PLACE: Final = (
    rf"(?P<file>/?[\w./@+~-]{{1,300}}\.(?:go|s)):(?P<line>\d{{1,9}})(?: \+{_ADDRESS})?"
)
_GO_CALL: Final = (
    r"(?P<function>[\w./]{1,120}(?:\(\*\w{1,80}\)[.\w]{1,80})?)"
    rf"\((?:\.\.\.|{_ADDRESS}\??(?:, {_ADDRESS}\??){{0,20}}(?:, \.\.\.)?)\)"
)
_PHP_LOG: Final = (
    rf"\[[\w :/.-]{{1,40}}\] PHP +\d{{1,4}}\. (?P<function>{_NAME})"
    rf" (?P<file>{_PATH}):(?P<line>\d{{1,9}})"
)
_RUST: Final = rf"\d{{1,4}}: +(?:{_ADDRESS} - )?(?P<function>{_NAME})"
_CARETS: Final = r"[\^~ ]+"


def _compiled(*forms: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, forms))


_PATTERNS: Final[dict[str, tuple[re.Pattern[str], ...]]] = {
    "F": _compiled(_FILE),
    "a": _compiled(_AT, _AT_PLACE, _AT_JVM, _AT_DOTNET, _AT_NOWHERE, "at <anonymous>"),
    "#": _compiled(_PHP, _INTERNAL, _NATIVE),
    "T": _compiled(r"Traceback \(most recent call last\):"),
    "D": _compiled("During handling of the above exception, another exception occurred:"),
    "^": _compiled(_CARETS),
    "~": _compiled(_CARETS),
    ".": _compiled(r"\.\.\. \d{1,9} (?:more|common frames omitted)"),
    "[": _compiled(r"\[Previous line repeated \d{1,9} more times?\]"),
    "g": _compiled(r"goroutine \d{1,9} \[[\w ,-]{1,40}\]:"),
    "c": _compiled(rf"created by (?P<function>{_NAME})(?: in goroutine \d{{1,9}})?"),
    "s": _compiled("stack backtrace:", "stack traceback:"),
    "(": _compiled(_ELIXIR),
    **dict.fromkeys("0123456789", _compiled(_RUST)),
}
"""The grammars by what a line begins with."""
_MARKED: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (mark, re.compile(form))
    for mark, form in (
        (":in ", _RUBY),
        (".go:", _GO_PLACE),
        (".s:", _GO_PLACE),
        ("...)", _GO_CALL),
        ("(0x", _GO_CALL),
        ("@", _GECKO),
        (": in ", _LUA),
        (".ex", rf"(?P<file>{_PATH}?):(?P<line>\d{{1,9}}): (?P<function>{_NAME})"),
        ("] PHP ", _PHP_LOG),
    )
)
"""The others, by a mark within it."""
MAX_LINE: Final = 1_000
_REMEMBERED: Final = 4_096
_LONGEST_KEPT: Final = 200
_MIN_FRAME: Final = 4
_MAX_LINES: Final = 5_000


def frame_in(line: str) -> re.Match[str] | None:
    """The frame that a line is, as a match with the groups file, line and function, if it has."""
    if len(line) > MAX_LINE:
        return None
    return _frame_seen(line) if len(line) <= _LONGEST_KEPT else _frame(line)


def _frame(line: str) -> re.Match[str] | None:
    bare = line.strip(" \t\r\n|")
    if len(bare) < _MIN_FRAME and bare.strip("^~"):
        return None
    for pattern in _PATTERNS.get(bare[:1], ()):
        if found := pattern.fullmatch(bare):
            return found
    for mark, pattern in _MARKED:
        if mark in bare and (found := pattern.fullmatch(bare)):
            return found
    return None


_frame_seen = lru_cache(_REMEMBERED)(_frame)


def names_in(frame: re.Match[str]) -> list[str]:
    """What a frame is called: its file and its function."""
    groups = frame.groupdict()
    return [name for key in ("file", "function") if (name := groups.get(key))]


def stack_frames(stack: str) -> tuple[Frame, ...]:
    """The frames of a textual stack, outermost first, as far as their lines keep to a grammar."""
    frames: list[Frame] = []
    outermost_last = False
    for line in stack.splitlines()[:_MAX_LINES]:
        match = frame_in(line)
        groups = match.groupdict() if match else {}
        if not groups.get("file"):
            continue
        outermost_last = outermost_last or not line.lstrip(" |").startswith('File "')
        frames.append(
            Frame(
                file=groups["file"],
                line=int(groups.get("line") or 0),
                function=groups.get("function") or "",
            )
        )
    return tuple(reversed(frames) if outermost_last else frames)
