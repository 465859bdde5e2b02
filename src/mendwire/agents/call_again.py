"""Calls one function of a tree again with captured arguments. Run as a script, never imported.

Runs on the project's own interpreter: standard library alone. ``call.json`` beside this file says
what to call; it is data, nothing of it is evaluated. Prints one line of JSON about the outcome;
an exception goes on and ends the process, so that whoever runs this sees it as it is.

    python call_again.py <tree>
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import json
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any


def main() -> None:
    tree = Path(os.path.realpath(sys.argv[1]))
    call = json.loads(Path(__file__).with_name("call.json").read_text(encoding="utf-8"))
    sys.path[0] = str(tree)
    try:
        function = _function(tree, call)
        args, named = _bound(function, call["arguments"])
        _finish(function(*args, **named))
    except BaseException as problem:
        print(json.dumps({"outcome": "raised", **_where(problem, tree)}))  # noqa: T201 - its answer
        raise
    print(json.dumps({"outcome": "returned"}))  # noqa: T201 - its answer


def _function(tree: Path, call: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever is called
    """The tracked function that the frame names, and no other; raises LookupError."""
    *owners, name = call["function"].split(".")
    owner: Any = _module(tree, call)
    for part in owners:
        owner = vars(owner)[part]
    found = vars(owner)[name]
    if inspect.isclass(owner) and isinstance(found, (classmethod, staticmethod)):
        plain = getattr(owner, name)
    else:
        plain = inspect.unwrap(found)
    code = getattr(plain, "__code__", None)
    if code is None or os.path.realpath(code.co_filename) != str(tree / call["file"]):
        raise LookupError("what the report names is no function of that file")
    first = next(iter(inspect.signature(plain).parameters), "")
    if inspect.isclass(owner) and plain is found and first not in call["arguments"]:
        return plain.__get__(owner())  # a method whose object was left out: try a plain one
    return plain


def _module(tree: Path, call: dict[str, Any]) -> ModuleType:
    path = tree / call["file"]
    root, name = _import_name(tree, path, call["module"])
    for folder in (tree / "src", root):
        if folder.is_dir() and str(folder) not in sys.path:
            sys.path.insert(0, str(folder))
    if all(part.isidentifier() for part in name.split(".")):
        module = importlib.import_module(name)
        if os.path.realpath(module.__file__ or "") == str(path):
            return module
    spec = importlib.util.spec_from_file_location("mendwire_called", path)
    if spec is None or spec.loader is None:
        raise LookupError("that file is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _import_name(tree: Path, path: Path, told: str) -> tuple[Path, str]:
    """Where to import from, and under which name: the one in the report if the file fits it."""
    parts = list(path.relative_to(tree).with_suffix("").parts)
    if parts[-1] == "__init__":
        parts.pop()
    wanted = told.split(".")
    if parts[-len(wanted) :] == wanted:
        return tree.joinpath(*parts[: -len(wanted)]), told
    top = len(parts) - 1
    while top > 0 and tree.joinpath(*parts[:top], "__init__.py").is_file():
        top -= 1
    return tree.joinpath(*parts[:top]), ".".join(parts[top:])


def _bound(function: Any, given: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:  # noqa: ANN401 - as above
    args: list[Any] = []
    named: dict[str, Any] = {}
    skipped = False
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in given:
            skipped = skipped or parameter.kind is not parameter.KEYWORD_ONLY
        elif parameter.kind is parameter.VAR_POSITIONAL:
            args.extend(given[name])
        elif parameter.kind is parameter.VAR_KEYWORD:
            named.update(given[name])
        elif parameter.kind is parameter.KEYWORD_ONLY or skipped:
            named[name] = given[name]
        else:
            args.append(given[name])
    return args, named


def _finish(result: Any) -> None:  # noqa: ANN401 - as above
    """Run what the call only began: a coroutine, a generator."""
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))
    elif inspect.isasyncgen(result):
        asyncio.run(_drained(result))
    elif inspect.isgenerator(result):
        for _ in result:
            pass


async def _awaited(result: Any) -> None:  # noqa: ANN401 - as above
    await result


async def _drained(result: Any) -> None:  # noqa: ANN401 - as above
    async for _ in result:
        pass


def _where(problem: BaseException, tree: Path) -> dict[str, str]:
    """The exception's type and the innermost place of the tree in its traceback."""
    places = [
        (os.path.relpath(os.path.realpath(entry.filename), tree), entry.name)
        for entry in traceback.extract_tb(problem.__traceback__)
        if os.path.realpath(entry.filename).startswith(str(tree) + os.sep)
    ]
    file, function = places[-1] if places else ("", "")
    return {"type": type(problem).__qualname__, "file": file, "function": function}


if __name__ == "__main__":
    main()
