"""What somebody pipes into ``mendwire report``: told apart, checked, completed."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json import JSONDecodeError, loads
from typing import BinaryIO, Final

from mendwire.capture.traceback_text import body_of_text
from mendwire.errors import ConfigError, Undecodable
from mendwire.model.report import UNKNOWN_RELEASE, ErrorReport, JSONValue, load_object, report_of
from mendwire.model.signature import crash_frame

MAX_INPUT: Final = 64 * 1024 * 1024
Body = dict[str, JSONValue]


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A line that is no report."""

    why: str
    """One sentence."""


def bodies_from(source: BinaryIO, *, is_lines: bool) -> Iterator[Body]:
    """Reports on standard input; raises ConfigError or Undecodable with one sentence.

    A JSON object, or with ``is_lines`` one on each line, or else the text of a traceback or log.
    """
    if is_lines:
        yield from _lines(source)
        return
    data = source.read(MAX_INPUT + 1)
    if len(data) > MAX_INPUT:
        raise ConfigError("Standard input has more than 64 MB; send one error at a time.")
    if not data.strip():
        raise ConfigError("Standard input is empty; pipe a traceback or a JSON report in.")
    yield _one(data)


def context_from(
    pairs: Sequence[str], *, file: str | None, line: int | None, request_id: str | None
) -> Body:
    """The context given by options; raises ConfigError."""
    context: Body = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not key or not equals:
            raise ConfigError(f"--context takes key=value, not {pair[:40]!r}.")
        context[key] = value
    options: Body = {"file": file, "line": line, "request_id": request_id}
    return context | {key: value for key, value in options.items() if value is not None}


def overridden(
    body: Body, given: Mapping[str, str | None], context: Mapping[str, JSONValue], *, release: str
) -> Body:
    """The body with what the options say; ``release`` counts where neither says one."""
    inner = body.get("context")
    merged: Body = {**(inner if isinstance(inner, dict) else {}), **context}
    changed: Body = {**body, **{key: text for key, text in given.items() if text}}
    changed["context"] = merged
    if release != UNKNOWN_RELEASE and not changed.get("release") and not merged.get("release"):
        changed["release"] = release
    return changed


def without_release(release: str) -> str:
    """What a missing release means, as a sentence; empty when there is one."""
    if release != UNKNOWN_RELEASE:
        return ""
    return (
        "mendwire: no release is given, so the same error is taken for a repeat also after a "
        "deployment, while the duplicate window lasts; pass --release."
    )


def without_stack(body: Body) -> str:
    """What text in which no stack was found is taken for, as a sentence; empty otherwise."""
    stack = body.get("stack")
    if body.get("frames") or not isinstance(stack, str) or not stack.strip():
        return ""
    if crash_frame(ErrorReport(error="", stack=stack)) is not None:
        return ""
    return "mendwire: no stack was found in it, so all of it is taken for the text of an error."


def hint_at_terminal() -> None:
    """Who waits at a terminal is told for what."""
    if sys.stdin.isatty():
        print("mendwire: reading standard input; Ctrl-D ends it.", file=sys.stderr)


def lines_from(source: BinaryIO) -> Iterator[tuple[int, Body | Refused]]:
    """The number of each line that is not empty, and its report or why it is none.

    Raises ConfigError where there is no line at all.
    """
    count = 0
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        count += 1
        try:
            yield number, _checked(line)
        except Undecodable as problem:
            yield number, Refused(why=str(problem))
    if not count:
        raise ConfigError("Standard input is empty; one JSON report is read from each line.")


def _lines(source: BinaryIO) -> Iterator[Body]:
    for number, body in lines_from(source):
        if isinstance(body, Refused):
            raise ConfigError(f"Line {number}: {body.why}")
        yield body


def _one(data: bytes) -> Body:
    start = data.lstrip()[:1]
    if start == b"{":
        return _json_object(data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Undecodable("Standard input is not UTF-8 text.") from None
    if start in b'["' and _is_json(text):
        return _checked(data)
    if not any(char.isprintable() and not char.isspace() for char in text):
        raise ConfigError("Standard input has no visible text.")
    return body_of_text(text)


def _json_object(data: bytes) -> Body:
    try:
        return _checked(data)
    except Undecodable:
        first = next(line for line in data.splitlines() if line.strip())
        if _is_json(first.decode(errors="replace")) and not _is_json(data.decode(errors="replace")):
            raise ConfigError(
                "Standard input has several lines of JSON; say --jsonl for one report a line."
            ) from None
        raise


def _checked(data: bytes) -> Body:
    body = load_object(data)
    report_of(body)
    return body


def _is_json(text: str) -> bool:
    try:
        loads(text)
    except (JSONDecodeError, RecursionError):
        return False
    return True
