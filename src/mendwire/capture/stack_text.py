"""The text of a stack as Python prints it, from what was taken of an exception.

Made on the sender's thread. The form is that of ``traceback``, with which a test compares it; its
guesses (``Did you mean``) are left out: for them it searches the host's live objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from traceback import FrameSummary, StackSummary, TracebackException
from types import CodeType
from typing import Final

from mendwire.capture.occurrence import Link, Syntax

MAX_MEMBERS: Final = 15
MAX_DEPTH: Final = 10
_REMEMBERED: Final = 512
_CAUSE: Final = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT: Final = "\nDuring handling of the above exception, another exception occurred:\n\n"


def stack_text(link: Link) -> str:
    """The whole text, the first exception of the chain first."""
    return "".join(_Printer().chain(link))


class _Printer:
    """Knows how deep in groups the text is."""

    def __init__(self) -> None:
        self._depth = 0
        self._needs_close = False

    def chain(self, link: Link) -> Iterator[str]:
        if link.before is not None:
            yield from self.chain(link.before)
            yield from self._lines(_CAUSE if link.is_cause else _CONTEXT)
        if not link.members:
            yield from self._lines(_calls(link, "Traceback"))
            yield from self._lines(_headline(link))
        elif self._depth > MAX_DEPTH:
            yield from self._lines(f"... (max_group_depth is {MAX_DEPTH})\n")
        else:
            yield from self._group(link)

    def _group(self, link: Link) -> Iterator[str]:
        is_outermost = self._depth == 0
        self._depth += is_outermost
        yield from self._lines(
            _calls(link, "Exception Group Traceback"), "+" if is_outermost else "|"
        )
        yield from self._lines(_headline(link))
        shown = link.members[:MAX_MEMBERS]
        rest = len(link.members) - len(shown)
        self._needs_close = False
        for number, member in enumerate(shown, start=1):
            yield self._rule(str(number), is_first=number == 1)
            yield from self._member(member, is_last=not rest and number == len(shown))
        if rest:
            yield self._rule("...", is_first=False)
            self._needs_close = True
            self._depth += 1
            yield from self._lines(f"and {rest} more exception{'s' if rest > 1 else ''}\n")
            yield from self._closed()
            self._depth -= 1
        self._depth -= is_outermost

    def _member(self, member: Link, *, is_last: bool) -> Iterator[str]:
        self._needs_close = self._needs_close or is_last
        self._depth += 1
        yield from self.chain(member)
        if is_last:
            yield from self._closed()
        self._depth -= 1

    def _closed(self) -> Iterator[str]:
        if self._needs_close:
            yield f"{self._indent()}+------------------------------------\n"
            self._needs_close = False

    def _rule(self, title: str, *, is_first: bool) -> str:
        lead = "+-" if is_first else "  "
        return f"{self._indent()}{lead}+---------------- {title} ----------------\n"

    def _indent(self) -> str:
        return " " * (2 * self._depth)

    def _lines(self, text: str, first: str = "|") -> Iterator[str]:
        if not self._depth:
            yield text
            return
        margin = first
        for line in text.splitlines(keepends=True):
            yield f"{self._indent()}{margin} {line}"
            margin = "|"


def forget() -> None:
    """Source files have changed: read them again."""
    _shown.cache_clear()


def _calls(link: Link, title: str) -> str:
    if not link.calls:
        return ""
    summary = _Summary([_shown(call.code, call.line, call.instruction) for call in link.calls])
    return f"{title} (most recent call last):\n{''.join(summary.format())}"


class _Shown(FrameSummary):
    """A call with its text, which takes Python longer than everything else of a report."""

    __slots__ = ("text",)
    text: str


class _Summary(StackSummary):
    def format_frame_summary(self, frame_summary: FrameSummary, **how: bool) -> str:
        # From Python 3.13 on it is told whether to colour, which it is not here.
        if not isinstance(frame_summary, _Shown):
            return super().format_frame_summary(frame_summary, **how)
        if not frame_summary.text:
            frame_summary.text = super().format_frame_summary(frame_summary, **how)
        return frame_summary.text


@lru_cache(_REMEMBERED)
def _shown(code: CodeType, line: int, instruction: int) -> _Shown:
    """A server's errors come from the same calls."""
    end_line, column, end_column = _place(code, instruction)
    shown = _Shown(
        code.co_filename,
        line,
        code.co_name,
        lookup_line=False,
        end_lineno=end_line,
        colno=column,
        end_colno=end_column,
    )
    shown.text = ""
    return shown


def _place(code: CodeType, instruction: int) -> tuple[int | None, int | None, int | None]:
    if instruction < 0:
        return None, None, None
    none = (None, None, None, None)
    place = next(islice(code.co_positions(), instruction // 2, None), none)
    _, end_line, column, end_column = place
    return end_line, column, end_column


def _headline(link: Link) -> str:
    lines = [f"{link.kind}: {link.message}\n" if link.message else f"{link.kind}\n"]
    if link.syntax is not None:
        lines = _of_syntax(link.kind, link.syntax)
    return "".join([*lines, *(f"{line}\n" for note in link.notes for line in note.split("\n"))])


def _of_syntax(kind: str, found: Syntax) -> list[str]:
    error = SyntaxError(found.message, found.where)
    lines = list(TracebackException(SyntaxError, error, None).format_exception_only())
    return [*lines[:-1], f"{kind}{lines[-1].removeprefix('SyntaxError')}"]
