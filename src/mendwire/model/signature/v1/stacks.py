"""Frames and exceptions out of a stack as text, for the runtimes that people run.

Every stack and every line is cut before it is looked at, so that a hostile one costs time in
proportion to its size, and little.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.blocks import (
    BLANK,
    NAMED_BEFORE,
    REMEMBERED,
    Block,
    Call,
    is_number,
)
from mendwire.model.signature.v1.call_lines import call_of, named
from mendwire.model.signature.v1.headlines import headline
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.python_text import TITLE, python_blocks
from mendwire.model.signature.v1.tables import CAPS

MAX_STACK: Final = CAPS["stack"]
MAX_LINE: Final = CAPS["line"]
_MAX_LINES: Final = CAPS["lines"]
_MAX_BLOCKS: Final = CAPS["causes"] + 1
_SEARCHED_LINES: Final = 50
_CAUSES: Final = ("Caused by: ", "[cause]: ", "Suppressed: ", "---> ", "Next ")
_PHP: Final = ("PHP ", "Fatal error: ", "Parse error: ", "Warning: ", "Notice: ", "Deprecated: ")
_LOG_PREFIX: Final = 80
_WHAT: Final = "what(): "
_TERMINATE: Final = "terminate called after throwing an instance of '"
_OTHERS: Final = ("goroutine ", "previously allocated by", "freed by thread", "allocated by ")


def blocks_in(text: str) -> tuple[list[Block], list[str]]:
    """The exceptions of a chain, the one that ended the program first, and the lines read."""
    lines = lines_of(text)
    if TITLE in text and 'File "' in text:
        return python_blocks(lines), lines
    if "] PHP " in text:
        lines = [_without_prefix(line) for line in lines]
    return _Reading(lines).blocks(), lines


def capped(text: str, limit: int) -> str:
    """At most ``limit`` characters: two thirds from the head, the rest from the tail."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    return f"{text[:head]}\n{text[len(text) - (limit - head - 1) :]}"


def lines_of(text: str) -> list[str]:
    """The lines of a stack: at most 1200, each cut to 1024 characters, without colours."""
    text = capped(text, MAX_STACK)
    if "\x1b" in text:
        text = pattern("ansi").sub("", text)
    tail = _MAX_LINES // 3
    if text.count("\n") > _MAX_LINES:
        head = text.split("\n", _MAX_LINES - tail)[:-1]
        lines = head + text.rsplit("\n", tail)[1:]
    else:
        lines = text.split("\n")
    if len(text) > MAX_LINE and max(map(len, lines)) > MAX_LINE:
        return [line[:MAX_LINE] for line in lines]
    return lines


def _without_prefix(line: str) -> str:
    """``[25-Nov-2026 10:00:00 UTC] PHP Fatal error: ...`` without its time."""
    return line.partition("] ")[2] if line[:1] == "[" and "] PHP " in line[:_LOG_PREFIX] else line


@lru_cache(REMEMBERED)
def _read(raw: str) -> tuple[str, Call | None, bool, bool]:
    """A line, the call that it is, whether that needs no other line, and whether it is indented."""
    line = raw.strip(BLANK)
    call = call_of(line) if line else None
    is_plain = call is not None and line[0] == "a" and call[1] != NAMED_BEFORE
    return line, call, is_plain, raw[:1] in BLANK


