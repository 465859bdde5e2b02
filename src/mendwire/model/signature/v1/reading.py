"""A stack that names the innermost call first, read line by line."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.blocks import (
    BLANK,
    NAMED_BEFORE,
    REMEMBERED,
    Block,
    Call,
    place,
)
from mendwire.model.signature.v1.call_lines import call_of, named
from mendwire.model.signature.v1.go_text import PANIC, go_blocks, is_panic
from mendwire.model.signature.v1.headlines import headline
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.places import is_in_app
from mendwire.model.signature.v1.tables import CAPS
from mendwire.model.signature.v1.titles import (
    PHP,
    WHAT,
    Title,
    lua_title,
    monolog_title,
    native_title,
    php_title,
    rails_title,
    rust_title,
    whole_message,
    without_stamp,
)

_MAX_BLOCKS: Final = CAPS["causes"] + 1
_SEARCHED_LINES: Final = 50
_CAUSES: Final = ("Caused by: ", "[cause]: ", "Suppressed: ", "---> ", "Next ")
_OTHERS: Final = ("goroutine ", "previously allocated by", "freed by thread", "allocated by ")
_INNER: Final = "<---"
_TAB: Final = "\t"
_UNTOLD: Final = ("0# ", "#0    ")
"""How the stacks of C++ and Dart begin; what stands above them is the message."""
_HEADINGS: Final = frozenset(("Stack trace:", "stack traceback:", "[stacktrace]", "runtime stack:"))
_OBJECT: Final = "[object] ("
_PANICKED: Final = " panicked at "
_ERRORS: Final = "[errors]: ["
_NODE: Final = ("node:", "internal/")
_GO: Final = (".go", ".s")
_RUST_HERE: Final = "./rustc/"
_PERL: Final = 4
_PARAGRAPH: Final = 20


@lru_cache(REMEMBERED)
def _read(raw: str) -> tuple[str, Call | None, bool, str]:
    """A line, the call that it is, whether that needs no other line, and the line as it stands."""
    raw = without_stamp(raw)
    line = raw.strip(BLANK)
    call = call_of(line) if line else None
    is_plain = call is not None and line[:3] == "at " and call[1] != NAMED_BEFORE
    return line, call, is_plain, raw


class Reading:
    """What was read so far."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.chain = [Block()]
        self.now = self.chain[0]
        self.is_php = False
        """Whether the text names what happened first first."""
        self.is_aside = False
        """Whether these are the calls of Go's runtime and not those of the program."""
        self.is_open = False
        """Whether the next line may still be the message, of Ruby's title or Go's."""
        self.paragraph: list[str] = []
        """The lines since the last blank one, before any call."""
        self.more: list[str] = []
        """What followed the line with the message."""
        self.panics: list[str] = []
        self.is_group = False
        """Whether the members of Node's group of errors follow."""

    def blocks(self) -> list[Block]:
        before = ""
        for line, call, is_plain, raw in map(_read, self.lines):
            if is_plain and call is not None and self.now.calls:
                self.now.calls.append(call)  # the many lines of a deep stack, without more ado
            elif not line:
                self._blank(raw)
                continue
            elif not self._line(line, raw, call, before):
                break
            before = line
        return self._finished()

    def _finished(self) -> list[Block]:
        if not self.now.calls:
            self._end_message(goes_on=self.now.thrown is not None)
        if self.is_php:
            self.chain.reverse()
        for block in self.chain:
            if block.thrown is not None:
                _put_thrown(block, block.thrown)
        self._arrange()
        for block in self.chain:
            if block.message == "\n":
                block.message = ""
            block.calls.reverse()
        if not any(block.calls for block in self.chain):
            self.chain[0].calls = _places(self.lines)
            self.chain[0].is_guessed = True
        return self.chain

    def _arrange(self) -> None:
        """What Node, Rust and Go tell by the innermost call."""
        first = self.chain[0]
        innermost = first.calls[0][0] if first.calls else ""
        if self.lines[0][-1:].isdigit() and innermost.startswith(_NODE):
            self._put_excerpt(first)
        if innermost.startswith(_RUST_HERE):
            for block in self.chain:
                block.calls = [(_absolute(call[0]), *call[1:]) for call in block.calls]
        if self.panics or (innermost.endswith(_GO) and any(map(is_panic, first.calls))):
            self.chain[:1] = go_blocks(first, self.panics)
            del self.chain[_MAX_BLOCKS:]

    def _put_excerpt(self, block: Block) -> None:
        """Node writes the place of a syntax error above its line; the calls are Node's own."""
        file, line, column = place(self.lines[0])
        if line and not any(is_in_app(call[0], call[4]) for call in block.calls):
            block.calls.insert(0, (file, "", line, column, ""))

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
        elif _PANICKED in line and self.now.thrown is not None:
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

    def _end_message(self, *, goes_on: bool) -> None:
        now = self.now
        if self.more and not self.is_php and (now.message.strip("\n") or now.type):
            now.message = whole_message(now.message, self.more, goes_on=goes_on)
        self.more.clear()

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
        if line not in _HEADINGS:
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
        first, *causes = line.split(" ---> ")[:_MAX_BLOCKS]
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

    def _take(self, title: Title) -> None:
        self.now.type, self.now.message, thrown = title
        self.now.thrown = thrown or self.now.thrown
        self.more.clear()

    def _untold(self) -> None:
        """The paragraph before the first call names the exception, whatever it is called."""
        first, *rest = self.paragraph
        title, *causes = first.split(" ---> ")[:_MAX_BLOCKS]
        if found := headline(title, certain=True):
            self._take(Title(*found))
            self.more.extend(rest)
            for part in causes:
                self._open(f"---> {part}")

    def _open(self, line: str) -> None:
        """Begin the block of a cause, or of PHP's next exception."""
        self.more.clear()
        self.paragraph = [line] if line else []
        if len(self.chain) >= _MAX_BLOCKS:
            self.now = Block()
            return
        kind, message = headline(line) or ("", line)
        self.now = Block(kind, message.removesuffix(_INNER))
        self.chain.append(self.now)
        if line.startswith("Next "):
            self._thrown(line)

    def _close(self) -> None:
        """The calls of a cause ended; a block beyond the last one that is kept is in no chain."""
        if not self.now.calls:
            self._end_message(goes_on=True)
        where = self.chain.index(self.now) if self.now in self.chain else 0
        self.now = self.chain[max(0, where - 1)]

    def _thrown(self, line: str) -> None:
        """``... in /app/cart.php:12``, where PHP says that it threw."""
        found = pattern("php_thrown").search(line[-500:])
        if found is not None:
            self.is_php = True
            self.now.thrown = (found.group(1), "", found.group(2)[:9], "", "")
            self.now.message = pattern("php_end").sub("", self.now.message)

    def _php(self) -> None:
        """The lines before PHP's calls are the title, of whatever name."""
        title = php_title(self.paragraph) if self.paragraph else None
        if title is not None:
            self.is_php = True
            self._take(title)

    def _monolog(self, title: Title) -> None:
        """Monolog writes what happened last first."""
        if self.now.type or self.now.calls:
            self._open("")
        self._take(title)

    def _again(self, line: str) -> None:
        """Another panic of Rust's follows, as of the thread that waited for the first."""
        if not self.now.calls:
            self._end_message(goes_on=True)
        self._open("")
        self._take(rust_title(line))

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
        self._take(Title(kind.rstrip(")"), message))
        self.is_open = True


def _absolute(file: str) -> str:
    """Where Rust's own sources, which are below /rustc, are below ./rustc, the program ran in /."""
    return file[1:] if file.startswith("./") else file


def _put_thrown(block: Block, thrown: Call) -> None:
    """Where the text says it was thrown, as the innermost call."""
    calls = block.calls
    if not calls:
        block.calls = [thrown]
    elif thrown[0].endswith(".lua"):  # what handled it may have asked for the calls
        first = next((call for call in calls if call[2]), thrown)
        if (first[0], first[2]) != (thrown[0], thrown[2]):
            calls.insert(0, thrown)
    elif not thrown[0].endswith(".rs"):  # PHP names with each place the function called there
        names = [call[1] for call in calls]
        block.calls = [
            (spot[0], name, spot[2], spot[3], spot[4])
            for spot, name in zip([thrown, *calls], [*names, "{main}"], strict=True)
        ]


def _places(lines: list[str]) -> list[Call]:
    """Places like ``file.ext:12`` where no format of a stack was known."""
    found = [
        (match.group(1), "", match.group(2), "", "")
        for line in lines[:_SEARCHED_LINES]
        if ":" in line and (match := pattern("source").search(line))
    ]
    return found[::-1]
