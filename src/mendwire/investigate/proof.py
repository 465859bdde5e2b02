"""The judge: whether a change fixes a case's error and harms nothing, computed by running it.

Two trees that no agent touched are made with our own git: one at base, one with the change but
with every test as it was at base, so that no edited test can help. Added tests are run besides.
"""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from mendwire.errors import ExecutionError, GitError
from mendwire.execution.commands import (
    Bench,
    Observed,
    SuiteRun,
    aux_folder,
    run_command,
    run_reproduction,
    run_tests,
    shown_output,
)
from mendwire.execution.git import CaseRepository
from mendwire.execution.trees import export
from mendwire.investigate.canary import canary_of
from mendwire.investigate.detect import CONFIG_FILES
from mendwire.investigate.patch import FilePatch, read_patch, without
from mendwire.investigate.policy import BaseFiles, check_patch
from mendwire.investigate.suite import (
    Baselines,
    baseline_key,
    disagreement,
    evidence,
    unprovable,
    worse,
)
from mendwire.investigate.testfiles import is_judge_file, is_test, patterns_of
from mendwire.model.case import Case
from mendwire.model.project import Policy, ProjectCommands, Runner
from mendwire.model.work import Change, Proof, ProofStatus, Reproduction, Run
from mendwire.telemetry import emit

_S = ProofStatus
QUICK_S: Final = 1.0
"""A reproduction faster than this is rerun ``MORE`` further times: chance is cheap to test."""
MORE: Final = 3


class _Ended(Exception):
    """The proof is decided early."""

    def __init__(self, status: ProofStatus, *reasons: str) -> None:
        super().__init__(*reasons)
        self.status = status
        self.reasons = reasons


@dataclass(kw_only=True, slots=True)
class Judge:
    """Proves changes in one repository. One object serves all cases of a worker."""

    repository: CaseRepository
    state: Path
    """Folder of ours in which trees and baselines are kept."""
    bench: Bench
    commands: ProjectCommands
    policy: Policy
    _measuring: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def prove(
        self,
        case: Case,
        change: Change,
        reproduction: Reproduction | None,
        *,
        outside: tuple[str, ...] = (),
    ) -> Proof:
        """The evidence for or against ``change``; never raises for what the change does.

        ``outside`` is what ``outside.differences`` found after the agent's run.
        """
        trial = _Trial(judge=self, case=case, change=change, bench=self.bench)
        try:
            reasons = await trial.hold(reproduction, outside)
        except _Ended as end:
            return self._proof(end.status, end.reasons, trial)
        except ExecutionError as problem:
            return self._proof(_S.INFRASTRUCTURE, (str(problem),), trial)
        return self._proof(_S.VALID, reasons, trial)

    def _proof(self, status: ProofStatus, reasons: tuple[str, ...], trial: _Trial) -> Proof:
        runs = tuple(map(evidence, trial.runs))
        return Proof(status=status, reasons=reasons, runs=runs, sandbox=self.bench.sandbox.kind)

    async def baseline(
        self, base: str, tree: Path, command: tuple[str, ...], bench: Bench
    ) -> SuiteRun:
        """The suite at ``base``, run once for all cases; ``tree`` is a fresh checkout of it."""
        key = baseline_key(self.bench, base, command)
        baselines = Baselines(folder=self.state / "baselines")
        async with self._measuring.setdefault(key, asyncio.Lock()):
            if kept := baselines.find(key):
                return kept
            tested = await run_tests(bench, command, tree, what="suite at base")
            if not unprovable(tested):
                baselines.keep(key, tested)
            return tested


