"""The judge: whether a change fixes a case's error and harms nothing, computed by running it.

Two trees that no agent touched are made with our own git: one at base, one with the change but
with every test as it was at base, so that no edited test can help. Added tests are run besides.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Final

from mendwire.errors import ExecutionError
from mendwire.execution.commands import Bench, SuiteRun, run_reproduction, run_tests
from mendwire.execution.git import CaseRepository
from mendwire.execution.outcomes import Observed
from mendwire.investigate.canary import canary_of
from mendwire.investigate.detect import CONFIG_FILES
from mendwire.investigate.fresh_trees import Ended, FreshTrees
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
from mendwire.model.report import Trust
from mendwire.model.work import Change, Proof, ProofStatus, Reproduction, Run
from mendwire.telemetry import emit

_S = ProofStatus
QUICK_S: Final = 1.0
"""A reproduction faster than this is rerun ``MORE`` further times: chance is cheap to test."""
MORE: Final = 3


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
        trial = _Trial(judge=self, case=case, change=change)
        try:
            reasons = await trial.hold(reproduction, outside)
        except Ended as end:
            return self._proof(end.status, end.reasons, trial)
        except (ExecutionError, OSError) as problem:
            return self._proof(_S.INFRASTRUCTURE, (str(problem),), trial)
        return self._proof(_S.VALID, reasons, trial)

    def _proof(self, status: ProofStatus, reasons: tuple[str, ...], trial: _Trial) -> Proof:
        runs = tuple(map(evidence, trial.runs))
        return Proof(status=status, reasons=reasons, runs=runs, sandbox=self.bench.sandbox.kind)

    async def known(self, base: str) -> BaseFiles:
        """What the policy must know of a base commit."""
        modes = await self.repository.entries(base)
        told = [name for name in CONFIG_FILES if name in modes]
        texts = {name: await self.repository.read_file(base, name) for name in told}
        shown = {name: text.decode("utf-8", "replace") for name, text in texts.items() if text}
        return BaseFiles(modes=modes, texts=shown)

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
    runs: list[Run] = field(default_factory=list)
    patterns: tuple[str, ...] = ()

    async def hold(
        self, reproduction: Reproduction | None, outside: tuple[str, ...]
    ) -> tuple[str, ...]:
        """What holds, in words; raises Ended when something does not."""
        if outside:
            raise Ended(_S.BREACH, *outside)
        files = await self._permitted()
        wanted = self._runnable(reproduction)
        command = self._suite_command()
        self._leaves_tools(files, wanted, command)
        tests = frozenset(path for file in files for path in file.paths if self._is_fixed(path))
        code = without(files, tests)
        self._mends(files, code, wanted)
        trees = self._trees()
        async with trees.at("") as (before, bench):
            await self._fails_at_base(bench, before, wanted)
            base = await self.judge.baseline(self.case.base, before, command, bench)
            self._ran(base.run)
        if why := unprovable(base):
            raise Ended(_S.INVALID, why)
        async with trees.at(code) as (after, bench):
            await self._passes(bench, after, wanted)
            await self._no_worse(bench, after, base, "suite after")
            await self._tells_truth(bench, after, files)
        if tests:
            async with trees.at(self.change.patch) as (whole, bench):
                await self._no_worse(bench, whole, base, "suite after, with the added tests")
        return self._held(wanted, base, tests=bool(tests))

    def _trees(self) -> FreshTrees:
        judge, case = self.judge, self.case
        return FreshTrees(
            repository=judge.repository,
            state=judge.state,
            bench=judge.bench,
            commands=judge.commands,
            base=case.base,
            key=f"judge-{case.case_id}-{case.token}",
            is_fixed=self._is_fixed,
        )

    def _runnable(self, reproduction: Reproduction | None) -> Reproduction:
        if self.case.restricted:
            raise Ended(_S.INFRASTRUCTURE, "The case is restricted, so nothing of it is run.")
        if reproduction is None or not reproduction.command:
            raise Ended(_S.NOT_REPRODUCED, "There is no way to make the error happen.")
        if reproduction.origin == "captured" and self.case.trust is not Trust.TRUSTED:
            why = "Arguments captured by a source of low trust are not called again."
            raise Ended(_S.NOT_REPRODUCED, why)
        return reproduction

    def _leaves_tools(
        self, files: tuple[FilePatch, ...], wanted: Reproduction, command: tuple[str, ...]
    ) -> None:
        """What the judge's commands name comes from base: a script edited to pass is no fix."""
        words = (*wanted.command, *command, *(self.judge.commands.setup or ()))
        named = {word.split("::")[0].removeprefix("{tree}/").removeprefix("./") for word in words}
        touched = {path for file in files for path in file.paths} - {wanted.expects_file}
        if tools := sorted(touched & named):
            raise Ended(_S.BREACH, f"{tools[0]} is what the judge runs; a fix may not change it.")

    def _held(self, wanted: Reproduction, base: SuiteRun, *, tests: bool) -> tuple[str, ...]:
        times = sum(run.what == "reproduction after" for run in self.runs)
        what = wanted.expects_type or "the error"
        added = ", with the added tests too" if tests else ""
        count = len(base.run.passing)
        suite = ""
        if base.named and count == 1:
            suite = "The one test that passed at the base commit passes"
        elif base.named:
            suite = f"All {count} tests that passed at the base commit pass"
        return (
            f"The reproduction ({wanted.origin}) fails at the base commit with {what}.",
            f"It passes with the change, {times} times of {times}.",
            f"{suite or 'The suite passes before and'} after{added}.",
            "The change stays within policy.",
        )

    async def _permitted(self) -> tuple[FilePatch, ...]:
        if not self.change.patch.strip():
            raise Ended(_S.INVALID, "The agent changed nothing.")
        known = await self.judge.known(self.case.base)
        if breaches := check_patch(self.change.patch, known, self.judge.policy):
            raise Ended(_S.BREACH, *breaches)
        self.patterns = patterns_of(known.texts)
        return read_patch(self.change.patch)

    def _suite_command(self) -> tuple[str, ...]:
        if not self.judge.commands.test:
            why = self.judge.commands.why or "Set project.test in mendwire.toml."
            raise Ended(_S.INFRASTRUCTURE, f"Without a test suite no fix is proven. {why}")
        return self.judge.commands.test

    def _is_fixed(self, path: str) -> bool:
        return is_test(path, self.patterns) or is_judge_file(path)

    def _mends(self, files: tuple[FilePatch, ...], code: str, wanted: Reproduction) -> None:
        if not code:
            raise Ended(_S.INVALID, "The change touches tests alone; the error is still there.")
        gone = [file.old for file in files if file.new != file.old and not file.copied]
        if wanted.expects_file and wanted.expects_file in gone:
            raise Ended(
                _S.INVALID, f"The change removes {wanted.expects_file}, where the error happens."
            )

    async def _fails_at_base(self, bench: Bench, tree: Path, wanted: Reproduction) -> None:
        seen = await self._reproduce(bench, tree, wanted, "reproduction at base", 0)
        if seen.run.passed:
            raise Ended(
                _S.NOT_REPRODUCED,
                f"The reproduction ({wanted.origin}) does not fail at the base commit.",
            )
        if not seen.own:
            place = f" in {wanted.expects_file}" if wanted.expects_file else ""
            raise Ended(
                _S.NOT_REPRODUCED,
                f"The reproduction ({wanted.origin}) fails at the base commit, but not with "
                f"{wanted.expects_type or 'the error'}{place}.",
            )

    async def _passes(self, bench: Bench, tree: Path, wanted: Reproduction) -> None:
        first = await self._reproduce(bench, tree, wanted, "reproduction after", 0)
        times = self.judge.commands.reruns + (MORE if first.run.seconds < QUICK_S else 0)
        seen = [first]
        if first.run.passed:
            seeds = range(1, times + 1)
            seen += [
                await self._reproduce(bench, tree, wanted, first.run.what, seed) for seed in seeds
            ]
        passed = sum(item.run.passed for item in seen)
        if passed == len(seen):
            return
        if passed:
            why = f"With the change the reproduction passes {passed} of {len(seen)} times: flaky."
            raise Ended(_S.INVALID, why)
        still = "the same error" if first.own else _how(first)
        raise Ended(_S.INVALID, f"With the change the reproduction still fails: {still}.")

    async def _no_worse(self, bench: Bench, tree: Path, base: SuiteRun, what: str) -> None:
        command = self._suite_command()
        first: SuiteRun | None = None
        for seed in range(self.judge.commands.reruns + 1):
            tested = await run_tests(bench, command, tree, what=what, seed=seed)
            self._ran(tested.run)
            why = worse(base, tested)
            if first is not None:
                why = disagreement(first, tested) or why
            if why:
                raise Ended(_S.INVALID, why)
            first = first or tested

    async def _tells_truth(self, bench: Bench, tree: Path, files: tuple[FilePatch, ...]) -> None:
        """A test that must fail, in a run with the changed modules loaded, must fail."""
        if self.judge.commands.runner is not Runner.PYTEST:
            return
        changed = [
            file.new for file in files if file.new and PurePosixPath(file.new).suffix == ".py"
        ]
        # By the names under which the suite, run in the service's folder, imports them.
        inside = f"{self.judge.bench.folder}/" if self.judge.bench.folder else ""
        code = [path.removeprefix(inside) for path in changed if not self._is_fixed(path)]
        canary = canary_of(code)
        # Without the project's plugins: its suite ran with them, this asks about the change.
        alone = (("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1"),)
        lone = replace(bench, environment=(*bench.environment, *alone))
        seen = await run_reproduction(lone, tree, canary, what="a test that must fail")
        self._ran(seen.run)
        if not seen.own:
            why = "With the change loaded, a test that must fail did not: it tampers with the run."
            raise Ended(_S.BREACH, why)

    async def _reproduce(
        self, bench: Bench, tree: Path, wanted: Reproduction, what: str, seed: int
    ) -> Observed:
        seen = await run_reproduction(bench, tree, wanted, what=what, seed=seed)
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


def _how(seen: Observed) -> str:
    if seen.raised:
        return f"{seen.raised[0].type.removeprefix('builtins.')} is raised instead"
    if seen.run.exit_code == 0:
        return "the process ended by itself before the program came to its end"
    return f"it ends with exit code {seen.run.exit_code}"
