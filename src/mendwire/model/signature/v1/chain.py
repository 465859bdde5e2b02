"""The exceptions of a stack as they are read: how each begins, and where its message ends."""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.blocks import Block
from mendwire.model.signature.v1.headlines import headline
from mendwire.model.signature.v1.patterns import pattern
from mendwire.model.signature.v1.tables import CAPS
from mendwire.model.signature.v1.titles import (
    Title,
    php_title,
    rust_title,
    whole_message,
)

MAX_BLOCKS: Final = CAPS["causes"] + 1
_INNER: Final = "<---"


class Chain:
    """What was read so far."""

    __slots__ = (
        "chain",
        "is_aside",
        "is_group",
        "is_open",
        "is_php",
        "lines",
        "more",
        "now",
        "panics",
        "paragraph",
    )

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

    def _take(self, title: Title) -> None:
        self.now.type, self.now.message, thrown = title
        self.now.thrown = thrown or self.now.thrown
        self.more.clear()

    def _end_message(self, *, goes_on: bool) -> None:
        now = self.now
        if self.more and not self.is_php and (now.message.strip("\n") or now.type):
            now.message = whole_message(now.message, self.more, goes_on=goes_on)
        self.more.clear()

    def _open(self, line: str) -> None:
        """Begin the block of a cause, or of PHP's next exception."""
        self.more.clear()
        self.paragraph = [line] if line else []
        if len(self.chain) >= MAX_BLOCKS:
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
