"""A stack that names the innermost call first, read line by line."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.arranging import arrange
from mendwire.model.signature.v1.blocks import BLANK, NAMED_BEFORE, REMEMBERED, Block, Call
from mendwire.model.signature.v1.call_lines import call_of, named
from mendwire.model.signature.v1.chain import MAX_BLOCKS, Chain
from mendwire.model.signature.v1.go_text import PANIC
from mendwire.model.signature.v1.headlines import headline
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.titles import (
    PHP,
    WHAT,
    Title,
    lua_title,
    monolog_title,
    native_title,
    rails_title,
    rust_title,
    without_stamp,
)

_CAUSES: Final = ("Caused by: ", "[cause]: ", "Suppressed: ", "---> ", "Next ")
_OTHERS: Final = ("goroutine ", "previously allocated by", "freed by thread", "allocated by ")
_TAB: Final = "\t"
_UNTOLD: Final = ("0# ", "#0    ")
"""How the stacks of C++ and Dart begin; what stands above them is the message."""
_HEADINGS: Final = frozenset(("Stack trace:", "stack traceback:", "[stacktrace]", "runtime stack:"))
_HEADING: Final = max(map(len, _HEADINGS))
_OBJECT: Final = "[object] ("
_PANICKED: Final = " panicked at "
_ERRORS: Final = "[errors]: ["
_PERL: Final = 4
_PARAGRAPH: Final = 20


@lru_cache(REMEMBERED)
def _read(raw: str) -> tuple[str, Call | None, Call | None, str]:
    """A line, the call that it is, also where that needs no other line, and the line as it is."""
    raw = without_stamp(raw)
    line = raw.strip(BLANK)
    call = call_of(line) if line else None
    is_plain = call is not None and line[:3] == "at " and call[1] != NAMED_BEFORE
    return line, call, call if is_plain else None, raw


class Reading(Chain):
    """Each line as it is met."""

    __slots__ = ()

    def blocks(self) -> list[Block]:
        before = ""
        calls = self.now.calls
        for line, call, plain, raw in map(_read, self.lines):
            if plain is not None and calls:
                calls.append(plain)  # the many lines of a deep stack, without more ado
            elif not line:
                self._blank(raw)
                continue
            elif self._line(line, raw, call, before):
                calls = self.now.calls
            else:
                break
            before = line
        if not self.now.calls:
            self._end_message(goes_on=self.now.thrown is not None)
        if self.is_php:
            self.chain.reverse()
        return arrange(self.chain, self.lines, self.panics)

    def _blank(self, raw: str) -> None:
        if self.panics and self.is_open and raw[:1] == _TAB:
            self.panics[-1] += "\n"
            return
        self.is_open = False
        if not self.now.calls:
            self.paragraph.clear()
            self.more.append("")

    def _line(self, line: str, raw: str, call: Call | None, before: str) -> bool:
        """Take one line; False where another thread's story begins."""
        if self.is_aside:
            self.is_aside = not line.startswith("goroutine ")
            return True
        if call is not None and call[1] == NAMED_BEFORE:
            call = named(call, before)
        if call is not None:
            return self._add(call, line)
        if line.startswith("--- End of inner"):
            self._close()
        elif _OBJECT in line and (title := monolog_title(line)):
            self._monolog(title)
        elif self.now.thrown is not None and _PANICKED in line:
            self._again(line)
        elif self.now.calls:
            return self._after_calls(line)
        else:
            self._before_calls(line, raw)
        return True

    def _add(self, call: Call, line: str) -> bool:
        """Add one call; False where a native stack begins anew for another thread."""
        now = self.now
        is_numbered = line[:3] == "#0 "
        if is_numbered and now.calls and now.thrown is None:
            return False
        if line[-1] == ")" and ":in " in line and line[:5] != "from ":
            self._ruby(line)
        elif not now.calls:
            if is_numbered and not self.is_php and "): " in line and self.paragraph:
                self._php()
            self._begin_calls(line)
        self.now.calls.append(call)
        return True

    def _begin_calls(self, line: str) -> None:
        """At the first call: what stood before it is the title."""
        now = self.now
        is_at = line[:3] == "at "
        if self.paragraph and not (now.type or now.message or now.thrown):
            if is_at and now is self.chain[0]:
                self._untold()
            elif line.startswith(_UNTOLD):
                self._take(Title("", "\n".join(self.paragraph)))
        self._end_message(goes_on=is_at or now.thrown is not None)
        self.paragraph.clear()

    def _after_calls(self, line: str) -> bool:
        if line.startswith(_CAUSES) or _OBJECT in line:
            self._open(line)
        elif " called at " in line:
            self._perl(line)
        elif self.is_open and len(self.now.calls) == 1:
            self.now.message += f"\n{line}"
        elif line == _ERRORS:
            self.is_group = True
        elif self.is_group and "A" <= line[0] <= "Z" and headline(line, certain=True):
            self._open(f"---> {line}")
        elif line[:6] == "code: " and pattern("node_code").match(line):
            self.now.message += f"\n{line.rstrip(',')}"
        else:
            return not line.startswith(_OTHERS)
        return True

    def _before_calls(self, line: str, raw: str) -> None:
        now = self.now
        is_cause = line.startswith(_CAUSES)
        if is_cause and (now.type or now is not self.chain[0]):
            self._end_message(goes_on=True)
            self._open(line)
            return
        if not self._is_mark(line, raw):
            is_below = now.type and raw[0] in BLANK and not line.startswith(WHAT)
            if is_below or now is not self.chain[0]:
                self.more.append(raw)
            else:
                self._title(line, raw)
        self._note(line, raw)

    def _note(self, line: str, raw: str) -> None:
        """Keep the line for a title that is only known by what follows it."""
        if len(self.paragraph) == 1 and self.paragraph[0][-1:] == ":":
            self.paragraph.clear()
        if len(self.paragraph) < _PARAGRAPH:
            self.paragraph.append(raw.rstrip(BLANK) if self.paragraph else line)

    def _is_mark(self, line: str, raw: str) -> bool:
        """Whether it is a line that one runtime alone writes; it is taken then."""
        if self.now.message == "\n":
            self.now.message = line
            return True
        if len(line) > _HEADING or line not in _HEADINGS:
            return self.now is self.chain[0] and self._is_panic(line, raw)
        if line == "runtime stack:":
            self.is_aside = True
        elif self.paragraph:
            self._headed(line)
            self.paragraph.clear()
        return True

    def _headed(self, heading: str) -> None:
        """Take the paragraph above the heading of a stack for the title."""
        now = self.now
        if heading == "Stack trace:":
            self._php()
        elif heading == "stack traceback:":
            if not now.type:
                self._take(lua_title(self.paragraph))
        elif now.thrown is None:
            text = "\n".join(self.paragraph)
            if title := monolog_title(text[max(0, text.rfind(_OBJECT)) :]):
                self._monolog(title)

    def _is_panic(self, line: str, raw: str) -> bool:
        """Whether it is a line of a panic's text, of Go or of Rust."""
        if line.startswith(PANIC) and (self.is_open or not self.panics):
            self.panics.append(line)
            self.is_open = True
        elif self.panics:
            self.is_open &= not line.startswith(("[signal ", "goroutine "))
            if self.is_open:
                self.panics[-1] += f"\n{raw.removeprefix(_TAB).rstrip(BLANK)}"
        elif _PANICKED in line:
            self._take(rust_title(line))
        else:
            return False
        return True

    def _title(self, line: str, raw: str) -> None:
        if " line " in line and "at " in line and self._perl_title(f" {line}"):
            return
        first, *causes = line.split(" ---> ")[:MAX_BLOCKS]
        title = headline(first)
        if title is not None:
            self.now.type, self.now.message = title
            self.more.clear()
            for part in causes:
                self._open(f"---> {part}")
        elif not self._plain_title(line):
            self.more.append(raw)
        if " in " in line and line.startswith(PHP):
            self._thrown(line)

    def _perl_title(self, line: str) -> bool:
        """``message at x.pl line 9.``, of which the place may stand on a line of its own."""
        found = pattern("perl_at").search(line)
        if found is None:
            return False
        self.now.calls.append((found.group(1), "", found.group(2)[:9], "", ""))
        before = self.paragraph if len(self.paragraph) <= _PERL else []
        message = "\n".join([*before, line[1 : found.start()]]).rstrip("\n")
        self.now.message = self.now.message or message
        return True

    def _plain_title(self, line: str) -> bool:
        """What names an error without a type before a colon; False where the line does not."""
        if title := native_title(line):
            self._take(title)
        elif line.startswith(WHAT):
            self.now.message = line[len(WHAT) :].strip(BLANK)
            self.more.clear()
        elif line[:3] == "lua" and ": " in line and not self.now.message:
            self._take(lua_title([line]))
        elif line.startswith(PHP):
            self._take(Title("", line.partition(": ")[2].strip(BLANK)))
        elif line[-2:] == "):" and (title := rails_title(line)):
            self._take(title)
        else:
            return False
        return True

    def _untold(self) -> None:
        """The paragraph before the first call names the exception, whatever it is called."""
        first, *rest = self.paragraph
        title, *causes = first.split(" ---> ")[:MAX_BLOCKS]
        if found := headline(title, certain=True):
            self._take(Title(*found))
            self.more.extend(rest)
            for part in causes:
                self._open(f"---> {part}")
