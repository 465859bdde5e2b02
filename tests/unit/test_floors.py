"""Who may start a child process: execution and the embedded server, by any road."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import mendwire

SRC = Path(mendwire.__file__).parent
MODULES = {"subprocess", "pty", "multiprocessing", "concurrent.futures.process", "_posixsubprocess"}
CALLS = {
    "create_subprocess_exec",
    "create_subprocess_shell",
    "subprocess_exec",
    "subprocess_shell",
    "ProcessPoolExecutor",
}
OS_CALLS = ("fork", "forkpty", "exec", "spawn", "posix_spawn", "system", "popen", "startfile")
CONTRACTS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["tool"][
    "importlinter"
]["contracts"]
ALLOWED = tuple(
    name.removeprefix("mendwire.").replace(".", "/")
    for contract in CONTRACTS
    if contract["id"] == "children"
    for name in contract["allowed_importers"]
)
"""import-linter sees `import subprocess`; here the other roads are closed to the same rooms."""


def starts(tree: ast.AST) -> Iterator[str]:
    """Every way in which the module could start a program."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names if alias.name in MODULES)
            case ast.ImportFrom(module=str(module), names=names):
                if module in MODULES:
                    yield module
                yield from (
                    f"{module}.{alias.name}"
                    for alias in names
                    if alias.name in CALLS
                    or (module == "os" and alias.name.startswith(OS_CALLS))
                    or f"{module}.{alias.name}" in MODULES
                )
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name.startswith(OS_CALLS):
                yield f"os.{name}"
            case ast.Attribute(attr=name) if name in CALLS:
                yield name


@pytest.mark.parametrize(
    "source",
    [
        "import subprocess",
        "from subprocess import run",
        "import asyncio\nasync def f(): await asyncio.create_subprocess_exec('x')",
        "from asyncio import create_subprocess_shell",
        "import os\nos.execvp('x', ['x'])",
        "from os import posix_spawn",
        "from concurrent.futures import ProcessPoolExecutor",
    ],
)
def test_every_road_is_seen(source: str) -> None:
    assert list(starts(ast.parse(source)))


def test_only_execution_and_the_embedded_server_start_processes() -> None:
    found = {
        f"{name}: {what}"
        for path in SRC.rglob("*.py")
        if not (name := path.relative_to(SRC).as_posix()).startswith(ALLOWED)
        for what in starts(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert not found