class _Reading:
    """A stack that names the innermost call first, read line by line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.chain = [Block()]
        self.now = self.chain[0]
        self.is_php = False
        self.is_fresh = True
        """Whether the line before began the text or a paragraph of it."""

    def blocks(self) -> list[Block]:
        before = ""
        is_new = True
        for line, call, is_plain, is_indented in map(_read, self.lines):
            if is_plain and call is not None and self.now.calls:
                self.now.calls.append(call)  # the many lines of a deep stack, without more ado
            elif not line:
                is_new = True
                continue
            elif self._line(line, call, before, is_indented=is_indented):
                self.is_fresh = is_new or before[-1:] == ":"
            else:
                break
            is_new = False
            before = line
        return self._finished()

    def _finished(self) -> list[Block]:
        if self.is_php:
            self.chain.reverse()
        for block in self.chain:
            _complete(block)
        if not any(block.calls for block in self.chain):
            self.chain[0].calls = _places(self.lines)
            self.chain[0].is_guessed = True
        return self.chain

    def _line(self, line: str, call: Call | None, before: str, *, is_indented: bool) -> bool:
        """Take one line; False where another thread's story begins."""
        if call is not None and call[1] == NAMED_BEFORE:
            call = named(call, before)
        if call is not None:
            return self._add(call, line, before)
        if self.now.calls:
            return self._after_calls(line)
        self._before_calls(line, is_indented=is_indented)
        return True

    def _add(self, call: Call, line: str, before: str) -> bool:
        """Add one call; False where a native stack begins anew for another thread."""
        now = self.now
        if line[0] == "#" and line[:3] == "#0 " and now.calls and now.thrown is None:
            return False
        if line[-1] == ")" and ":in " in line and line[:5] != "from ":
            self._ruby(line)
        elif not now.calls and not now.type and self.is_fresh and line[:3] == "at ":
            self._untold(before)
        self.now.calls.append(call)
        return True

    def _after_calls(self, line: str) -> bool:
        if line.startswith(_CAUSES):
            self._open(line)
        elif " called at " in line:
            self._perl(line)
        elif line.startswith("--- End of inner"):
            # A block beyond the last one that is kept is in no chain.
            where = self.chain.index(self.now) if self.now in self.chain else 0
            self.now = self.chain[max(0, where - 1)]
        else:
            return not line.startswith(_OTHERS)
        return True

    def _before_calls(self, line: str, *, is_indented: bool) -> None:
        now = self.now
        if now is not self.chain[0] and not line.startswith(_CAUSES):
            return
        if line.startswith(_CAUSES) and (now.type or now is not self.chain[0]):
            self._open(line)
        elif " panicked at " in line:
            self._rust(line)
        elif now.message == "\n":
            now.message = line
        elif " line " in line and " at " in line and (found := pattern("perl_at").search(line)):
            now.calls.append((found.group(1), "", found.group(2)[:9], "", ""))
            now.message = now.message or line[: found.start()]
        elif not is_indented or not now.type or line.startswith(_WHAT):
            self._title(line)

    def _title(self, line: str) -> None:
        now = self.now
        parts = line.split(" ---> ")[:_MAX_BLOCKS]
        found = headline(parts[0])
        if found is not None:
            now.type, now.message = found
            for part in parts[1:]:
                self._open(part)
        else:
            self._plain_title(line)
        if " in " in line and line.startswith(_PHP):
            self._thrown(line)

    def _untold(self, line: str) -> None:
        """The line before the first call names the exception, whatever it is called."""
        parts = line.split(" ---> ")[:_MAX_BLOCKS]
        if found := headline(parts[0], certain=True):
            self.now.type, self.now.message = found
            for part in parts[1:]:
                self._open(part)

    def _plain_title(self, line: str) -> None:
        """What names an error without a type before a colon: C++, the sanitizers and Lua."""
        now = self.now
        if line.startswith(_TERMINATE):
            now.type = line[len(_TERMINATE) :].partition("'")[0]
        elif line.startswith(_WHAT):
            now.message = line[len(_WHAT) :].strip(BLANK)
        elif line[:2] == "==" and (found := pattern("sanitizer").match(line)):
            now.type, now.message = found.group(1), found.group(2).strip(BLANK)
        elif line[:3] == "lua" and (found := pattern("lua_title").match(line)):
            now.message = found.group(1)
        elif line.startswith(_PHP):
            now.message = line.partition(": ")[2].strip(BLANK)

    def _open(self, line: str) -> None:
        """Begin the block of a cause, or of PHP's next exception."""
        if len(self.chain) >= _MAX_BLOCKS:
            self.now = Block()
            return
        kind, message = headline(line) or ("", line)
        self.now = Block(kind, message)
        self.chain.append(self.now)
        if line.startswith("Next "):
            self._thrown(line)

    def _thrown(self, line: str) -> None:
        """``... in /app/cart.php:12``, where PHP says that it threw."""
        found = pattern("php_thrown").search(line[-500:])
        if found is not None:
            self.is_php = True
            self.now.thrown = (found.group(1), "", found.group(2)[:9], "", "")
            self.now.message = pattern("php_end").sub("", self.now.message)

    def _rust(self, line: str) -> None:
        where = line.rpartition(" panicked at ")[2]
        if where[:1] == "'":
            self.now.message, _, where = where[1:].rpartition("', ")
        else:
            self.now.message = "\n"
        before, _, column = where.rstrip(":").rpartition(":")
        file, _, line_number = before.rpartition(":")
        self.now.thrown = (file, "", _digits(line_number), _digits(column), "")

    def _perl(self, line: str) -> None:
        """``main::f(1) called at x.pl line 9`` names the call before and the place after."""
        name, _, rest = line.partition(" called at ")
        found = pattern("perl_at").search(f" at {rest}")
        if found is not None:
            file, _, number, column, module = self.now.calls[-1]
            self.now.calls[-1] = (file, name.partition("(")[0], number, column, module)
            self.now.calls.append((found.group(1), "", found.group(2)[:9], "", ""))

    def _ruby(self, line: str) -> None:
        """``x.rb:3:in `f': message (Type)``; where calls came before, it is their cause's."""
        _, _, rest = line.partition("': ")
        message, _, kind = rest.rpartition(" (")
        if not message and not kind:
            return
        if self.now.calls:
            self._open("")
        self.now.type, self.now.message = kind.rstrip(")"), message


def _digits(text: str) -> str:
    """At most nine digits; empty where it is no number."""
    return text[:9] if is_number(text) else ""


def _complete(block: Block) -> None:
    """Outermost call first, and where the exception was thrown at the end."""
    if block.thrown is not None:
        _put_thrown(block, block.thrown)
    if block.message == "\n":
        block.message = ""
    block.calls.reverse()


def _put_thrown(block: Block, thrown: Call) -> None:
    calls = block.calls
    if not calls:
        block.calls = [thrown]
    elif thrown[0].endswith(".rs"):
        return
    else:  # PHP names with each place the function that was called there
        names = [call[1] for call in calls]
        places = [thrown, *calls]
        block.calls = [
            (spot[0], name, spot[2], spot[3], spot[4])
            for spot, name in zip(places, [*names, "{main}"], strict=True)
        ]


def _places(lines: list[str]) -> list[Call]:
    """Places like ``file.ext:12`` where no format of a stack was known."""
    found = [
        (match.group(1), "", match.group(2), "", "")
        for line in lines[:_SEARCHED_LINES]
        if ":" in line and (match := pattern("source").search(line))
    ]
    return found[::-1]
