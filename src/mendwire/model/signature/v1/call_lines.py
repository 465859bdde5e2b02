"""One line of a stack as a call, for the runtimes whose stacks name the innermost call first.

Lines are split by plain string searches first; a pattern runs where a cheap look found its mark.
"""

from __future__ import annotations

from typing import Final

from mendwire.model.signature.v1.blocks import Call, is_number, place
from mendwire.model.signature.v1.patterns import pattern

_JVM_FILES: Final = (".java", ".kt", ".scala", ".groovy", ".clj", ".kts")
_JVM_NOWHERE: Final = frozenset(("Native Method", "Unknown Source"))


def call_of(line: str, before: str, at: int) -> Call | None:
    """The call on one stripped line, if there is one; the line before names Go's and Rust's."""
    if line[:3] == "at ":
        return _at(line[3:], before, at)
    if line[0] == "#":
        return _numbered(line, at)
    if ":in " in line:
        return _ruby(line, at)
    if ".go:" in line or ".s:" in line:
        return _go(line, before, at)
    if "@" in line:
        return _gecko(line, at)
    if ".ex" in line or ".erl:" in line:
        return _searched("elixir", line, at)
    if ": in " in line:
        return _searched("lua", line, at)
    return None


def _at(body: str, before: str, at: int) -> Call | None:
    """``at`` lines: Node, browsers, Java, .NET and Rust."""
    if body[-1:] == "]":
        body = body[: body.rfind(")") + 1]
    if body[-1:] == ")":
        name, _, where = body[:-1].rpartition("(")
        name = name.rstrip(" ")
        file, line, column = place(where)
        if not line:
            return _without_place(name, where, at)
        if name and file.endswith(_JVM_FILES):
            return _jvm(name, file, line, at)
        return file, name, line, column, "", at
    name, _, where = body.rpartition(" in ")
    if name and "(" in name:
        return _dotnet(name, where, at)
    file, line, column = place(body.removeprefix("async "))
    if not line:
        return None
    number, _, name = before.partition(": ")
    if not is_number(number):
        name = ""
    if not name and " " in file:
        return None
    return file, name, line, column, "", at


def _without_place(name: str, where: str, at: int) -> Call | None:
    """Java's native methods and .NET's methods without symbols; ``(<anonymous>)`` is no call."""
    if "." not in name or where[:1] in {"<", "/"} or where in {"native", "index 0"}:
        return None
    if where in _JVM_NOWHERE:
        return _jvm(name, where, "", at)
    return _dotnet(f"{name}(", "", at) if " " not in name and "/" not in where else None


def _jvm(name: str, file: str, line: str, at: int) -> Call:
    qualified = name.rpartition("/")[2]
    return file, qualified, line, "", qualified.rpartition(".")[0], at


def _dotnet(name: str, where: str, at: int) -> Call:
    name = name.partition("(")[0].rstrip(" ")
    file, _, line = where.rpartition(":line ")
    if not file:
        file, line, _ = place(where)
    if file[:1] == "<":
        file, line = "", ""
    return file, name, line if is_number(line) else "", "", name.rpartition(".")[0], at


def _numbered(line: str, at: int) -> Call | None:
    """``#0`` lines: PHP, Dart, gdb and the sanitizers."""
    if "): " in line and (found := pattern("php").match(line)):
        return found.group(1), found.group(3), found.group(2)[:9], "", "", at
    found = pattern("native").match(line)
    if found is None:
        return None
    rest = found.group(1)
    if ": " in rest and rest.startswith("[internal"):
        return "[internal function]", rest.partition(": ")[2].partition("(")[0], "", "", "", at
    name, _, where = rest.rpartition(" at ")
    if name:
        name = name.partition(" (")[0]
    else:
        name, _, where = rest.rpartition(" ")
    file, number, column = place(where.strip("()"))
    if not number:
        file = file.partition("+0x")[0]
    return file, name.partition(" (")[0], number, column, "", at


def _ruby(line: str, at: int) -> Call | None:
    found = pattern("ruby").match(line)
    if found is None:
        return None
    return found.group(1), found.group(3), found.group(2)[:9], "", "", at


def _go(line: str, before: str, at: int) -> Call | None:
    found = pattern("go").match(line)
    if found is None or not before:
        return None
    name = before.removeprefix("created by ").partition(" in goroutine ")[0]
    if name[-1:] == ")":
        name = name.rpartition("(")[0]
    package = name.rpartition("/")[2].partition(".")[0]
    return found.group(1), name, found.group(2)[:9], "", package, at


def _gecko(line: str, at: int) -> Call | None:
    """``f@https://host/x.js:1:2`` of Firefox and Safari."""
    name, _, where = line.partition("@")
    file, number, column = place(where)
    if not number or "/" not in file or " " in file or (" " in name and name[-5:] != " code"):
        return None
    return file, name, number, column, "", at


def _searched(name: str, line: str, at: int) -> Call | None:
    found = pattern(name).match(line)
    if found is None:
        return None
    return found.group(1), found.group(3), found.group(2)[:9], "", "", at
