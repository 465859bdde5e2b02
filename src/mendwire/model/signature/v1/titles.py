"""What stands before the calls: the exception's name, its message, and where it was thrown.

Each function reads the form of one runtime, and hands back None for any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from mendwire.model.signature.v1.blocks import BLANK, Call, is_number
from mendwire.model.signature.v1.headlines import headline
from mendwire.model.signature.v1.patterns import pattern

WHAT: Final = "what(): "
TERMINATE: Final = "terminate called after throwing an instance of '"
PHP: Final = ("PHP ", "Fatal error: ", "Parse error: ", "Warning: ", "Notice: ", "Deprecated: ")
_NAMING: Final = ("Next ", *PHP)
_END: Final = 500
_STOPS: Final = (
    "stack backtrace:",
    "stack traceback:",
    "Stack trace:",
    "note: ",
    "goroutine ",
    "[signal ",
    "[stacktrace]",
    "Aborted",
    "Program ",
    "READ of size ",
    "WRITE of size ",
    "==",
)
_ASSERTION: Final = ("assertion `", "[ERR_ASSERTION]")
_COMPARED: Final = ("left: ", "right: ")
_LISTED: Final = "* "
_CALL: Final = ("at ", ":", "(")
_MOST: Final = 20


def without_stamp(line: str) -> str:
    """``[25-Nov-2026 10:00:00 UTC] PHP Fatal error: ...`` without its time, and Ruby's likewise."""
    if line[:1] == "[" or line[1:3] == ", ":
        return pattern("stamp").sub("", line)
    return line


class Title(NamedTuple):
    """An exception as its title tells it."""

    type: str
    message: str
    thrown: Call | None = None


def native_title(line: str) -> Title | None:
    """C++ and the sanitizers."""
    if line.startswith(TERMINATE):
        return Title(line[len(TERMINATE) :].partition("'")[0], "")
    if line[:2] == "==" and (found := pattern("sanitizer").match(line)):
        return Title(found.group(1), found.group(2).strip(BLANK))
    return None


def rails_title(line: str) -> Title | None:
    """``NoMethodError (undefined method ...):``, which Rails writes above the calls."""
    found = pattern("rails_title").match(line)
    return None if found is None else Title(found.group(1), found.group(2))


def lua_title(lines: Sequence[str]) -> Title:
    """``lua: x.lua:3: message``, with or without a lead and its place."""
    first, thrown = lines[0], None
    if found := pattern("lua_place").search(first):
        thrown = (found.group(1), "", found.group(2)[:9], "", "")
        first = first[found.end() :]
    elif found := pattern("lua_title").match(first):
        first = found.group(1)
    return Title("", "\n".join([first, *lines[1:]]), thrown)


def php_title(lines: Sequence[str]) -> Title | None:
    """``Type: message in file:line``, which may be several lines; any name is an exception's."""
    at = _start(lines)
    text = "\n".join(lines[at:])
    place = pattern("php_thrown").search(text[-_END:])
    if place is None:
        return None
    text = text[: len(text) - len(place.group())]
    first, mark, rest = text.partition("\n")
    kind, message = headline(first, certain=not first.startswith(_NAMING)) or ("", first)
    if not kind and first.startswith(PHP):
        message = first.partition(": ")[2].strip(BLANK)
    return Title(kind, message + mark + rest, (place.group(1), "", place.group(2)[:9], "", ""))


def _start(lines: Sequence[str]) -> int:
    """Where the title begins: at the last line that says so, else at the first of them."""
    for at in range(len(lines) - 1, 0, -1):
        if lines[at].startswith(_NAMING):
            return at
    return 0


def monolog_title(line: str) -> Title | None:
    """``[object] (Type(code: 0): message at file:12)``, as Monolog and Laravel write exceptions."""
    found = pattern("monolog").search(line)
    if found is None:
        return None
    place = (found.group(3), "{main}", found.group(4)[:9], "", "")
    return Title(found.group(1).replace("\\\\", "\\"), found.group(2), place)


def rust_title(line: str) -> Title:
    """``thread 'x' panicked at src/main.rs:9:20:``; the message is the next line or quoted."""
    where = line.rpartition(" panicked at ")[2]
    message = "\n"
    if where[:1] == "'":
        message, _, where = where[1:].rpartition("', ")
    before, _, column = where.rstrip(":").rpartition(":")
    file, _, number = before.rpartition(":")
    return Title("", message, (file, "", _digits(number), _digits(column), ""))


def _digits(text: str) -> str:
    """At most nine digits; empty where it is no number."""
    return text[:9] if is_number(text) else ""


def whole_message(message: str, more: Sequence[str], *, goes_on: bool) -> str:
    """The message with the lines of it that follow its first.

    They end at a blank line, unless ``goes_on``: there everything up to the calls is the message.
    What Rust and Node compared is left out, because it is this occurrence's.
    """
    is_assertion = message.startswith(_ASSERTION)
    kept = [message]
    for line in more[:_MOST]:
        bare = line.strip(BLANK)
        is_apart = len(kept) > 1 and not kept[-1] and (is_assertion or not goes_on)
        is_call = bare.startswith(_CALL) and line[0] in BLANK
        if is_call or bare.startswith(_STOPS) or (is_apart and not bare.startswith(_LISTED)):
            break
        if not (is_assertion and bare.startswith(_COMPARED)):
            kept.append(line.rstrip(BLANK))
    return "\n".join(kept).rstrip("\n")
