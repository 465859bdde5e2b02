"""A log cut into records: one line each, or a line with the lines of a stack that belong to it.

What a transport puts before each line (syslog and journald, Docker's JSON, Kubernetes, compose) is
taken off first. Lines of several sources may be mixed: each source has its own open record.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from json import JSONDecodeError, loads
from typing import Final

MAX_LINE: Final = 256 * 1024
"""Characters of one line, which in JSON holds a whole stack; what is beyond is cut off."""
MAX_RECORD: Final = 256 * 1024
"""Characters of one record: of a longer one the middle is left out, as of a stack."""
MAX_SOURCES: Final = 64
_TAIL_LINES: Final = 400
_FRONT: Final = 300
"""Characters of a line in which what a transport puts before it is looked for."""
_MONTH: Final = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK: Final = r"\d{1,2}:\d{2}:\d{2}(?:[.,]\d+)?"
_ISO: Final = (
    rf"\d{{4}}[-/.]\d{{2}}[-/.]\d{{2}}(?:[T ]{_CLOCK}(?: ?(?:Z|[+-]\d{{2}}:?\d{{2}}|UTC))?)?"
)
_ZONED: Final = rf"\d{{4}}-\d{{2}}-\d{{2}}T{_CLOCK}(?:Z|[+-]\d{{2}}:?\d{{2}})"
_SYSLOG: Final = re.compile(
    rf"^(?:<\d{{1,3}}>)?(?:{_MONTH} [ \d]\d {_CLOCK}|{_ZONED}) [a-z0-9][\w.:-]* "
    r"([\w./@-]+(?:\[\d+\])?): "
)
_KUBERNETES: Final = re.compile(rf"^{_ISO} (stdout|stderr) ([FP]) ")
_COMPOSE: Final = re.compile(r"^([\w.-]+-\d+) +\| ")
_TIME: Final = re.compile(
    rf"^[\[(]?(?:{_ISO}|{_MONTH} [ \d]\d {_CLOCK}|\d{{1,2}}[-/]{_MONTH}[-/]\d{{4}}[: ]{_CLOCK}"
    rf"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} [ \d]\d {_CLOCK}|{_CLOCK}\b|\d{{10}}\.\d{{3,}}"
    rf"|[IWEFD]\d{{4}} {_CLOCK}|[DIWEFAU], \[{_ISO})"
)
_TAG: Final = re.compile(r"^\[[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}\] ?")
"""Of a request: Rails writes it before each line of a record."""
_LEVEL: Final = re.compile(
    r"^[\[<(]?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERR(?:OR)?|CRIT(?:ICAL)?|FATAL|SEVERE|PANIC"
    r"|ALERT|EMERG|trace|debug|info|notice|warn(?:ing)?|error|crit(?:ical)?|fatal|level=\w+)\b"
    r"|^<[0-7]>|^=[A-Z]+ REPORT===="
)
_BARE_HEAD: Final = re.compile(r"^(?:PHP [A-Z]|panic: |fatal error: |terminate called )")
"""Runtimes begin so, without a time; what follows belongs to it only if it looks so."""
_AGAIN: Final = ("During handling of the above exception", "The above exception was the direct")
_BEGINS: Final = re.compile(r"^(?:Traceback \(most recent call last\):|[^ :]+:\d+:in [`'])")
"""A stack's first line, in the middle of one as well."""
_GOES_ON: Final = re.compile(
    rf"^(?:{'|'.join(_AGAIN)}|Caused by: |Suppressed: |Stack trace:|stack traceback:"
    r"|stack backtrace:|#\d+ |at |\.\.\. \d+ |Next |goroutine \d+ \[|--- End of |\*\* \(|[\])}]"
    r"|\[C\]: |from |note: |exit status |created by )"
)


@dataclass(slots=True)
class _Open:
    """A record that may go on."""

    lines: list[str] = field(default_factory=list)
    is_headed: bool = False
    """It began with a time or a level, so that whatever does not belongs to it."""
    size: int = 0
    blank: int = 0
    """Empty lines since, that belong to it only if something follows."""
    expects: str = ""
    """Whose next line needs no indent: ``python``, ``go``, ``rust``; or ``another`` stack."""
    has_stack: bool = False
    is_ruby: bool = False


