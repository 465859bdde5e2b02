"""Runs a Python program and testifies how it ended, under a nonce the program was not given.

Run by the judged project's own interpreter, so: standard library alone, old syntax. The nonce
comes as the first line of standard input and goes before the testimony, one line of JSON on
standard output. A program that ends the process by itself leaves no testimony.

    witness.py script.py ARG... | -c CODE ARG... | -m MODULE ARG...
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
from pathlib import Path

LINKS = 20
"""Exceptions of one chain that are told."""


def main() -> int:
    """Run what ``sys.argv`` names; the exit code of the program."""
    nonce = _nonce()
    voice = os.dup(1)
    # It may be started in a folder of the tree, and names files as they are in the whole.
    tree = os.path.realpath(os.environ.pop("MENDWIRE_TREE", None) or Path.cwd())
    testimony: dict[str, object] = {"ended": "returned", "raised": []}
    code = 0
    try:
        _run(sys.argv[1:])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        testimony["ended"] = "exited"
    except BaseException as problem:  # noqa: BLE001 - whatever it is, it is testified
        code = 1
        testimony = {"ended": "raised", "raised": _told(problem, tree)}
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os.write(voice, f"\n{nonce} {json.dumps(testimony)}\n".encode())
    return code


def _nonce() -> str:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            break
        line += piece
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    return line.decode().strip()


def _run(words: list[str]) -> None:
    if words[0] == "-c":
        sys.argv = ["-c", *words[2:]]
        sys.path[0] = ""
        scope = {"__name__": "__main__", "__builtins__": __builtins__}
        exec(compile(words[1], "<string>", "exec"), scope)  # noqa: S102 - what `python -c` does
    elif words[0] == "-m":
        sys.argv = words[1:]
        sys.path[0] = str(Path.cwd())
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = words
        sys.path[0] = str(Path(words[0]).absolute().parent)
        runpy.run_path(words[0], run_name="__main__")


def _told(problem: BaseException | None, tree: str) -> list[dict[str, object]]:
    """The exception and those behind it: type names, and the tree's files outermost first."""
    told: list[dict[str, object]] = []
    seen: set[int] = set()
    waiting = [problem]
    while waiting and len(told) < LINKS:
        current = waiting.pop(0)
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        kind = type(current)
        files = [
            _inside(entry.filename, tree) for entry in traceback.extract_tb(current.__traceback__)
        ]
        told.append(
            {
                "type": kind.__module__ + "." + kind.__qualname__,
                "files": [name for name in files if name],
            }
        )
        waiting += [current.__cause__, current.__context__]
        waiting += list(getattr(current, "exceptions", ()))
    return told


def _inside(filename: str, tree: str) -> str:
    path = os.path.realpath(filename)
    inside = path.startswith(tree + os.sep) and Path(path).is_file()
    return os.path.relpath(path, tree) if inside else ""


if __name__ == "__main__":
    sys.exit(main())
