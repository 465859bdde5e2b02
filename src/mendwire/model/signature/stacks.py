"""Frames and exceptions out of a stack as text, for the runtimes that people run.

Every line is cut before it is looked at and split by plain string searches or by patterns without
ambiguity, so that a hostile stack costs time in proportion to its size.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.model.report import Frame
from mendwire.model.signature.origin import is_in_app

MAX_STACK: Final = 256 * 1024
MAX_LINE: Final = 1024

_PYTHON: Final = re.compile(r'File "([^"]*)", line ([0-9]+)(?:, in (.*))?')
_RUBY: Final = re.compile(r"(?:from )?([^\s:][^:]*):([0-9]+):in [`']([^']*)'(?:: (.*))?")
_PHP: Final = re.compile(r"#[0-9]+ ([^(]*)\(([0-9]+)\): ([^(]*)")
_FIREFOX: Final = re.compile(r"([^@\s]*)@(\S+)")
_GO_PLACE: Final = re.compile(r"(\S+\.(?:go|s)):([0-9]+)(?: \+0x[0-9a-f]+)?")
_ELIXIR: Final = re.compile(r"(?:\([^)]*\) )?([^\s:]+\.exs?):([0-9]+): (.*)")
_LUA: Final = re.compile(r"([^\s:]+\.lua):([0-9]+): in (.*)")
_DOTNET: Final = re.compile(r" in ([^()]+):line ([0-9]+)$")
_PERL: Final = re.compile(r"\bat (\S+) line ([0-9]+)\.?$")
_NATIVE: Final = re.compile(r"#[0-9]+ 0x[0-9a-f]+ in (\S+)(?: .*)? (\S+):([0-9]+)$")
_PLAIN: Final = re.compile(
    r"""(?:^|[\s('"\[])((?:[A-Za-z]:)?[^\s:'"(\[]+\.[A-Za-z]{1,5}):([0-9]{1,7})(?::[0-9]+)?"""
)
_TYPE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:(?:\.|::|\$|\\|/)[A-Za-z_][A-Za-z0-9_]*)*")
_TELLING: Final = re.compile(r"(?:Error|Exception|Fault|Failure|Warning|Interrupt|Exit|Errno.*)$")
_LEAD: Final = re.compile(
    r"^(?:Exception in thread \"[^\"]*\" |(?:PHP )?Fatal error: +|Uncaught (?:\(in promise\) )?"
    r"|Unhandled exception\. |\[cause\]: |\*\* \()"
)
_CAUSES: Final = ("Caused by: ", "[cause]: ", "Suppressed: ", " ---> ")


@dataclass(slots=True)
class Raised:
    """One exception of a chain, as its block of the text shows it."""

    type: str = ""
    message: str = ""
    frames: list[Frame] = field(default_factory=list)
    """Outermost first."""
    depth: int = 0
    """How far an exception group indents it; 0 is outside."""


def raised_in(text: str) -> list[Raised]:
    """The exceptions of a chain, the one that ended the program first, its causes after it."""
    lines = [line[:MAX_LINE] for line in capped(text, MAX_STACK).splitlines()]
    if any("Traceback (most recent call last)" in line for line in lines):
        return _python(lines)
    return _crash_first(lines)


def capped(text: str, limit: int) -> str:
    """At most ``limit`` characters: two thirds from the head, the rest from the tail."""
    if len(text) <= limit:
        return text
    head = limit * 2 // 3
    return f"{text[:head]}\n{text[len(text) - (limit - head - 1) :]}"


def headline(line: str, *, certain: bool = False) -> tuple[str, str] | None:
    """Split ``Type: message``; None without a type. ``certain`` trusts any identifier."""
    text = line.strip()
    for cause in _CAUSES:
        text = text.removeprefix(cause.strip()).strip()
    text = _LEAD.sub("", _LEAD.sub("", text, count=1), count=1)
    match = _TYPE.match(text)
    if match is None:
        return None
    name, rest = match.group(), text[match.end() :]
    if rest and not rest.startswith((":", ") ", " [")):
        return None
    last = re.split(r"[.:$\\/]", name)[-1]
    if not certain and not _TELLING.search(last) and not ("." in name and last[:1].isupper()):
        return None
    return name, rest.lstrip(":) ").strip()


def _python(lines: list[str]) -> list[Raised]:
    blocks: list[Raised] = []
    current: Raised | None = None
    for line in lines:
        if "Traceback (most recent call last)" in line:
            current = Raised(depth=len(line) - len(line.lstrip(" |+-")))
            blocks.append(current)
        elif current is not None:
            current = _python_line(current, line)
    outer = min((block.depth for block in blocks), default=0)
    main = [block for block in blocks if block.depth == outer]
    return [*reversed(main), *(block for block in blocks if block.depth != outer)]


def _margin(line: str) -> str:
    """The lines that an exception group draws to the left of its members' tracebacks."""
    blank = len(line) - len(line.lstrip(" |+-"))
    return line[: line.rfind("|", 0, blank) + 1]


def _python_line(block: Raised, line: str) -> Raised | None:
    """Take one line of a traceback; None when it ended the block."""
    text = line[len(_margin(line)) :].removeprefix(" ") if block.depth else line
    bare = text.strip()
    if bare.startswith('File "') and (match := _PYTHON.match(bare)):
        file, number, function = match.groups()
        block.frames.append(_frame(file, int(number[:9]), function or ""))
    elif not bare or text.startswith((" ", "\t")):
        if bare.strip("~^ ") and block.frames and not block.frames[-1].code:
            block.frames[-1] = replace(block.frames[-1], code=bare)
    else:
        block.type, block.message = headline(bare, certain=True) or ("", bare)
        return None
    return block


def _crash_first(lines: list[str]) -> list[Raised]:
    blocks = [Raised()]
    before = ""
    for line in lines:
        text = line.strip()
        if text.startswith(_CAUSES) or line.startswith(" ---> "):
            blocks.append(_opened(text))
        elif frame := _one(text, before):
            if not blocks[-1].type and not blocks[-1].frames and before:
                blocks[-1].type, blocks[-1].message = headline(before) or ("", "")
            blocks[-1].frames.append(frame)
            _ruby_headline(blocks[-1], text)
        if text:
            before = text
    for block in blocks:
        block.frames.reverse()
    if not any(block.frames for block in blocks):
        blocks[0].frames = _anywhere(lines)
    if not blocks[0].type:
        blocks[0].type, blocks[0].message = _first_headline(lines)
    return blocks


def _opened(text: str) -> Raised:
    kind, message = headline(text) or ("", text)
    return Raised(type=kind, message=message)


def _first_headline(lines: list[str]) -> tuple[str, str]:
    for line in lines:
        if not line.startswith((" ", "\t")) and (found := headline(line)):
            return found
    return "", ""


def _ruby_headline(block: Raised, text: str) -> None:
    match = _RUBY.match(text)
    if match and match.group(4) and len(block.frames) == 1:
        message, _, kind = match.group(4).rpartition(" (")
        block.type, block.message = kind.rstrip(")"), message


def _one(text: str, before: str) -> Frame | None:
    """The frame on one line, if there is one; the one before names Go's and Rust's function."""
    if text.startswith("at "):
        return _at(text[3:], before)
    if text.startswith("#"):
        return _numbered(text)
    if (match := _GO_PLACE.fullmatch(text)) and before:
        return _frame(match.group(1), int(match.group(2)[:9]), *_go_function(before))
    for pattern in (_RUBY, _ELIXIR, _LUA):
        if match := pattern.match(text):
            return _frame(match.group(1), int(match.group(2)[:9]), match.group(3))
    return _firefox(text)


def _firefox(text: str) -> Frame | None:
    match = _FIREFOX.fullmatch(text) if "@" in text else None
    if match is None:
        return None
    file, line, column = place(match.group(2))
    return _frame(file, line, match.group(1), column=column) if line else None


def _at(body: str, before: str) -> Frame | None:
    """``at`` lines: Node, browsers, Java, .NET and Rust."""
    if match := _DOTNET.search(body):
        return _frame(
            match.group(1), int(match.group(2)[:9]), body[: match.start()].partition("(")[0]
        )
    function, where = "", body
    if body.endswith(")"):
        function, _, where = body[:-1].rpartition("(")
        function = function.strip()
    file, line, column = place(where)
    if not line:
        return _java(function, where, 0) if "." in function and _is_java(where) else None
    if file.endswith((".java", ".kt", ".scala", ".groovy", ".clj")) and function:
        return _java(function, file, line)
    if not function:
        number, _, name = before.partition(": ")
        function = name if number.isdigit() else ""
    if not function and " " in file:
        return None
    return _frame(file, line, function, column=column)


def _is_java(where: str) -> bool:
    return where in {"Native Method", "Unknown Source"}


def _java(function: str, file: str, line: int) -> Frame:
    qualified = function.rpartition("/")[2]
    return _frame(file, line, qualified, module=qualified.rpartition(".")[0])


def _numbered(text: str) -> Frame | None:
    if match := _PHP.match(text):
        return _frame(match.group(1), int(match.group(2)[:9]), match.group(3))
    if match := _NATIVE.match(text):
        return _frame(match.group(2).split(":")[0], int(match.group(3)[:9]), match.group(1))
    return None


def _go_function(before: str) -> tuple[str, str]:
    """Function and package of ``main.(*Server).serve(0xc000, 0x1)``."""
    name = before.removeprefix("created by ").partition(" in goroutine ")[0]
    if name.endswith(")"):
        name = name.rpartition("(")[0]
    return name, name.rpartition("/")[2].partition(".")[0]


def _anywhere(lines: list[str]) -> list[Frame]:
    """Places like ``file.ext:12`` or ``at x.pl line 3`` where no stack format was known."""
    found = []
    for line in lines[:50]:
        match = _PERL.search(line) or (_PLAIN.search(line) if ":" in line else None)
        if match:
            found.append(_frame(match.group(1), int(match.group(2)[:9]), ""))
    return found[::-1]


def place(text: str) -> tuple[str, int, int]:
    """Split ``file:line`` or ``file:line:column``; line 0 when there is none."""
    head, _, last = text.rpartition(":")
    if not head or not (last.isascii() and last.isdigit()):
        return text, 0, 0
    file, _, middle = head.rpartition(":")
    if file and middle.isascii() and middle.isdigit():
        return file, int(middle[:9]), int(last[:9])
    return head, int(last[:9]), 0


def _frame(file: str, line: int, function: str, module: str = "", *, column: int = 0) -> Frame:
    known = is_in_app(file, module)
    return Frame(
        file=file, line=line, column=column, function=function, module=module, in_app=known
    )
