"""Proofs in projects of other kinds: unittest, go, npm and make, each with its real runner."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from mendwire.execution.commands import Bench
from mendwire.execution.git import CaseRepository
from mendwire.execution.sandbox import detect
from mendwire.investigate.detect import CONFIG_FILES, Interpreter, detect_commands
from mendwire.investigate.proof import Judge
from mendwire.model.case import Case
from mendwire.model.project import Policy, ProjectCommands, Runner
from mendwire.model.work import Change, Proof, ProofStatus, Reproduction


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """One small project with an error in ``source``."""

    needs: str
    """The program it takes."""
    runner: Runner
    source: str
    files: dict[str, str]
    broken: str
    mended: str
    harmful: str
    """In place of ``broken``: mends the error and breaks a test."""
    reproduction: Reproduction
    named: bool
    """Its runner tells tests apart."""


PYTHON = Project(
    needs=sys.executable,
    runner=Runner.UNITTEST,
    source="shop/cart.py",
    files={
        "shop/__init__.py": "",
        "shop/cart.py": "def total(cart):\n    return cart['sum']\n",
        "tests/__init__.py": "",
        "tests/test_cart.py": (
            "import unittest\n\nfrom shop.cart import total\n\n\n"
            "class Cart(unittest.TestCase):\n    def test_total(self):\n"
            "        self.assertEqual(total({'sum': 3}), 3)\n"
        ),
    },
    broken="cart['sum']",
    mended="cart.get('sum', 0)",
    harmful="0",
    reproduction=Reproduction(
        command=("{python}", "-c", "from shop.cart import total; total({})"),
        origin="config",
        expects_type="KeyError",
        expects_file="shop/cart.py",
    ),
    named=True,
)
GO = Project(
    needs="go",
    runner=Runner.GO,
    source="cart.go",
    files={
        "go.mod": "module example.org/shop\n\ngo 1.18\n",
        "cart.go": "package shop\n\nfunc First(xs []int) int {\n\treturn xs[0]\n}\n",
        "cart_test.go": (
            'package shop\n\nimport "testing"\n\nfunc TestFirst(t *testing.T) {\n'
            '\tif First([]int{3}) != 3 {\n\t\tt.Fatal("wrong")\n\t}\n}\n'
        ),
        "cmd/empty/main.go": (
            'package main\n\nimport "example.org/shop"\n\nfunc main() {\n'
            "\tprintln(shop.First(nil))\n}\n"
        ),
    },
    broken="\treturn xs[0]\n",
    mended="\tif len(xs) == 0 {\n\t\treturn 0\n\t}\n\treturn xs[0]\n",
    harmful="\treturn 0\n",
    reproduction=Reproduction(
        command=("go", "run", "./cmd/empty"),
        origin="config",
        expects_type="index out of range",
        expects_file="cart.go",
    ),
    named=True,
)
NPM = Project(
    needs="npm",
    runner=Runner.NPM,
    source="cart.js",
    files={
        "package.json": '{"scripts": {"test": "node --test --test-reporter=tap"}}\n',
        "cart.js": "exports.total = (cart) => cart.items.length;\n",
        "cart.test.js": (
            "const test = require('node:test');\nconst assert = require('node:assert');\n"
            "const { total } = require('./cart.js');\n\n"
            "test('total', () => assert.equal(total({ items: [1] }), 1));\n"
        ),
    },
    broken="cart.items.length",
    mended="(cart.items ?? []).length",
    harmful="0",
    reproduction=Reproduction(
        command=("node", "-e", "require('./cart.js').total({})"),
        origin="config",
        expects_type="TypeError",
        expects_file="cart.js",
    ),
    named=True,
)
MAKE = Project(
    needs="make",
    runner=Runner.MAKE,
    source="first.sh",
    files={
        "Makefile": 'test:\n\ttest "$$(sh first.sh a b)" = a\n',
        "first.sh": 'set -eu\necho "$1"\n',
    },
    broken='"$1"',
    mended='"${1:-}"',
    harmful='"b"',
    reproduction=Reproduction(
        command=("sh", "first.sh"),
        origin="config",
        expects_type="parameter not set",
        expects_file="first.sh",
    ),
    named=False,
)
PROJECTS = {project.runner.value: project for project in (PYTHON, GO, NPM, MAKE)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Court:
    judge: Judge
    case: Case
    repository: CaseRepository
    project: Project

    async def judged(self, new: str) -> Proof:
        text = self.project.files[self.project.source]
        blob = text.replace(self.project.broken, new)
        git = self.repository.git
        async with self.repository.scratch_index() as index:
            mine = replace(git, index=index)
            await mine("read-tree", self.case.base)
            sha = await mine.line("hash-object", "-w", "--stdin", stdin=blob.encode())
            await mine("update-index", "--cacheinfo", f"100644,{sha},{self.project.source}")
            tree = await mine.line("write-tree")
        patch = await self.repository.diff(self.case.base, tree)
        return await self.judge.prove(self.case, Change(patch=patch), self.project.reproduction)


async def court_of(project: Project, tmp_path: Path, **commands: object) -> Court:
    repo, state = tmp_path / "operator", tmp_path / "state"
    state.mkdir()
    for name, text in project.files.items():
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(text)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "All")):
        await asyncio.to_thread(subprocess.run, ["git", *words], cwd=repo, check=True)
    texts = {name: text for name, text in project.files.items() if name in CONFIG_FILES}
    bare = Interpreter(path=sys.executable, has_pytest=False, why="a bare one")
    found = detect_commands(list(project.files), texts, bare)
    repository = await CaseRepository.open(repo, state)
    judge = Judge(
        repository=repository,
        state=state,
        bench=Bench(repo=repo, sandbox=await detect("none"), scratch=state, timeout_s=60),
        commands=told(found, **commands),
        policy=Policy(),
    )
    base = (await repository.base_commit()).commit
    case = Case(issue="issue", base=base)
    return Court(judge=judge, case=case, repository=repository, project=project)


def told(found: ProjectCommands, **changes: object) -> ProjectCommands:
    return replace(found, reruns=1, **changes)  # type: ignore[arg-type]  # the fields of a record


@pytest.mark.timeout(300)  # go builds its standard library once
@pytest.mark.parametrize("name", PROJECTS)
async def test_proofs_hold_and_fail_with_every_runner(name: str, tmp_path: Path) -> None:
    project = PROJECTS[name]
    if shutil.which(project.needs) is None:
        pytest.skip(f"{project.needs} is not installed")  # CI installs each
    court = await court_of(project, tmp_path)
    assert court.judge.commands.runner is project.runner
    proof = await court.judged(project.mended)
    assert proof.status is ProofStatus.VALID, proof
    suites = [run for run in proof.runs if run.what == "suite after"]
    assert all(bool(run.passing) is project.named for run in suites)
    worse = await court.judged(project.harmful)
    assert worse.status is ProofStatus.INVALID, worse
    assert "After the change" in worse.reasons[0]


async def test_setup_runs_before_the_change_is_there(tmp_path: Path) -> None:
    setup = ("{python}", "-c", "open('made', 'w').write(open('shop/cart.py').read())")
    court = await court_of(PYTHON, tmp_path, setup=setup)
    mended = PYTHON.mended + " if 'get' not in open('made').read() else 1 / 0"
    proof = await court.judged(mended)
    assert proof.status is ProofStatus.VALID, proof


async def test_a_failing_setup_is_no_verdict_on_the_change(tmp_path: Path) -> None:
    setup = ("{python}", "-c", "raise SystemExit('no such mirror')")
    court = await court_of(PYTHON, tmp_path, setup=setup)
    proof = await court.judged(PYTHON.mended)
    assert proof.status is ProofStatus.INFRASTRUCTURE
    assert "no such mirror" in proof.reasons[0]


async def test_a_suite_that_outlasts_its_time_is_no_proof(tmp_path: Path) -> None:
    court = await court_of(PYTHON, tmp_path)
    court.judge.bench = replace(court.judge.bench, timeout_s=3.0)
    hang = "cart.get('sum', 0) if not cart else [None for _ in iter(int, 1)]"
    proof = await court.judged(hang)
    assert proof.status is ProofStatus.INVALID
    assert "stopped after" in proof.reasons[0]


async def test_without_a_suite_no_fix_is_proven(tmp_path: Path) -> None:
    court = await court_of(PYTHON, tmp_path, test=None, why="No test command was found.")
    proof = await court.judged(PYTHON.mended)
    assert proof.status is ProofStatus.INFRASTRUCTURE
    assert "No test command was found." in proof.reasons[0]


async def test_a_change_that_does_not_apply_is_no_fix(tmp_path: Path) -> None:
    court = await court_of(PYTHON, tmp_path)
    patch = (
        "diff --git a/shop/cart.py b/shop/cart.py\nindex 1111111..2222222 100644\n"
        "--- a/shop/cart.py\n+++ b/shop/cart.py\n@@ -1 +1 @@\n-nothing\n+something\n"
    )
    proof = await court.judge.prove(court.case, Change(patch=patch), PYTHON.reproduction)
    assert proof.status is ProofStatus.INVALID
    assert "does not apply" in proof.reasons[0]
