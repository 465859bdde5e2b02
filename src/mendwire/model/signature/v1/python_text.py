"""Python's tracebacks: outermost first, causes before what they caused, groups indented."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.blocks import BLANK, REMEMBERED, Block, Call, is_number
from mendwire.model.signature.v1.headlines import headline
from mendwire.model.signature.v1.patterns import pattern

TITLE: Final = "Traceback (most recent call last)"
_MOST_LINES: Final = 20
_RULE: Final = "+----"
"""Between the members of a group."""
_MARGIN: Final = " |+-"
_CODE: Final[Call] = ("", "", "", "", "")
_MEMBER: Final = "+---------------- "
"""Before each member of an exception group; one that was never raised has no traceback."""


def python_blocks(lines: list[str]) -> list[Block]:
    """The exceptions, the one that ended the program first."""
    blocks: list[Block] = []
    current: Block | None = None
    ended: Block | None = None
    for at, line in enumerate(lines):
        if current is not None:
            call = _grouped(line) if current.depth else _read(line)
            if call is not None:
                if call is not _CODE:
                    current.calls.append(call)
                    current.rows.append(at)
                continue
        if TITLE in line or (current is None and at and _MEMBER in lines[at - 1]):
            current, ended = Block(depth=len(line) - len(line.lstrip(_MARGIN))), None
            blocks.append(current)
            if TITLE not in line and _ends(current, line):
                current = None
        elif current is not None and _ends(current, line):
            ended, current = current, None
        elif ended is not None and not _goes_on(ended, line):
            ended = None
    return _ordered(blocks)


def _ordered(blocks: list[Block]) -> list[Block]:
    """The last one outside a group first, the members of groups at the end."""
    outer = min([block.depth for block in blocks], default=0)
    main = [block for block in blocks if block.depth == outer]
    return [*main[::-1], *(block for block in blocks if block.depth != outer)]


@lru_cache(REMEMBERED)
def _read(line: str) -> Call | None:
    """The call on a line, ``_CODE`` for what stands under a call, None for any other line."""
    bare = line.lstrip(BLANK)
    if bare[:6] == 'File "' and (call := _call(bare)) is not None:
        return call
    is_code = (not bare or line[0] in BLANK) and TITLE not in line
    return _CODE if is_code else None


def _grouped(line: str) -> Call | None:
    """The call on a line of an exception group, which has a margin."""
    bare = line.lstrip(_MARGIN) if '"' in line else ""
    return _call(bare) if bare[:6] == 'File "' else None


def _call(bare: str) -> Call | None:
    """The call of ``File "x.py", line 3, in f``."""
    file, _, rest = bare[6:].partition('"')
    number, _, function = rest.removeprefix(", line ").partition(", in ")
    number = number.rstrip(BLANK)
    if not rest.startswith(", line ") or not is_number(number):
        return None
    return file, function.rstrip(BLANK), number[:9], "", ""


def _ends(block: Block, line: str) -> bool:
    """Whether this line names the exception, which ends its traceback."""
    text = _inside(line) if block.depth else line
    bare = text.strip(BLANK)
    if not bare or text[0] in BLANK:
        return False
    block.type, block.message = headline(bare, certain=True) or ("", bare)
    return True


def _inside(line: str) -> str:
    """A line of an exception group without its margin."""
    blank = len(line) - len(line.lstrip(_MARGIN))
    return line[line.rfind("|", 0, blank) + 1 :].removeprefix(" ")


def _goes_on(block: Block, line: str) -> bool:
    """Take one more line of the message; False where it ended, as at a line of a log."""
    bare = (_inside(line) if block.depth else line).rstrip(BLANK)
    if not bare or _RULE in line or pattern("log_line").match(bare):
        return False
    if block.message.count("\n") < _MOST_LINES:
        block.message += f"\n{bare}"
    return True


def code_of(lines: list[str], at: int, following: int) -> str:
    """The source line under a frame, which stands before line ``following``."""
    if at + 1 >= len(lines) or at + 1 == following:
        return ""
    bare = lines[at + 1].lstrip(_MARGIN).rstrip(BLANK)
    is_code = lines[at + 1].lstrip("|+-")[:1] in {" ", "\t"} and bare.strip("~^ ")
    return bare if is_code and bare[:6] != 'File "' else ""
