"""How a project is tested, read from its files at the base commit, and which one line says so."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Final

from mendwire.model.project import ProjectCommands, Runner

CONFIG_FILES: Final[tuple[str, ...]] = (
    "pyproject.toml",
    "pytest.ini",
    ".pytest.ini",
    "tox.ini",
    "setup.cfg",
    "package.json",
    "Makefile",
    "makefile",
    "GNUmakefile",
)
"""Files whose text detection and the policy want to read at the base commit."""
_VENVS: Final = (".venv", "venv")
_PYTEST: Final = {
    "pyproject.toml": r"^\[tool\.pytest(?:\.ini_options)?\]",
    "pytest.ini": r"",
    ".pytest.ini": r"",
    "tox.ini": r"^\[pytest\]",
    "setup.cfg": r"^\[tool:pytest\]",
}
_TEST_NAME: Final = re.compile(r"test_.*\.py|.*_test\.py|tests?\.py")


@dataclass(frozen=True, kw_only=True, slots=True)
class Interpreter:
    """The Python that runs the project's tests."""

    path: str
    has_pytest: bool
    why: str
    """E.g. ``.venv of the repository``."""


def find_interpreter(repo: Path, fallback: str) -> Interpreter:
    """The repository's own virtual environment, else ``fallback``, usually Mendwire's own."""
    for name in _VENVS:
        program = repo / name / "bin" / "python"
        if program.is_file():
            return Interpreter(
                path=str(program), has_pytest=_has_pytest(program), why=f"{name} of the repository"
            )
    has = _has_pytest(Path(fallback))
    return Interpreter(path=fallback, has_pytest=has, why="Mendwire's own interpreter")


def _has_pytest(program: Path) -> bool:
    root = program.parent.parent
    places = (*root.glob("lib/python3*/site-packages"), *root.glob("lib/python3/dist-packages"))
    return any((place / "pytest").is_dir() for place in places)


def detect_commands(
    paths: Collection[str], texts: Mapping[str, str], interpreter: Interpreter
) -> ProjectCommands:
    """The test command of a project; ``test`` is None, and ``why`` says so, where none is found.

    ``paths`` are all tracked files at base, ``texts`` those of ``CONFIG_FILES`` that exist.
    """
    found = (
        _pytest(paths, texts, interpreter)
        or _npm(texts)
        or _go(paths)
        or _make(texts)
        or ProjectCommands(why="No test command was found; set project.test in mendwire.toml.")
    )
    return replace(found, python=interpreter.path)


def _pytest(
    paths: Collection[str], texts: Mapping[str, str], interpreter: Interpreter
) -> ProjectCommands | None:
    sign = _pytest_sign(paths, texts)
    tests = _python_tests(paths)
    if not sign and not tests:
        return None
    told = sign or f"{tests} and the like"
    if interpreter.has_pytest:
        why = f"pytest, because of {told}, with {interpreter.why}"
        command = ("{python}", "-m", "pytest", "-q")
        return ProjectCommands(test=command, runner=Runner.PYTEST, why=why)
    why = f"unittest, because of {told}, and {interpreter.why} has no pytest"
    found = ("{python}", "-m", "unittest", *_discover(paths))
    return ProjectCommands(test=found, runner=Runner.UNITTEST, why=why)


def _pytest_sign(paths: Collection[str], texts: Mapping[str, str]) -> str:
    for name, section in _PYTEST.items():
        if name in texts and re.search(section, texts[name], re.MULTILINE):
            return name
    return next((path for path in sorted(paths) if PurePosixPath(path).name == "conftest.py"), "")


def _python_tests(paths: Collection[str]) -> str:
    names = (path for path in sorted(paths) if _TEST_NAME.fullmatch(PurePosixPath(path).name))
    return next(names, "")


def _discover(paths: Collection[str]) -> tuple[str, ...]:
    folder = next(
        (name for name in ("tests", "test") if any(p.startswith(f"{name}/") for p in paths)), ""
    )
    if not folder:
        return ("discover",)
    packaged = f"{folder}/__init__.py" in paths
    return ("discover", "-s", folder, *(("-t", ".") if packaged else ()))


def _npm(texts: Mapping[str, str]) -> ProjectCommands | None:
    try:
        told = json.loads(texts.get("package.json", "{}"))
        script = told.get("scripts", {}).get("test", "")
    except (ValueError, AttributeError):
        return None
    if not isinstance(script, str) or not script or "no test specified" in script:
        return None
    command = ("npm", "test", "--silent")
    return ProjectCommands(test=command, runner=Runner.NPM, why="npm test, because of package.json")


def _go(paths: Collection[str]) -> ProjectCommands | None:
    if "go.mod" not in paths:
        return None
    command = ("go", "test", "./...")
    return ProjectCommands(test=command, runner=Runner.GO, why="go test, because of go.mod")


def _make(texts: Mapping[str, str]) -> ProjectCommands | None:
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if re.search(r"^test\s*:(?!=)", texts.get(name, ""), re.MULTILINE):
            why = f"make test, because of {name}"
            return ProjectCommands(test=("make", "test"), runner=Runner.MAKE, why=why)
    return None
