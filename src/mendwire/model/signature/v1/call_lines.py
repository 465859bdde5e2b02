"""One line of a stack as a call, for the runtimes whose stacks name the innermost call first.

Lines are split by plain string searches first; a pattern runs where a cheap look found its mark.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from mendwire.model.signature.v1.blocks import (
    BLANK,
    NAMED_BEFORE,
    REMEMBERED,
    Call,
    is_number,
    place,
)
from mendwire.model.signature.v1.patterns import pattern

_JVM_FILES: Final = (".java", ".kt", ".scala", ".groovy", ".clj", ".kts")
_JVM_NOWHERE: Final = frozenset(("Native Method", "Unknown Source"))


def call_of(line: str) -> Call | None:  # noqa: PLR0911 - one return for each form
    """The call on one stripped line, if there is one.

    ``NAMED_BEFORE`` stands for the name of one that the line before has; ``named`` puts it in.
    """
    if line[:3] == "at ":
        return _at(line[3:])
    if line[0] == "#":
        return _numbered(line)
    if ":in " in line:
        return _ruby(line)
    if ".go:" in line or ".s:" in line:
        return _go(line)
    if "@" in line:
        return _gecko(line)
    if ".ex" in line or ".erl:" in line:
        return _elixir(line)
    if ": in " in line:
        return _lua(line)
    return _stacktrace(line) if "# " in line else None


def _at(body: str) -> Call | None:
    """``at`` lines: Node, browsers, Java, .NET and Rust."""
    if body[-1:] == "]":
        body = body[: body.rfind(")") + 1]
    if body[-1:] == ")":
        name, _, where = body[:-1].rpartition("(")
        name = name.rstrip(" ")
        file, line, column = place(where)
        if not line:
            return _without_place(name, where)
        if name and file.endswith(_JVM_FILES):
            return _jvm(name, file, line)
        return file, name, line, column, ""
    name, _, where = body.rpartition(" in ")
    if name and "(" in name:
        return _dotnet(name, where)
    file, line, column = place(body.removeprefix("async "))
    if not line:
        return None
    return file, NAMED_BEFORE, line, column, ""


def _without_place(name: str, where: str) -> Call | None:
    """Java's native methods and .NET's methods without symbols; ``(<anonymous>)`` is no call."""
    if "." not in name or where[:1] in {"<", "/"} or where in {"native", "index 0"}:
        return None
    if where in _JVM_NOWHERE:
        return _jvm(name, where, "")
    return _dotnet(f"{name}(", "") if " " not in name and "/" not in where else None


def _jvm(name: str, file: str, line: str) -> Call:
    qualified = name.rpartition("/")[2]
    return file, qualified, line, "", qualified.rpartition(".")[0]


def _dotnet(name: str, where: str) -> Call:
    """Mono without symbols names an offset in place of a line; it stands where a column would."""
    name, _, rest = name.partition("(")
    name = name.rstrip(" ")
    file, _, line = where.rpartition(":line ")
    if not file:
        file, line, _ = place(where)
    offset = ""
    if file[:1] == "<":
        file, line = "", ""
        offset = _offset(rest.rpartition(" [0x")[2])
    return file, name, line if is_number(line) else "", offset, name.rpartition(".")[0]


def _offset(text: str) -> str:
    found = pattern("offset_digits").match(text)
    return str(int(found.group(1), 16)) if found else ""


def _numbered(line: str) -> Call | None:
    """``#0`` lines: PHP, Dart, gdb and the sanitizers."""
    if "): " in line and (found := pattern("php").match(line)):
        return found.group(1), found.group(3), found.group(2)[:9], "", ""
    found = pattern("native").match(line)
    if found is None:
        return None
    rest = found.group(1)
    if rest == "{main}":
        return None
    if ": " in rest and rest.startswith("[internal"):
        return "[internal function]", rest.partition(": ")[2].partition("(")[0], "", "", ""
    name, _, where = rest.rpartition(" at ")
    if name:
        name = name.partition(" (")[0]
    else:
        name, _, where = rest.rpartition(" ")
    file, number, column = place(where.strip("()"))
    if not number:
        file = file.partition("+0x")[0]
    return file, name.partition(" (")[0], number, column, ""


def _ruby(line: str) -> Call | None:
    found = pattern("ruby").match(line)
    if found is None:
        return None
    return found.group(1), found.group(3), found.group(2)[:9], "", ""


def _go(line: str) -> Call | None:
    found = pattern("go").match(line)
    if found is None:
        return None
    return found.group(1), NAMED_BEFORE, found.group(2)[:9], "", ""


@lru_cache(REMEMBERED)
def named(call: Call, before: str) -> Call | None:
    """The call with the name that the line before gives it; None where it needs one and has none.

    Go writes ``main.(*Cart).total(0xc000)``, Rust ``3: shop::total``; in Node and browsers a call
    without a name is one.
    """
    file, _, line, column, module = call
    if file.endswith((".go", ".s")):
        name = before.removeprefix("created by ").partition(" in goroutine ")[0]
        if name[-1:] == ")":
            name = name.rpartition("(")[0]
        return (file, name, line, column, _go_package(name)) if before else None
    number, _, name = before.partition(": ")
    if not is_number(number):
        name = ""
    elif name.lstrip(" ")[:2] == "0x":  # a full backtrace has the address before the name
        name = name.partition(" - ")[2]
    return (file, name, line, column, module) if name or " " not in file else None


def _go_package(name: str) -> str:
    return name.rpartition("/")[2].partition(".")[0]


def _gecko(line: str) -> Call | None:
    """``f@https://host/x.js:1:2`` of Firefox and Safari."""
    name, _, where = line.partition("@")
    file, number, column = place(where)
    if not number or "/" not in file or " " in file or (" " in name and name[-5:] != " code"):
        return None
    return file, name, number, column, ""


def _elixir(line: str) -> Call | None:
    """``(shop 1.2.0) lib/cart.ex:3: Cart.total/1``, with the arguments where no clause fits."""
    found = pattern("elixir").match(line)
    if found is None:
        return None
    app, file, number, name = found.groups("")
    is_function = name[:1].isupper() or name[:1] == ":"
    return file, name.partition("(")[0] if is_function else name, number[:9], "", app


def _lua(line: str) -> Call | None:
    """``x.lua:3: in upvalue 'total'``; a function without a name is named by its place."""
    found = pattern("lua").match(line)
    if found is None:
        return None
    file, number, name = found.groups()
    if name[:10] == "function <":
        name = f"function <{name.rpartition(':')[2]}"
    return file, name, number[:9], "", ""


def _stacktrace(line: str) -> Call | None:
    """``0# total(Cart&) at cart.cpp:3`` of C++23 and Boost."""
    number, _, rest = line.partition("# ")
    if not is_number(number):
        return None
    name, _, where = rest.rpartition(" at ")
    if not name:
        name, _, where = rest.rpartition(" in ")
    file, found, column = place(where.partition(" (discriminator ")[0])
    return (file, name.strip(BLANK), found, column, "") if name else None
