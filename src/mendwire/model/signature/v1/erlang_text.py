"""Erlang's crashes: the term that a process ended with, and what the shell prints."""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.blocks import BLANK, Block, Call
from mendwire.model.signature.v1.patterns import pattern

_STARTS: Final = ("with exit value:", "** Reason for termination ==", "exception ")
_OTHERS: Final = "** Client "
_LONGEST: Final = 16 * 1024
_CALLED: Final = "in function "


def is_erlang(text: str) -> bool:
    return ('[{file,"' in text or ", line " in text) and ".erl" in text


def erlang_blocks(lines: list[str]) -> list[Block] | None:
    """The one exception; None where there is no call of Erlang's."""
    text = _told(lines)
    found = list(pattern("erlang_term").finditer(text))
    calls = [_of_term(*match.groups("")) for match in found]
    if not found:
        found = list(pattern("erlang_place").finditer(text))
        calls = [_of_place(*match.groups("")) for match in found]
    if not found:
        return None
    block = Block("", _message(text[: found[0].start()]))
    block.calls = calls[::-1]
    return [block]


def _told(lines: list[str]) -> str:
    """The reason of the process itself as one line."""
    kept: list[str] = []
    start = size = 0
    for line in lines:
        bare = line.strip(BLANK)
        if start and (not bare or bare.startswith(_OTHERS)):
            break
        mark = next((mark for mark in _STARTS if mark in bare), "")
        if mark and not start:
            start = size + bare.index(mark) + len(mark)
        kept.append(bare)
        size += len(bare) + 1
    return " ".join(kept)[start:][:_LONGEST]


def _message(text: str) -> str:
    text = text.partition(_CALLED)[0]
    return text.strip(" ,[{*")


def _of_term(module: str, function: str, arity: str, file: str, line: str) -> Call:
    count = "" if arity[:1] == "[" else f"/{arity}"
    return file, f"{module}:{function}{count}", line[:9], "", module


def _of_place(name: str, file: str, line: str) -> Call:
    return file, name.partition("(")[0], line[:9], "", name.partition(":")[0]
