"""Frames and exceptions out of a stack as text, for the runtimes that people run.

Every stack and every line is cut before it is looked at, so that a hostile one costs time in
proportion to its size, and little.
"""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.blocks import BLANK, Block
from mendwire.model.signature.v1.call_lines import call_of
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
_SPENT: Final = ("previously allocated by", "freed by thread", "allocated by thread")


def blocks_in(text: str) -> tuple[list[Block], list[str]]:
    """The exceptions of a chain, the one that ended the program first, and the lines read."""
    lines = lines_of(text)
    if TITLE in text and 'File "' in text:
        return python_blocks(lines), lines
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
    if len(text) > MAX_LINE:
        return [line[:MAX_LINE] for line in lines]
    return lines


class _Reading:
    """A stack that names the innermost call first, read line by line."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.chain = [Block()]
        self.now = self.chain[0]
        self.before = ""
        self.is_php = False

    def blocks(self) -> list[Block]:
        for at, raw in enumerate(self.lines):
            line = raw.strip(BLANK)
            if line and not self._take(line, at, raw[0]):
                break
            self.before = line or self.before
        if self.is_php:
            self.chain.reverse()
        for block in self.chain:
            _complete(block)
        if not any(block.calls for block in self.chain):
            self.chain[0].calls = _places(self.lines)
        return self.chain

    def _take(self, line: str, at: int, first: str) -> bool:
        """Take one line; False where the rest is another thread's or another story."""
        now = self.now
        call = call_of(line, self.before, at)
        if call is not None:
            if line[:3] == "#0 " and now.calls and now.thrown is None:
                return False
            now.calls.append(call)
            if line[-1] == ")" and ":in " in line and len(now.calls) == 1:
                self._ruby(line)
            return True
        if now.calls:
            return self._after_calls(line, at)
        self._before_calls(line, at, first)
        return True

    def _after_calls(self, line: str, at: int) -> bool:
        if line.startswith(_CAUSES):
            self._open(line, at)
        elif " line " in line and " called at " in line:
            self._perl(line, at)
        elif line.startswith("--- End of inner"):
            where = self.chain.index(self.now)
            self.now = self.chain[max(0, where - 1)]
        elif line.startswith("goroutine ") or line.startswith(_SPENT):
            return False
        elif self.lines[at][:1] not in BLANK and (found := headline(line)) and ":in " not in line:
            return self._log_again(found)
        return True

    def _log_again(self, found: tuple[str, str]) -> bool:
        """A second exception without a word that ties it to the first ends the stack."""
        return not found[0]

    def _before_calls(self, line: str, at: int, first: str) -> None:
        now = self.now
        if now is not self.chain[0] and not line.startswith(_CAUSES):
            return
        if line.startswith(_CAUSES) and (now.type or now is not self.chain[0]):
            self._open(line, at)
        elif " panicked at " in line:
            self._rust(line, at)
        elif now.message == "\n":
            now.message = line
        elif " line " in line and " at " in line and (found := pattern("perl_at").search(line)):
            now.calls.append((found.group(1), "", found.group(2)[:9], "", "", at))
            now.message = now.message or line[: found.start()]
        elif first not in BLANK or not now.type:
            self._title(line, at)

    def _title(self, line: str, at: int) -> None:
        parts = line.split(" ---> ")[:_MAX_BLOCKS]
        found = headline(parts[0])
        if found is None:
            if line.startswith("terminate called after throwing an instance of '"):
                self.now.type = line.split("'")[1]
            elif line.startswith("what(): "):
                self.now.message = line[8:].strip(BLANK)
            return
        self.now.type, self.now.message = found
        if "Uncaught" in line or line.startswith("PHP "):
            self._thrown(line, at)
        for part in parts[1:]:
            self._open(part, at)

    def _open(self, line: str, at: int) -> None:
        """Begin the block of a cause, or of PHP's next exception."""
        if len(self.chain) >= _MAX_BLOCKS:
            self.now = Block()
            return
        kind, message = headline(line) or ("", line)
        self.now = Block(kind, message)
        self.chain.append(self.now)
        if line.startswith("Next "):
            self._thrown(line, at)

    def _thrown(self, line: str, at: int) -> None:
        """``... in /app/cart.php:12``, where PHP says that it threw."""
        found = pattern("php_thrown").search(line[-500:])
        if found is not None:
            self.is_php = True
            self.now.thrown = (found.group(1), "", found.group(2)[:9], "", "", at)
            self.now.message = pattern("php_end").sub("", self.now.message)

    def _rust(self, line: str, at: int) -> None:
        where = line.rpartition(" panicked at ")[2]
        if where[:1] == "'":
            self.now.message, _, where = where[1:].rpartition("', ")
        else:
            self.now.message = "\n"
        from_text = where.rstrip(":").rpartition(":")
        file, _, line_number = from_text[0].rpartition(":")
        self.now.thrown = (file, "", line_number[:9], from_text[2][:9], "", at)

    def _perl(self, line: str, at: int) -> None:
        """``main::f(1) called at x.pl line 9`` names the call before and the place after."""
        name, _, rest = line.partition(" called at ")
        found = pattern("perl_at").search(f" at {rest}")
        if found is not None:
            file, _, number, column, module, where = self.now.calls[-1]
            self.now.calls[-1] = (file, name.partition("(")[0], number, column, module, where)
            self.now.calls.append((found.group(1), "", found.group(2)[:9], "", "", at))

    def _ruby(self, line: str) -> None:
        """``x.rb:3:in `f': message (Type)``."""
        _, _, rest = line.partition("': ")
        message, _, kind = rest.rpartition(" (")
        if message or kind:
            self.now.type, self.now.message = kind.rstrip(")"), message


def _complete(block: Block) -> None:
    """Outermost call first, and where the exception was thrown at the end."""
    if block.thrown is not None:
        _put_thrown(block, block.thrown)
    if block.message == "\n":
        block.message = ""
    block.calls.reverse()


def _put_thrown(block: Block, thrown: tuple[str, str, str, str, str, int]) -> None:
    calls = block.calls
    if not calls:
        block.calls = [thrown]
    elif thrown[0].endswith(".rs"):
        return
    else:  # PHP names with each place the function that was called there
        names = [call[1] for call in calls]
        places = [thrown, *calls]
        block.calls = [
            (spot[0], name, *spot[2:])
            for spot, name in zip(places, [*names, "{main}"], strict=True)
        ]


def _places(lines: list[str]) -> list[tuple[str, str, str, str, str, int]]:
    """Places like ``file.ext:12`` where no format of a stack was known."""
    found = []
    for at, line in enumerate(lines[:_SEARCHED_LINES]):
        if ":" in line and (match := pattern("source").search(line)):
            found.append((match.group(1), "", match.group(2), "", "", at))
    return found[::-1]
