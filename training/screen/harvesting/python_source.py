"""What a Python file says: raised, logged, warned, offered as help, advised in its comments."""

from __future__ import annotations

import ast
import re
import warnings
import zlib
from collections.abc import Iterator
from typing import Final

from training.screen.harvesting.fill import filled, named

Saying = tuple[str, str]
"""Kind and text."""

_LOG: Final = frozenset({"debug", "info", "warning", "warn", "error", "critical", "exception"})
_HELP: Final = frozenset({"add_argument", "option", "argument", "add_parser", "ArgumentParser"})
_ADVICE: Final = re.compile(
    r"(?i)^(?:note|warning|important|caution|attention|tip|hint|use|do not|don't|never|always|"
    r"make sure|ensure|be careful|please|run|call|set|you must|you should|you can|avoid|remember|"
    r"ignore|skip|override|install|only|must|should|see|return|raise|if you|to )\b"
)
_COMMENT: Final = re.compile(r"[A-Za-z][^=(){}\[\]]*\s[^=]*")
_MIN_COMMENT: Final = 28


def sayings(source: str) -> Iterator[Saying]:
    """Every text of the file that a person might meet in an error report."""
    tree = parsed(source)
    if tree is None:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield from (("message", text) for text in _first_texts(node.exc))
        elif isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            yield from (("doc", text) for text in _advice(ast.get_docstring(node) or ""))
    yield from (("comment", text) for text in _comments(source))


def parsed(source: str) -> ast.Module | None:
    """The file's grammar; None where it has none that this Python reads."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _of_call(node: ast.Call) -> Iterator[Saying]:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    name = node.func.id if isinstance(node.func, ast.Name) else name
    if name in {"warn", "warn_deprecated", "deprecate_call"} and node.args:
        yield from (("warning", text) for text in _first_texts(node))
    elif name in _LOG and isinstance(node.func, ast.Attribute):
        yield from (("log", text) for text in _first_texts(node))
    elif name in {"_", "gettext", "gettext_lazy", "ValidationError", "ParserError"}:
        yield from (("message", text) for text in _first_texts(node))
    elif name in _HELP:
        for keyword in node.keywords:
            if keyword.arg in {"help", "description", "epilog", "short_help"}:
                text = _text(keyword.value)
                if text:
                    yield "help", text


def _first_texts(node: ast.Call) -> Iterator[str]:
    for argument in node.args[:2]:
        text = _text(argument)
        if text:
            yield text
            return


def _text(node: ast.expr) -> str:
    """The message that an expression makes, its unknown parts filled; empty if it makes none."""
    if isinstance(node, ast.Constant):
        return filled(node.value) if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return _of_fstring(node)
    if isinstance(node, ast.BinOp):
        return _of_operator(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"format", "strip", "join"}:
            return _text(node.func.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
        return _text(node.args[0]) if node.func.id in {"_", "dedent", "gettext"} else ""
    return ""


def _of_fstring(node: ast.JoinedStr) -> str:
    seed = zlib.crc32(ast.dump(node).encode())
    return "".join(
        part.value
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
        else named(ast.unparse(getattr(part, "value", part)), seed + place)
        for place, part in enumerate(node.values)
    )


def _of_operator(node: ast.BinOp) -> str:
    if isinstance(node.op, ast.Mod):
        return _text(node.left)
    left, right = _text(node.left), _text(node.right)
    if not isinstance(node.op, ast.Add) or not (left or right):
        return ""
    return (left or named(ast.unparse(node.left), 3)) + (right or named(ast.unparse(node.right), 5))


def _advice(docstring: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", docstring)[:12]:
        text = " ".join(paragraph.split())
        for sentence in re.split(r"(?<=[.!?]) (?=[A-Z`])", text):
            if _ADVICE.match(sentence) and ">>>" not in sentence and ":param" not in sentence:
                yield sentence


def _comments(source: str) -> Iterator[str]:
    """Blocks of whole-line comments; the tokenizer would cost more than all the rest."""
    block: list[str] = []
    for line in source.splitlines():
        stripped = line.strip()
        if stripped.startswith("#"):
            block.append(stripped.lstrip("#!: "))
        elif block:
            yield from _prose(block)
            block = []


def _prose(block: list[str]) -> Iterator[str]:
    text = " ".join(block)
    if len(text) >= _MIN_COMMENT and _COMMENT.fullmatch(text) and "coding:" not in text:
        yield text
