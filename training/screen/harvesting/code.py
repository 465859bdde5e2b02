"""What a file's lines look like where an error shows them: in the frames of its stack."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from training.screen.harvesting.python_source import parsed

Line = tuple[str, tuple[str, ...]]
"""A function's name, and five lines: the one that is called in the middle, without their margin."""

_AROUND: Final = 2
_LONGEST: Final = 160
_SHORTEST: Final = 8
_JAVASCRIPT: Final = (
    r"(?:function\*?\s+(?P<a>[\w$]+)|^\s+(?:async |static |\*)*(?P<b>[\w$]+)\([^()]*\) \{)"
)
_HEADS: Final = {
    **dict.fromkeys((".js", ".mjs", ".cjs", ".ts"), _JAVASCRIPT),
    ".go": r"^func (?:\([^)]*\) )?(?P<a>\w+)",
    ".rs": r"^\s*(?:pub(?:\([^)]*\))? )?(?:async |const |unsafe )*fn (?P<a>\w+)",
    ".rb": r"^\s*def (?P<a>[\w.?!]+)",
    ".php": r"^\s*(?:(?:public|private|protected|static|final|abstract) )*function (?P<a>\w+)",
}
SUFFIXES: Final = frozenset({".py", *_HEADS})
"""The files that are read."""
_NO_NAMES: Final = frozenset({"if", "for", "while", "switch", "catch", "function", "return"})
_CALL: Final = re.compile(r"[\w\]\)>]\(|\w!\(|\w\[")
_COMMENT: Final = re.compile(r"\s*(?://|#|/?\*|--)")


def lines_of(source: str, suffix: str) -> Iterator[Line]:
    """The lines in functions that could raise, each with two on either side."""
    lines = source.expandtabs(4).splitlines()
    found = _of_python(source) if suffix == ".py" else _of_others(lines, suffix)
    for name, number in found:
        line = lines[number] if number < len(lines) else ""
        if len(line.strip()) >= _SHORTEST and len(line) <= _LONGEST:
            yield name, _around(lines, number)


def _around(lines: Sequence[str], number: int) -> tuple[str, ...]:
    near = [
        lines[at][:_LONGEST].rstrip() if 0 <= at < len(lines) else ""
        for at in range(number - _AROUND, number + _AROUND + 1)
    ]
    margin = min((len(line) - len(line.lstrip()) for line in near if line), default=0)
    return tuple(line[margin:] for line in near)


def _of_python(source: str) -> Iterator[tuple[str, int]]:
    tree = parsed(source)
    if tree is not None:
        yield from _inside(tree, "")


def _inside(node: ast.AST, name: str) -> Iterator[tuple[str, int]]:
    seen: set[int] = set()
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _inside(child, f"{name}.{child.name}".strip("."))
            continue
        for part in ast.walk(child):
            if isinstance(part, ast.Call | ast.Subscript | ast.Raise | ast.Assert | ast.BinOp):
                line = part.lineno - 1
                if line not in seen:
                    seen.add(line)
                    yield name or "<module>", line


def _of_others(lines: Sequence[str], suffix: str) -> Iterator[tuple[str, int]]:
    head = re.compile(_HEADS[suffix])
    name = ""
    for number, line in enumerate(lines):
        if len(line) > _LONGEST:
            continue
        if opened := head.search(line):
            told = next(filter(None, opened.groups()), "")
            name = name if told in _NO_NAMES else told
        elif name and _CALL.search(line) and not _COMMENT.match(line):
            yield name, number
