"""Stack traces of eight languages with a text where a message stands."""

from __future__ import annotations

import json
import random
from typing import Final

from training.screen.scenery import (
    FUNCTIONS,
    JAVA_ERRORS,
    KEYS,
    MODULES,
    NET_ERRORS,
    NODE_ERRORS,
    PHP_ERRORS,
    PYTHON_ERRORS,
    RUBY_ERRORS,
    chance,
    class_name,
    complaint,
    ident,
    path,
)

PYTHON_HEAD: Final = "Traceback (most recent call last):"


def around(text: str, rng: random.Random) -> str:
    """A message with the text in it: bare, after a complaint, quoted, or before a tail."""
    problem = complaint(rng)
    return rng.choice(
        (
            text,
            f"{problem}: {text}",
            f"{problem} {_quoted(text, rng)}",
            f"{text} (request {ident(rng)})",
            f"{problem}\n{text}",
        )
    )


def _quoted(text: str, rng: random.Random) -> str:
    return repr(text) if chance(rng, 0.5) else json.dumps(text, ensure_ascii=chance(rng, 0.2))


def _several(rng: random.Random, most: int) -> range:
    return range(rng.randrange(1, most))


def python_frames(rng: random.Random) -> str:
    """One to four frames with their lines of code."""
    lines = []
    for _ in _several(rng, 5):
        function = rng.choice(FUNCTIONS)
        lines.append(f'  File "{path(rng, "py")}", line {rng.randrange(3, 900)}, in {function}')
        lines.append(f"    return {rng.choice(FUNCTIONS)}({rng.choice(KEYS)})")
    return "\n".join(lines)


def python(text: str, rng: random.Random) -> str:
    message = f"{rng.choice(PYTHON_ERRORS)}: {around(text, rng)}"
    return f"{PYTHON_HEAD}\n{python_frames(rng)}\n{message}"


def python_chained(text: str, rng: random.Random) -> str:
    between = rng.choice(
        (
            "During handling of the above exception, another exception occurred:",
            "The above exception was the direct cause of the following exception:",
        )
    )
    last = f"{rng.choice(PYTHON_ERRORS)}: {complaint(rng)}"
    second = f"{PYTHON_HEAD}\n{python_frames(rng)}\n{last}"
    return f"{python(text, rng)}\n\n{between}\n\n{second}"


def python_code(text: str, rng: random.Random) -> str:
    """The text as a comment in a frame's line of code."""
    comment = text.replace("\n", "\n    # ")
    function = rng.choice(FUNCTIONS)
    frame = f'  File "{path(rng, "py")}", line {rng.randrange(9, 400)}, in {function}'
    code = f"    value = data[{rng.choice(KEYS)!r}]  # {comment}"
    message = f"{rng.choice(PYTHON_ERRORS)}: {complaint(rng)}"
    return f"{PYTHON_HEAD}\n{frame}\n{code}\n{message}"


def _node_frames(rng: random.Random) -> str:
    lines = []
    for _ in _several(rng, 6):
        name = f"{rng.choice(('async ', '', ''))}{class_name(rng)}.{rng.choice(FUNCTIONS)}"
        place = f"{path(rng, 'js')}:{rng.randrange(1, 500)}:{rng.randrange(1, 80)}"
        lines.append(f"    at {name} ({place})")
    return "\n".join(lines)


def node(text: str, rng: random.Random) -> str:
    return f"{rng.choice(NODE_ERRORS)}: {around(text, rng)}\n{_node_frames(rng)}"


def node_code(text: str, rng: random.Random) -> str:
    """The text as a comment in the line that Node quotes."""
    comment = text.replace("\n", "\n// ")
    where = f"{path(rng, 'ts')}:{rng.randrange(2, 500)}"
    code = f"  const {rng.choice(KEYS)} = {rng.choice(FUNCTIONS)}(req.body); // {comment}"
    message = f"{rng.choice(NODE_ERRORS)}: {complaint(rng)}"
    return f"{where}\n{code}\n        ^\n\n{message}\n{_node_frames(rng)}"


def java(text: str, rng: random.Random) -> str:
    lines = []
    for _ in _several(rng, 6):
        name = class_name(rng)
        method = f"com.example.{rng.choice(MODULES)}.{name}.{rng.choice(FUNCTIONS)}"
        lines.append(f"\tat {method}({name}.java:{rng.randrange(10, 700)})")
    frames, kind = "\n".join(lines), rng.choice(JAVA_ERRORS)
    if chance(rng, 0.3):
        cause = f"Caused by: {rng.choice(JAVA_ERRORS)}: {around(text, rng)}"
        return f"{kind}: {complaint(rng)}\n{frames}\n{cause}\n\t... {rng.randrange(3, 60)} more"
    return f'Exception in thread "main" {kind}: {around(text, rng)}\n{frames}'


def go(text: str, rng: random.Random) -> str:
    function = f"main.(*{class_name(rng)}).{rng.choice(FUNCTIONS)}(0xc{ident(rng, 9)})"
    place = f"\t{path(rng, 'go')}:{rng.randrange(9, 400)} +0x{ident(rng, 3)}"
    routine = f"goroutine {rng.randrange(1, 300)} [running]:"
    return f"panic: {around(text, rng)}\n\n{routine}\n{function}\n{place}\nexit status 2"


def ruby(text: str, rng: random.Random) -> str:
    def place() -> str:
        return f"{path(rng, 'rb')}:{rng.randrange(3, 300)}:in `{rng.choice(FUNCTIONS)}'"

    frames = "\n".join(f"\tfrom {place()}" for _ in _several(rng, 4))
    return f"{place()}: {around(text, rng)} ({rng.choice(RUBY_ERRORS)})\n{frames}"


def php(text: str, rng: random.Random) -> str:
    lines = []
    for at in _several(rng, 4):
        place = f"{path(rng, 'php')}({rng.randrange(3, 300)})"
        lines.append(f"#{at} {place}: App\\{class_name(rng)}->{rng.choice(FUNCTIONS)}()")
    message = f"Uncaught {rng.choice(PHP_ERRORS)}: {around(text, rng)}"
    place = f"{path(rng, 'php')}:{rng.randrange(3, 300)}"
    return "\n".join((f"PHP Fatal error:  {message} in {place}", "Stack trace:", *lines))


def net(text: str, rng: random.Random) -> str:
    lines = []
    for _ in _several(rng, 4):
        method = f"Shop.{class_name(rng)}.{rng.choice(FUNCTIONS).capitalize()}(String value)"
        lines.append(f"   at {method} in {path(rng, 'cs')}:line {rng.randrange(3, 300)}")
    message = f"{rng.choice(NET_ERRORS)}: {around(text, rng)}"
    return "\n".join((f"Unhandled exception. {message}", *lines))


def rust(text: str, rng: random.Random) -> str:
    place = f"{path(rng, 'rs')}:{rng.randrange(3, 300)}:{rng.randrange(3, 60)}"
    note = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
    unwrapped = f"called `Result::unwrap()` on an `Err` value: {json.dumps(text)}"
    message = rng.choice((around(text, rng), unwrapped))
    thread = rng.choice(("main", "tokio-runtime-worker"))
    return f"thread '{thread}' panicked at {place}:\n{message}\n{note}"
