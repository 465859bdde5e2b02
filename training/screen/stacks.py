"""Stack traces of eight languages with a text where a message stands."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Final

from training.screen.frames import SourceFrame, some_frames
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
_ROOTS: Final = (
    "/app",
    "/srv/app",
    "/usr/src/app",
    "/opt/venv/lib/python3.12/site-packages",
    "src",
)
_ROOTS_OF_NODE: Final = (
    *("/app", "/srv/app/node_modules", "webpack-internal:///.", "file:///app/dist", "src"),
)
_INVENTED: Final = 0.25
"""Share of frames whose names are those of a shop."""


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


def place(frame: SourceFrame, rng: random.Random) -> str:
    """Where a frame's file lies on a server."""
    roots = _ROOTS_OF_NODE if frame.language == "javascript" else _ROOTS
    if chance(rng, _INVENTED):
        return path(rng, frame.file.rpartition(".")[2])
    return f"{rng.choice(roots)}/{frame.file}"


def called(frame: SourceFrame, rng: random.Random) -> str:
    """A frame's function, without its classes."""
    if chance(rng, _INVENTED):
        return rng.choice(FUNCTIONS)
    return frame.function.rpartition(".")[2]


def python_frames(rng: random.Random) -> str:
    """One to six frames with their lines of code."""
    return python_lines(some_frames("python", rng, 6), rng)


def python_lines(frames: Sequence[SourceFrame], rng: random.Random) -> str:
    """Frames as Python prints them."""
    lines = []
    carets = chance(rng, 0.3)
    for frame in frames:
        at = f'File "{place(frame, rng)}", line {rng.randrange(3, 900)}, in {called(frame, rng)}'
        lines += [f"  {at}", f"    {frame.code}"]
        if carets:
            lines.append(f"    {'^' * min(len(frame.code), 40)}")
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
    (frame,) = some_frames("python", rng, 1)
    head = f'  File "{place(frame, rng)}", line {rng.randrange(9, 400)}, in {called(frame, rng)}'
    own = f"value = data[{rng.choice(KEYS)!r}]" if chance(rng, _INVENTED) else frame.code
    message = f"{rng.choice(PYTHON_ERRORS)}: {complaint(rng)}"
    others = f"{python_frames(rng)}\n" if chance(rng, 0.5) else ""
    return f"{PYTHON_HEAD}\n{others}{head}\n    {own}  # {comment}\n{message}"


def _node_frames(rng: random.Random) -> str:
    lines = []
    for frame in some_frames("javascript", rng, 6):
        owner = rng.choice((f"{class_name(rng)}.", "Object.", ""))
        name = f"{rng.choice(('async ', '', ''))}{owner}{called(frame, rng)}"
        spot = f"{place(frame, rng)}:{rng.randrange(1, 500)}:{rng.randrange(1, 80)}"
        lines.append(f"    at {name} ({spot})")
    return "\n".join(lines)


def node(text: str, rng: random.Random) -> str:
    return f"{rng.choice(NODE_ERRORS)}: {around(text, rng)}\n{_node_frames(rng)}"


def node_code(text: str, rng: random.Random) -> str:
    """The text as a comment in the line that Node quotes."""
    comment = text.replace("\n", "\n// ")
    (frame,) = some_frames("javascript", rng, 1)
    where = f"{place(frame, rng)}:{rng.randrange(2, 500)}"
    message = f"{rng.choice(NODE_ERRORS)}: {complaint(rng)}"
    return f"{where}\n{frame.code} // {comment}\n        ^\n\n{message}\n{_node_frames(rng)}"


def node_quoted(text: str, rng: random.Random) -> str:
    """The line that Node quotes, and the text as the message."""
    (frame,) = some_frames("javascript", rng, 1)
    where = f"{place(frame, rng)}:{rng.randrange(2, 500)}"
    return f"{where}\n{frame.code}\n        ^\n\n{node(text, rng)}"


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
    lines = []
    for frame in some_frames("go", rng, 4):
        owner = rng.choice((f"main.(*{class_name(rng)})", "main", f"example/{rng.choice(MODULES)}"))
        lines.append(f"{owner}.{called(frame, rng)}(0xc{ident(rng, 9)})")
        lines.append(f"\t{place(frame, rng)}:{rng.randrange(9, 400)} +0x{ident(rng, 3)}")
    routine = f"goroutine {rng.randrange(1, 300)} [running]:"
    return "\n".join((f"panic: {around(text, rng)}", "", routine, *lines, "exit status 2"))