@dataclass(kw_only=True, slots=True)
class _Trial:
    judge: Judge
    case: Case
    change: Change
    bench: Bench
    """The judge's, with the caches of the tree that is open."""
    runs: list[Run] = field(default_factory=list)
    patterns: tuple[str, ...] = ()

    async def hold(
        self, reproduction: Reproduction | None, outside: tuple[str, ...]
    ) -> tuple[str, ...]:
        """What holds, in words; raises _Ended when something does not."""
        if outside:
            raise _Ended(_S.BREACH, *outside)
        files = await self._permitted()
        if reproduction is None or not reproduction.command:
            raise _Ended(_S.NOT_REPRODUCED, "There is no way to make the error happen.")
        command = self._suite_command()
        tests = frozenset(path for file in files for path in file.paths if self._is_fixed(path))
        code = without(files, tests)
        self._mends(files, code, reproduction)
        async with self._tree("") as before:
            await self._fails_at_base(before, reproduction)
            base = await self.judge.baseline(self.case.base, before, command, self.bench)
            self._ran(base.run)
        if why := unprovable(base):
            raise _Ended(_S.INVALID, why)
        async with self._tree(code) as after:
            await self._passes(after, reproduction)
            await self._no_worse(after, base, command, "suite after")
            await self._tells_truth(after, files)
        if tests:
            async with self._tree(self.change.patch) as whole:
                await self._no_worse(whole, base, command, "suite after, with the added tests")
        return self._held(reproduction, base, tests=bool(tests))

    def _held(self, wanted: Reproduction, base: SuiteRun, *, tests: bool) -> tuple[str, ...]:
        times = sum(run.what == "reproduction after" for run in self.runs)
        what = wanted.expects_type or "the error"
        count = f"{len(base.run.passing)} tests pass" if base.named else "the suite passes"
        added = ", with the added tests too" if tests else ""
        return (
            f"The reproduction ({wanted.origin}) fails at the base commit with {what}.",
            f"It passes with the change, {times} times of {times}.",
            f"All {count} that passed at the base commit pass after{added}."
            if base.named
            else f"{count.capitalize()} before and after{added}.",
            "The change stays within policy.",
        )

    async def _permitted(self) -> tuple[FilePatch, ...]:
        if not self.change.patch.strip():
            raise _Ended(_S.INVALID, "The agent changed nothing.")
        repository, base = self.judge.repository, self.case.base
        modes = await repository.entries(base)
        told = [name for name in CONFIG_FILES if name in modes]
        texts = {name: await repository.read_file(base, name) for name in told}
        shown: dict[str, str] = {
            name: text.decode("utf-8", "replace") for name, text in texts.items() if text
        }
        known = BaseFiles(modes=modes, texts=shown)
        if breaches := check_patch(self.change.patch, known, self.judge.policy):
            raise _Ended(_S.BREACH, *breaches)
        self.patterns = patterns_of(shown)
        return read_patch(self.change.patch)

    def _suite_command(self) -> tuple[str, ...]:
        if not self.judge.commands.test:
            why = self.judge.commands.why or "Set project.test in mendwire.toml."
            raise _Ended(_S.INFRASTRUCTURE, f"Without a test suite no fix is proven. {why}")
        return self.judge.commands.test

    def _is_fixed(self, path: str) -> bool:
        return is_test(path, self.patterns) or is_judge_file(path)

    def _mends(self, files: tuple[FilePatch, ...], code: str, wanted: Reproduction) -> None:
        if not code:
            raise _Ended(_S.INVALID, "The change touches tests alone; the error is still there.")
        gone = [file.old for file in files if file.new != file.old and not file.copied]
        if wanted.expects_file and wanted.expects_file in gone:
            raise _Ended(
                _S.INVALID, f"The change removes {wanted.expects_file}, where the error happens."
            )

    @asynccontextmanager
    async def _tree(self, patch: str) -> AsyncIterator[Path]:
        """A fresh tree at base with ``patch``; set up before the patch, so with base's own code."""
        judge, base = self.judge, self.case.base
        wanted = await self._applied(patch)
        first = base if judge.commands.setup else wanted
        key = f"judge-{self.case.case_id}-{self.case.token}"
        async with export(judge.repository, first, key=key, state=judge.state) as tree:
            await self._take_cache(tree.parent / "cache", trusted=not patch)
            await self._set_up(tree)
            if first != wanted:
                await self._lay_over(tree, wanted)
            before = self._prints(tree)
            yield tree
            if self._rewritten(before, self._prints(tree)):
                why = "While it ran, the code rewrote the tests or their configuration."
                raise _Ended(_S.BREACH if patch else _S.INVALID, why)

    async def _take_cache(self, own: Path, *, trusted: bool) -> None:
        """Compilers' caches: only base's own code writes the lasting one, a change gets a copy."""
        if self.judge.commands.runner is not Runner.GO:
            return
        lasting = self.judge.state / "cache"
        lasting.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not trusted:
            await asyncio.to_thread(shutil.copytree, lasting, own)
        self.bench = replace(self.judge.bench, cache=lasting if trusted else own)

    async def _applied(self, patch: str) -> str:
        """The tree of base with ``patch``: git must see it change just the paths that we read."""
        repository, base = self.judge.repository, self.case.base
        try:
            wanted = await repository.apply_patch(base, patch)
        except GitError as problem:
            why = f"The change does not apply to the base commit: {problem}"
            raise _Ended(_S.INVALID, why) from None
        read = {path for file in read_patch(patch) for path in file.paths}
        if not set(await repository.changed(base, wanted)) <= read:
            raise _Ended(_S.BREACH, "The change reads differently to git than to its judge.")
        return wanted

    async def _lay_over(self, tree: Path, wanted: str) -> None:
        repository = self.judge.repository
        modes = await repository.entries(wanted)
        for path in await repository.changed(self.case.base, wanted):
            content, target = await repository.read_file(wanted, path), tree / path
            if content is None:
                target.unlink(missing_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(0o755 if modes[path] == "100755" else 0o644)

    async def _set_up(self, tree: Path) -> None:
        judge = self.judge
        modules = judge.bench.repo / "node_modules"
        if judge.commands.runner is Runner.NPM and modules.is_dir() and not judge.commands.setup:
            (tree / "node_modules").symlink_to(modules)
        if not judge.commands.setup:
            return
        with aux_folder(judge.bench) as aux:
            done = await run_command(
                judge.bench, judge.commands.setup, tree=tree, aux=aux, network=True
            )
        if done.exit_code:
            said = shown_output(done.text, done.complaint)[-300:]
            raise _Ended(_S.INFRASTRUCTURE, f"The project's setup command failed: {said}")

    async def _fails_at_base(self, tree: Path, wanted: Reproduction) -> None:
        seen = await self._reproduce(tree, wanted, "reproduction at base", 0)
        if seen.run.passed:
            raise _Ended(
                _S.NOT_REPRODUCED,
                f"The reproduction ({wanted.origin}) does not fail at the base commit.",
            )
        if not seen.own:
            place = f" in {wanted.expects_file}" if wanted.expects_file else ""
            raise _Ended(
                _S.NOT_REPRODUCED,
                f"The reproduction ({wanted.origin}) fails at the base commit, but not with "
                f"{wanted.expects_type or 'the error'}{place}.",
            )

    async def _passes(self, tree: Path, wanted: Reproduction) -> None:
        first = await self._reproduce(tree, wanted, "reproduction after", 0)
        times = self.judge.commands.reruns + (MORE if first.run.seconds < QUICK_S else 0)
        seen = [first]
        if first.run.passed:
            seeds = range(1, times + 1)
            seen += [await self._reproduce(tree, wanted, first.run.what, seed) for seed in seeds]
        passed = sum(item.run.passed for item in seen)
        if passed == len(seen):
            return
        if passed:
            why = f"With the change the reproduction passes {passed} of {len(seen)} times: flaky."
            raise _Ended(_S.INVALID, why)
        still = "the same error" if first.own else _how(first)
        raise _Ended(_S.INVALID, f"With the change the reproduction still fails: {still}.")

    async def _no_worse(
        self, tree: Path, base: SuiteRun, command: tuple[str, ...], what: str
    ) -> None:
        first: SuiteRun | None = None
        for seed in range(self.judge.commands.reruns + 1):
            tested = await run_tests(self.bench, command, tree, what=what, seed=seed)
            self._ran(tested.run)
            why = worse(base, tested)
            if first is not None:
                why = disagreement(first, tested) or why
            if why:
                raise _Ended(_S.INVALID, why)
            first = first or tested

    async def _tells_truth(self, tree: Path, files: tuple[FilePatch, ...]) -> None:
        """A test that must fail, in a run with the changed modules loaded, must fail."""
        if self.judge.commands.runner is not Runner.PYTEST:
            return
        changed = [
            file.new for file in files if file.new and PurePosixPath(file.new).suffix == ".py"
        ]
        canary = canary_of([path for path in changed if not self._is_fixed(path)])
        # Without the project's plugins: its suite ran with them, this asks about the change.
        alone = (("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),)
        bench = replace(self.bench, environment=(*self.judge.bench.environment, *alone))
        seen = await run_reproduction(bench, tree, canary, what="a test that must fail")
        self._ran(seen.run)
        if not seen.own:
            why = "With the change loaded, a test that must fail did not: it tampers with the run."
            raise _Ended(_S.BREACH, why)

    async def _reproduce(self, tree: Path, wanted: Reproduction, what: str, seed: int) -> Observed:
        seen = await run_reproduction(self.bench, tree, wanted, what=what, seed=seed)
        self._ran(seen.run)
        return seen

    def _ran(self, run: Run) -> None:
        self.runs.append(run)
        emit(
            "proof.ran",
            case=self.case.case_id,
            what=run.what,
            passed=run.passed,
            seconds=run.seconds,
        )

    def _prints(self, tree: Path) -> dict[str, str]:
        """A fingerprint of each test and file of the judge's in a tree."""
        found: dict[str, str] = {}
        for path in tree.rglob("*"):
            name = path.relative_to(tree).as_posix()
            if path.suffix == ".pyc" or not self._is_fixed(name) or not path.is_file():
                continue
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        return found

    def _rewritten(self, before: dict[str, str], after: dict[str, str]) -> bool:
        """Whether a test changed, vanished or came; what tests write beside themselves may come."""
        fresh = after.keys() - before.keys()
        return any(after.get(name) != known for name, known in before.items()) or any(
            name.endswith(".py") or is_judge_file(name) for name in fresh
        )


def _how(seen: Observed) -> str:
    if seen.raised:
        return f"{seen.raised[0].type.removeprefix('builtins.')} is raised instead"
    if seen.run.exit_code == 0:
        return "the process ended by itself before the program came to its end"
    return f"it ends with exit code {seen.run.exit_code}"