class Splitter:
    """Lines in, whole records out."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._parts: dict[str, str] = {}

    def feed(self, raw: str) -> Iterator[str]:
        """Take one line without its end; yields what it shows to be complete."""
        source, line, is_part = self._peeled(raw[:MAX_LINE].rstrip("\r\n"))
        line = self._parts.pop(source, "") + line
        if is_part and len(line) < MAX_LINE:
            self._parts[source] = line
            return
        now = self._open.get(source)
        if now is not None and _belongs(line, now):
            _append(now, line)
            return
        if now is not None:
            yield from self._closed(source)
        if line.strip():
            now = self._open[source] = _Open(is_headed=is_head(line))
            _append(now, line)
        if len(self._open) > MAX_SOURCES:
            yield from self._closed(next(iter(self._open)))

    def rest(self) -> Iterator[str]:
        """Everything that is open: the log ended, or has been quiet for a while."""
        for source in tuple(self._open):
            yield from self._closed(source)

    @property
    def is_open(self) -> bool:
        """Whether something waits for its end."""
        return bool(self._open)

    def _closed(self, source: str) -> Iterator[str]:
        yield "\n".join(self._open.pop(source).lines)

    def _peeled(self, line: str) -> tuple[str, str, bool]:
        """The source, what it wrote, and whether the line goes on in the next one."""
        if line[:1] == "{" and (unwrapped := _unwrapped(line)):
            return unwrapped
        front = line[:_FRONT]
        if found := _KUBERNETES.match(front):
            return found[1], line[found.end() :], found[2] == "P"
        if found := _COMPOSE.match(front) or _SYSLOG.match(front):
            return found[1], line[found.end() :], False
        return "", _TAG.sub("", line, count=1), False


def is_head(line: str) -> bool:
    """Whether a record begins here, in any log: a time, a level, or an object of JSON."""
    return bool(_TIME.match(line) or _LEVEL.match(line) or line[:1] == "{")


def _unwrapped(line: str) -> tuple[str, str, bool] | None:
    """A line within Docker's or journald's JSON; None for a program's own."""
    try:
        found = loads(line)
    except (JSONDecodeError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    text = found.get("log")
    if isinstance(text, str) and found.get("stream") in {"stdout", "stderr"}:
        return str(found["stream"]), text.removesuffix("\n"), not text.endswith("\n")
    text, unit = found.get("MESSAGE"), found.get("_SYSTEMD_UNIT", found.get("SYSLOG_IDENTIFIER"))
    if isinstance(text, str) and isinstance(found.get("__CURSOR", unit), str):
        urgency = found.get("PRIORITY")
        mark = f"<{urgency}>" if urgency in {"0", "1", "2", "3"} and not is_head(text) else ""
        return f"{unit}/{found.get('_PID', '')}", mark + text, False
    return None


def _belongs(line: str, now: _Open) -> bool:
    """Whether a line goes on with the record before it."""
    if not line.strip() or line[0] in " \t":
        return True
    if _BEGINS.match(line):
        is_first = now.is_headed and not now.has_stack
        return is_first or now.expects == "another" or _is_cause(line, now)
    if _GOES_ON.match(line):
        return True
    if is_head(line) or _BARE_HEAD.match(line):
        return False
    return now.is_headed or _is_expected(line, now)


def _is_expected(line: str, now: _Open) -> bool:
    """Python's last line, Rust's message, a call in a stack of Go: none of them is indented."""
    return now.expects in {"python", "rust"} or (now.expects == "go" and line[-1] == ")")


def _is_cause(line: str, now: _Open) -> bool:
    """Ruby writes a cause below the stack of what it caused; Rails writes all calls so."""
    return line[0] != "T" and now.is_ruby and not now.blank


def _append(now: _Open, line: str) -> None:
    if not line.strip():
        now.blank += 1
        return
    now.lines.extend([""] * min(now.blank, 2))
    now.blank = 0
    now.lines.append(line)
    now.size += len(line) + 1
    now.expects = _expected(line, now.expects)
    begins = bool(_BEGINS.match(line))
    now.is_ruby = now.is_ruby or (begins and line[0] != "T")
    now.has_stack = now.has_stack or begins or bool(_GOES_ON.match(line))
    if now.size > MAX_RECORD and len(now.lines) > 2:  # noqa: PLR2004 - head, middle, tail; its head says what it is, its tail where it ended
        half = max(1, len(now.lines) // 3)
        now.lines = now.lines[:half] + now.lines[-min(_TAIL_LINES, half) :]
        now.size = sum(len(one) + 1 for one in now.lines)


def _expected(line: str, before: str) -> str:
    """Which line without an indent is still to come."""
    if line.startswith("Traceback (most recent"):
        return "python"
    if line.startswith(_AGAIN):
        return "another"
    if line.startswith("goroutine "):
        return "go"
    if " panicked at " in line and line.endswith(":"):
        return "rust"
    if before == "go":
        return "go"
    return before if line[0] in " \t" else ""
