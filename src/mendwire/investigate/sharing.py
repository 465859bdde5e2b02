"""Whether one case's fix mends another case, by that other's own reproduction."""

from __future__ import annotations

from mendwire.errors import ExecutionError
from mendwire.execution.commands import run_reproduction
from mendwire.investigate.fresh_trees import Ended, FreshTrees
from mendwire.investigate.patch import read_patch, without
from mendwire.investigate.proof import MORE, QUICK_S, Judge
from mendwire.investigate.suite import evidence
from mendwire.investigate.testfiles import is_judge_file, is_test, patterns_of
from mendwire.model.case import Case
from mendwire.model.work import Proof, ProofStatus, Reproduction, Run


async def mended_by(judge: Judge, case: Case, fix: Case, wanted: Reproduction) -> Proof | None:
    """The runs that show it: red where the fix starts from, with the case's own error in its own
    place, and green with the fix, each time. None where it is otherwise, or cannot be run.

    As for a fix of its own, tests and what the judge runs are as they were at base.
    """
    assert fix.change is not None, "a case with a fix has its change"
    runs: list[Run] = []
    try:
        patterns = patterns_of((await judge.known(fix.base)).texts)
    except ExecutionError:
        return None

    def is_fixed(path: str) -> bool:
        return is_test(path, patterns) or is_judge_file(path)

    changed = {path for file in read_patch(fix.change.patch) for path in file.paths}
    code = without(read_patch(fix.change.patch), frozenset(filter(is_fixed, changed)))
    trees = FreshTrees(
        repository=judge.repository,
        state=judge.state,
        bench=judge.bench,
        commands=judge.commands,
        base=fix.base,
        key=f"share-{case.case_id}-{case.token}",
        is_fixed=is_fixed,
    )
    try:
        async with trees.at("") as (tree, bench):
            before = await run_reproduction(
                bench, tree, wanted, what="reproduction without the shared fix", seed=0
            )
        runs.append(evidence(before.run))
        if before.run.passed or not before.own:
            return None
        async with trees.at(code) as (tree, bench):
            times = judge.commands.reruns + 1 + (MORE if before.run.seconds < QUICK_S else 0)
            for seed in range(times):
                after = await run_reproduction(
                    bench, tree, wanted, what="reproduction with the shared fix", seed=seed
                )
                runs.append(evidence(after.run))
                if not after.run.passed:
                    return None
    except (Ended, ExecutionError, OSError):
        return None
    kind = wanted.expects_type or "the error"
    return Proof(
        status=ProofStatus.VALID,
        reasons=(
            f"The reproduction ({wanted.origin}) fails at {fix.base[:12]} with {kind}.",
            f"It passes with the fix of case {fix.case_id}, {times} times of {times}.",
        ),
        runs=tuple(runs),
        sandbox=judge.bench.sandbox.kind,
    )