def ruby(text: str, rng: random.Random) -> str:
    first, *others = [
        f"{place(frame, rng)}:{rng.randrange(3, 300)}:in `{called(frame, rng)}'"
        for frame in some_frames("ruby", rng, 5)
    ]
    frames = "\n".join(f"\tfrom {other}" for other in others)
    return f"{first}: {around(text, rng)} ({rng.choice(RUBY_ERRORS)})\n{frames}"


def php(text: str, rng: random.Random) -> str:
    lines = []
    for at, frame in enumerate(some_frames("php", rng, 4)):
        spot = f"{place(frame, rng)}({rng.randrange(3, 300)})"
        lines.append(f"#{at} {spot}: App\\{class_name(rng)}->{called(frame, rng)}()")
    message = f"Uncaught {rng.choice(PHP_ERRORS)}: {around(text, rng)}"
    spot = f"{path(rng, 'php')}:{rng.randrange(3, 300)}"
    return "\n".join((f"PHP Fatal error:  {message} in {spot}", "Stack trace:", *lines))


def net(text: str, rng: random.Random) -> str:
    lines = []
    for _ in _several(rng, 4):
        method = f"Shop.{class_name(rng)}.{rng.choice(FUNCTIONS).capitalize()}(String value)"
        lines.append(f"   at {method} in {path(rng, 'cs')}:line {rng.randrange(3, 300)}")
    message = f"{rng.choice(NET_ERRORS)}: {around(text, rng)}"
    return "\n".join((f"Unhandled exception. {message}", *lines))


def rust(text: str, rng: random.Random) -> str:
    (frame,) = some_frames("rust", rng, 1)
    spot = f"{place(frame, rng)}:{rng.randrange(3, 300)}:{rng.randrange(3, 60)}"
    note = "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace"
    unwrapped = f"called `Result::unwrap()` on an `Err` value: {json.dumps(text)}"
    message = rng.choice((around(text, rng), unwrapped))
    thread = rng.choice(("main", "tokio-runtime-worker"))
    return f"thread '{thread}' panicked at {spot}:\n{message}\n{note}"


def frame_list(rng: random.Random) -> list[dict[str, object]]:
    """Frames of one language in JSON."""
    language = rng.choice(("python", "python", "javascript", "ruby", "php", "go"))
    return listed(some_frames(language, rng, 4), rng)


def listed(frames: Sequence[SourceFrame], rng: random.Random) -> list[dict[str, object]]:
    """Frames as reports have them in JSON: most with their code, some with lines around it."""
    shape = rng.choice((_own_frame, _frame_in_context, _bare_frame))
    return [shape(frame, rng) for frame in frames]


def _bare_frame(frame: SourceFrame, rng: random.Random) -> dict[str, object]:
    line = rng.randrange(3, 900)
    return {"file": place(frame, rng), "line": line, "function": called(frame, rng)}


def _own_frame(frame: SourceFrame, rng: random.Random) -> dict[str, object]:
    module = frame.file.rpartition(".")[0].replace("/", ".")
    more: dict[str, object] = {"module": module, "in_app": chance(rng, 0.5), "code": frame.code}
    if chance(rng, 0.3):
        more["arguments"] = {rng.choice(KEYS): ident(rng, 4), rng.choice(KEYS): rng.randrange(900)}
    return {**_bare_frame(frame, rng), "function": frame.function, **more}


def _frame_in_context(frame: SourceFrame, rng: random.Random) -> dict[str, object]:
    middle = len(frame.lines) // 2
    return {
        "filename": frame.file,
        "abs_path": place(frame, rng),
        "function": called(frame, rng),
        "lineno": rng.randrange(3, 900),
        "pre_context": list(frame.lines[:middle]),
        "context_line": frame.lines[middle],
        "post_context": list(frame.lines[middle + 1 :]),
        "in_app": chance(rng, 0.5),
    }
