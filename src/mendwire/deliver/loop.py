"""What becomes of a fix after it was handed over: merged, deployed, soaking, verified; or not.

Git and what operators say of deployments decide; nothing is taken from a report but the release
that it names (rules A12). A branch deleted unmerged or a fix reverted is a person's hand, and is
respected (rules A11). Each transition is one compare-and-set and is published.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from mendwire.deliver.message import belongs_to
from mendwire.docket.cases import Docket, Filed
from mendwire.docket.deployments import Deployments
from mendwire.errors import Fenced, GitError, IllegalMove
from mendwire.execution.git import CaseRepository
from mendwire.model.case import AWAITED, Case, CaseState, move
from mendwire.model.deployment import Deployment

_REVERTS: Final = re.compile(r"^This reverts commit ([0-9a-f]{7,64})", re.MULTILINE)
_HISTORY: Final = 2_000
"""Commits after a case's base that are looked through for its fix."""

Tell = Callable[[Case, str], Awaitable[None]]
"""Publishes a transition: the case as it is now, and what is next."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landing:
    """What a deployment means for one fix."""

    case: str
    title: str
    state: str
    """The case's state now."""
    has_fix: bool
    """Whether what was deployed has the fix."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ClosedLoop:
    """Follows the fixes of one repository."""

    docket: Docket
    deployments: Deployments
    repository: CaseRepository
    tell: Tell
    base: str
    """The revision that fixes start from, and are merged to."""
    soak_s: float
    """Seconds that an issue must stay quiet in a release that has its fix."""

    async def round(self) -> int:
        """Look at every fix on its way; how many cases moved."""
        tip = await self.repository.origin.commit_of(self.base)
        moved = 0
        async for filed in self.docket.cases():
            case = filed.case
            if case.state is CaseState.FIXED:
                moved += await self._merged_or_withdrawn(filed, tip) is not None
            elif case.state is CaseState.MERGED:
                moved += await self._withdrawn_if_reverted(filed, tip) is not None
            elif case.state is CaseState.SOAKING:
                moved += await self._verified(filed)
        return moved

    async def deployed(self, new: Deployment) -> list[Landing]:
        """Move the cases whose fix ``new`` brings, and note the fixes that it takes back."""
        await self.round()
        found: list[Landing] = []
        async for filed in self.docket.cases():
            case = filed.case
            if case.state not in AWAITED or case.delivered is None or not concerns(new, case):
                continue
            has_fix, reverted = await self._fate(case, new.commit)
            if has_fix and not reverted and case.state in {CaseState.FIXED, CaseState.MERGED}:
                filed = await self._soaking(filed, new)  # noqa: PLW2901 - the same case, moved on
            elif reverted and not case.reverted:
                filed = await self._noted(filed, reverted)  # noqa: PLW2901 - the same
            case = filed.case
            found.append(
                Landing(
                    case=case.case_id,
                    title=case.title,
                    state=case.state.value,
                    has_fix=has_fix and not reverted,
                )
            )
        return found

    async def _merged_or_withdrawn(self, filed: Filed, tip: str) -> Filed | None:
        case = filed.case
        if case.delivered is None or not case.delivered.commit:
            return None
        landed, reverted = await self._landed(case, tip)
        if reverted:
            return await self._move(filed, CaseState.WITHDRAWN, f"reverted by {reverted[:12]}")
        if landed:
            return await self._move(filed, CaseState.MERGED, "deploy it", landed=landed)
        if await self.repository.origin.tip(case.delivered.branch) is None:
            return await self._move(filed, CaseState.WITHDRAWN, "its branch was deleted unmerged")
        return None

    async def _withdrawn_if_reverted(self, filed: Filed, tip: str) -> Filed | None:
        _, reverted = await self._landed(filed.case, tip)
        if not reverted:
            return None
        return await self._move(filed, CaseState.WITHDRAWN, f"reverted by {reverted[:12]}")

    async def _soaking(self, filed: Filed, new: Deployment) -> Filed:
        if filed.case.state is CaseState.FIXED:
            landed, _ = await self._landed(filed.case, new.commit)
            filed = await self._move(filed, CaseState.MERGED, "deploy it", landed=landed)
        filed = await self._move(filed, CaseState.DEPLOYED, "wait", deployed=new)
        return await self._move(filed, CaseState.SOAKING, "stay quiet")

    async def _noted(self, filed: Filed, reverted: str) -> Filed:
        """A fix that runs no longer: if its issue comes back, a person decides."""
        token = filed.case.token

        def noted(case: Case) -> Case:
            if case.token != token:
                raise Fenced(f"Case {case.case_id} was taken by a worker meanwhile.")
            return replace(case, reverted=reverted)

        return await self.docket.change(filed, noted)

    async def _verified(self, filed: Filed) -> bool:
        """Quiet is not verified unless the service is heard from (rules A12)."""
        new = filed.case.deployed
        if new is None or time.time_ns() - new.at_ns < self.soak_s * 1e9:
            return False
        if await self.deployments.heard(new.environment, new.service) <= new.at_ns:
            return False
        latest = (await self.deployments.of(new.environment, new.service))[-1]
        has_fix, reverted = await self._fate(filed.case, latest.commit)
        if not has_fix or reverted:
            return False  # an older release was put back
        await self._move(filed, CaseState.VERIFIED, "nothing")
        return True

    async def _fate(self, case: Case, commit: str) -> tuple[bool, str]:
        landed, reverted = await self._landed(case, commit)
        return bool(landed), reverted

    async def _landed(self, case: Case, tip: str) -> tuple[str, str]:
        """The commit by which ``tip`` has the fix, and the one that took it back; or empty."""
        if case.delivered is None or not case.delivered.commit:
            return "", ""
        try:
            messages = await self.repository.messages(tip, since=case.base, limit=_HISTORY)
        except GitError:
            return "", ""  # the deployed commit is not in this repository
        names = {case.delivered.commit, case.landed} - {""}
        landed = next((sha for sha, text in messages.items() if _is_fix(sha, text, case)), "")
        if not landed and await self.repository.contains(tip, case.delivered.commit):
            landed = case.delivered.commit
        return landed, _taken_back(messages, {*names, landed} - {""})

    async def _move(self, filed: Filed, to: CaseState, then: str, **changes: Any) -> Filed:  # noqa: ANN401 - as in move
        token = filed.case.token
        try:
            filed = await self.docket.change(
                filed, lambda case: move(case, to, token=token, **changes)
            )
        except (Fenced, IllegalMove):
            return filed  # another worker was quicker, or a person
        await self.tell(filed.case, then)
        return filed


def concerns(new: Deployment, case: Case) -> bool:
    """Whether a case was reported from where this was deployed."""
    if new.environment != case.environment:
        return False
    return "" in {new.service, case.service} or new.service == case.service


def _taken_back(messages: Mapping[str, str], fix: Collection[str]) -> str:
    """The commit that reverted the fix last and was not reverted itself; empty if none did.

    ``messages`` is newest first.
    """
    taken = ""
    for sha, text in reversed(tuple(messages.items())):
        undone = [match[1] for match in _REVERTS.finditer(text)]
        if any(name.startswith(short) for short in undone for name in fix):
            taken = sha
        elif taken and any(taken.startswith(short) for short in undone):
            taken = ""
    return taken


def _is_fix(sha: str, message: str, case: Case) -> bool:
    """The delivered commit itself, or one that people made of it and that kept our trailer."""
    delivered = case.delivered.commit if case.delivered else ""
    return sha == delivered or belongs_to(message, case.case_id)
