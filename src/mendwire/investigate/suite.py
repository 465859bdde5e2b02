"""No worse than at base: suites compared by the ids of their tests, not by their word."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import Undecodable
from mendwire.execution.commands import Bench, SuiteRun
from mendwire.model.codec import decode_as, encode
from mendwire.model.work import Run

NAMED: Final = 5
"""Tests that a reason names before it counts the rest."""
KEPT: Final = 100
"""Ids of a run that are kept as evidence; all are compared."""


def unprovable(base: SuiteRun) -> str:
    """Why a suite that ran at base can prove nothing, a sentence; empty when it can."""
    if base.problem:
        return f"The suite at the base commit says nothing: {base.problem}"
    if base.named and not base.run.passing:
        return "No test passes at the base commit, so the suite can prove nothing."
    if not base.named and not base.run.passed:
        return (
            "The suite fails at the base commit and its runner does not name the tests, so it "
            "cannot be told whether the change makes it worse."
        )
    return ""


def worse(base: SuiteRun, after: SuiteRun) -> str:
    """How the suite after is worse than at base, a sentence; empty when it is not."""
    if after.problem:
        return f"The suite after the change says nothing: {after.problem}"
    if base.named and not after.named:
        return "After the change the test runner no longer names its tests."
    passed, passes = set(base.run.passing), set(after.run.passing)
    failing = set(after.run.failing) - set(base.run.failing)
    if failing:
        return f"After the change these tests fail: {_some(failing)}."
    if gone := passed - passes:
        return f"Tests that passed at the base commit did not run after the change: {_some(gone)}."
    if after.run.exit_code not in {0, base.run.exit_code}:
        return f"After the change the suite ends with exit code {after.run.exit_code}."
    return ""


def disagreement(first: SuiteRun, other: SuiteRun) -> str:
    """How a rerun differs from the first run, a sentence; flaky is not green (rules of proof)."""
    changed = set(first.run.passing) ^ set(other.run.passing)
    if changed:
        return f"Reruns of the suite disagree about these tests: {_some(changed)}."
    if first.run.passed is not other.run.passed:
        return "Reruns of the suite disagree with each other."
    return ""


def _some(names: set[str]) -> str:
    shown = sorted(names)[:NAMED]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(shown) + more


@dataclass(frozen=True, kw_only=True, slots=True)
class Baselines:
    """Suites that ran at base commits, kept in a folder of ours for the cases that follow."""

    folder: Path

    def find(self, key: str) -> SuiteRun | None:
        """A kept baseline, or None."""
        try:
            return decode_as(SuiteRun, (self.folder / f"{key}.json").read_bytes())
        except (OSError, Undecodable):
            return None

    def keep(self, key: str, tested: SuiteRun) -> None:
        """Keep one, as a whole file or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = self.folder / f".{key}.{os.getpid()}"
        fresh.write_bytes(encode(tested))
        fresh.replace(self.folder / f"{key}.json")


def baseline_key(bench: Bench, base: str, command: tuple[str, ...]) -> str:
    """One for a repository, commit, command and state of the interpreter's packages."""
    root = Path(bench.python).parent.parent
    packages = [place.stat().st_mtime_ns for place in root.glob("lib/python3*/site-packages")]
    told = encode(
        (str(bench.repo), bench.folder, base, command, bench.python, packages, bench.sandbox.kind)
    )
    return hashlib.sha256(told).hexdigest()[:32]


def evidence(run: Run) -> Run:
    """The run as kept with the case: every field, but not every id of a large suite."""
    if len(run.passing) <= KEPT and len(run.failing) <= KEPT:
        return run
    note = f"\n[{len(run.passing)} tests passed, {len(run.failing)} failed; {KEPT} ids are kept]"
    return Run(
        what=run.what,
        passed=run.passed,
        exit_code=run.exit_code,
        seconds=run.seconds,
        output=(run.output + note)[-4000:],
        passing=run.passing[:KEPT],
        failing=run.failing[:KEPT],
    )
