"""Whether an error is gone at base already: looked at before any agent is paid to look for it.

Only a reproduction that was given says so, by the operator or captured where it happened; what an
agent writes later is made to fail at base.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mendwire.errors import ExecutionError, RepositoryUnfit
from mendwire.execution.commands import Bench, run_reproduction
from mendwire.execution.git import CaseRepository
from mendwire.execution.outcomes import Observed
from mendwire.investigate.fresh_trees import Ended, FreshTrees
from mendwire.investigate.proof import MORE, QUICK_S, Judge
from mendwire.investigate.suite import evidence
from mendwire.model.case import Case
from mendwire.model.report import UNKNOWN_RELEASE
from mendwire.model.work import Proof, ProofStatus, Reproduction


async def gone_at_base(judge: Judge, case: Case, wanted: Reproduction) -> Proof | None:
    """Why nothing needs mending, with the runs that show it; None where the error is still there.

    GONE where it fails in the code of the report's release and passes at base, NOT_REPRODUCED
    where it passes at base and that release is no commit we know, or passes there too. What
    cannot be run says nothing.
    """
    look = _Look(judge=judge, case=case, wanted=wanted)
    try:
        if not await look.passes_at(case.base):
            return None
        release = await _commit_of(judge.repository, case.release)
        there = release and release != case.base and await look.fails_at(release)
    except (Ended, ExecutionError, OSError):
        return None
    if there:
        return look.proof(
            ProofStatus.GONE,
            f"The reproduction ({wanted.origin}) fails in release {case.release} "
            f"({release[:12]}) and passes at the base commit ({case.base[:12]}): "
            "what mends it waits to be deployed.",
        )
    known = "passes in it too" if release else "is no commit of this repository"
    return look.proof(
        ProofStatus.NOT_REPRODUCED,
        f"The reproduction ({wanted.origin}) does not fail at the base commit; release "
        f"{case.release} {known}.",
    )


@dataclass(kw_only=True, slots=True)
class _Look:
    judge: Judge
    case: Case
    wanted: Reproduction
    seen: list[Observed] = field(default_factory=list)

    async def passes_at(self, base: str) -> bool:
        """Whether the reproduction passes at base, each time; as often as a fix must pass it."""
        times, seed = self.judge.commands.reruns + 1, 0
        async with self._trees(base).at("") as (tree, bench):
            while seed < times:
                found = await run_reproduction(
                    bench, tree, self.wanted, what="reproduction at base", seed=seed
                )
                self.seen.append(found)
                if not found.run.passed:
                    return False
                if seed == 0 and found.run.seconds < QUICK_S:
                    times += MORE
                seed += 1
        return True

    async def fails_at(self, release: str) -> bool:
        """Whether it fails with the case's own error in the code that reported it."""
        async with self._trees(release).at("") as (tree, bench):
            found = await run_reproduction(
                bench, tree, self.wanted, what="reproduction at release", seed=0
            )
            self.seen.append(found)
        return not found.run.passed and found.own

    def proof(self, status: ProofStatus, reason: str) -> Proof:
        runs = tuple(evidence(found.run) for found in self.seen)
        return Proof(
            status=status, reasons=(reason,), runs=runs, sandbox=self.judge.bench.sandbox.kind
        )

    def _trees(self, commit: str) -> FreshTrees:
        judge, case = self.judge, self.case
        bench: Bench = judge.bench
        return FreshTrees(
            repository=judge.repository,
            state=judge.state,
            bench=bench,
            commands=judge.commands,
            base=commit,
            key=f"gone-{case.case_id}-{case.token}",
            is_fixed=lambda _path: False,
        )


async def _commit_of(repository: CaseRepository, release: str) -> str:
    """The commit that a release names as it stands or as a tag with a v; empty where none."""
    if release in {"", UNKNOWN_RELEASE}:
        return ""
    for name in (release, f"v{release}"):
        try:
            return await repository.origin.commit_of(name)
        except RepositoryUnfit:
            continue
    return ""
