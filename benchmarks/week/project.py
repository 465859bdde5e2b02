"""The repository of the week: three services, one module for each bug, one quick suite."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from benchmarks.week.bugs import SERVICES, Bug, Kind

WHO = ("-c", "user.name=Week", "-c", "user.email=week@example.org")
SUITE = ("{python}", "-m", "unittest", "discover", "-s", "tests", "-t", ".")
TESTS = "tests/test_services.py"
CI = ".github/workflows/ci.yml"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One mistake: the line as it is, as it must be, and an argument that shows it."""

    broken: str
    mended: str
    argument: object
    good: object
    """An argument that works, before and after."""


SHAPES = (
    Shape(
        broken="return KNOWN[key] + 1",
        mended="return KNOWN.get(key, 0) + 1",
        argument="zz",
        good="a",
    ),
    Shape(
        broken="return 100 // key",
        mended="return 100 // key if key else 0",
        argument=0,
        good=5,
    ),
    Shape(
        broken="return key.strip().upper()",
        mended='return (key or "").strip().upper()',
        argument=None,
        good=" a ",
    ),
    Shape(
        broken="return sorted(key)[0]",
        mended="return sorted(key)[0] if key else None",
        argument=[],
        good=[2, 1],
    ),
    Shape(
        broken="return int(key) + 1",
        mended="return int(key) + 1 if str(key).isdigit() else 0",
        argument="many",
        good="7",
    ),
)
_HEAD = '"""Of {service}."""\n\nimport os\n\nKNOWN = {{"a": 1, "b": 2}}\n\n\n'
_CHANCE = (
    "if os.urandom(1)[0] < 205:\n        raise RuntimeError('the cache was cold')\n    return key"
)
_SERVER = (
    "if 'WEEK_SERVER' in os.environ:\n        raise OSError('disk quota exceeded')\n    return key"
)
_TESTS = '''"""What works must go on working."""

import importlib
import unittest


class Services(unittest.TestCase):
{tests}

if __name__ == "__main__":
    unittest.main()
'''


def shape_of(bug: Bug) -> Shape:
    """Its mistake."""
    return SHAPES[bug.shape % len(SHAPES)]


def argument_of(bug: Bug) -> object:
    """What its function is called with on the server."""
    if bug.kind is Kind.ATTACK:
        return bug.attack
    return shape_of(bug).argument


def module_text(bug: Bug, line: str = "") -> str:
    """The module of a bug; ``line`` is the body of its function, by default the broken one."""
    if not line:
        line = {
            Kind.FLAKY: _CHANCE,
            Kind.GONE: _SERVER,
            Kind.ATTACK: "return int(key)",
        }.get(bug.kind, shape_of(bug).broken)
    head = _HEAD.format(service=bug.service)
    if bug.cause:
        head += f"from {bug.service}.mod_{bug.cause} import do_{bug.cause}\n\n\n"
        line = f"return do_{bug.cause}(key)"
    return f"{head}def do_{bug.word}(key):\n    {line}\n"


def suite_text(bugs: list[Bug], without: str = "") -> str:
    """The suite: one test for each service, which calls every function of it as it works."""
    tests = []
    for service in SERVICES:
        checks = [
            f"        self.assertIsNotNone(importlib.import_module('{service}.mod_{bug.word}')"
            f".do_{bug.word}({shape_of(bug).good!r}))"
            for bug in bugs
            if bug.service == service
            and bug.word != without
            and bug.kind not in {Kind.FLAKY, Kind.ATTACK, Kind.GONE}
        ]
        body = "\n".join(checks) or "        pass"
        tests.append(f"    def test_{service}(self):\n{body}\n")
    return _TESTS.format(tests="\n".join(tests))


async def git(folder: Path, *words: str) -> str:
    """Run git; what it prints."""
    process = await asyncio.create_subprocess_exec(
        *("git", *words),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    if process.returncode != 0:
        message = f"git {' '.join(words)}: {err.decode().strip()}"
        raise RuntimeError(message)
    return out.decode().strip()


async def build(folder: Path, bugs: list[Bug]) -> None:
    """The history until the week begins: release r1 runs, main is a few mends further."""
    for bug in bugs:
        put(folder, bug.file, module_text(bug))
    for service in SERVICES:
        put(folder, f"{service}/__init__.py", "")
    put(folder, "tests/__init__.py", "")
    put(folder, TESTS, suite_text(bugs))
    put(folder, CI, "on: push\n")
    put(folder, ".gitignore", "__pycache__/\n*.pyc\n")
    await git(folder, "init", "-q", "-b", "main")
    await commit(folder, "Three services")
    await git(folder, "tag", "r1")
    for bug in bugs:
        if bug.kind is Kind.ALREADY:
            put(folder, bug.file, module_text(bug, shape_of(bug).mended))
    await commit(folder, "Mend what was known")


def put(folder: Path, name: str, text: str) -> None:
    """Write one file, with its folders."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


async def commit(folder: Path, message: str) -> None:
    """Everything as it lies there."""
    await git(folder, "add", ".")
    await git(folder, *WHO, "commit", "-q", "--allow-empty", "-m", message)


async def put_live(repository: Path, live: Path, release: str) -> None:
    """The files of a release where the services run: the same place for each release."""
    for old in sorted(live.rglob("*"), reverse=True):
        old.rmdir() if old.is_dir() else old.unlink()
    live.mkdir(exist_ok=True)
    await git(repository, "archive", "--format=tar", f"--output={live}.tar", release)
    process = await asyncio.create_subprocess_exec("tar", "xf", f"{live}.tar", "-C", str(live))
    await process.wait()
