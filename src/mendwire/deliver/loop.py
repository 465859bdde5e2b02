"""What becomes of a fix after it was handed over: merged, deployed, soaking, verified; or not.

Git and what operators say of deployments decide; nothing is taken from a report but the release
that it names (rules A12). A branch deleted unmerged or a fix reverted is a person's hand, and is
respected (rules A11). Each transition is one compare-and-set and is published.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mendwire.deliver.following import Requests
from mendwire.deliver.message import belongs_to
from mendwire.deliver.requests import RequestState
from mendwire.docket.cases import Docket, Filed
from mendwire.docket.deployments import Deployments
from mendwire.errors import Damaged, Fenced, GitError, IllegalMove
from mendwire.execution.git import CaseRepository
from mendwire.model.case import AWAITED, Case, CaseState, move
from mendwire.model.deployment import Deployment, whole

_REVERTS: Final = re.compile(r"^This reverts commit ([0-9a-f]{7,64})", re.MULTILINE)
_REVERTS_MERGE: Final = re.compile(
    r"^This reverts commit ([0-9a-f]{7,64}), reversing\s+changes made to ([0-9a-f]{7,64})",
    re.MULTILINE,
)
_HISTORY: Final = 2_000
"""Commits after a case's base that are looked through for its fix."""

_MOST_FATES: Final = 10_000
_FOLLOWED: Final = frozenset(
    {CaseState.FIXED, CaseState.MERGED, CaseState.DEPLOYED, CaseState.SOAKING}
)
"""States that end without a deployment's or a report's doing."""

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
class Fate:
    """What became of a fix in one commit's history."""

    landed: str = ""
    """The commit by which it came; empty where it did not."""
    reverted: str = ""
    """The commit that took it back; empty where none did."""

    @property
    def is_in(self) -> bool:
        """Whether that commit has the fix."""
        return bool(self.landed and not self.reverted)


@dataclass(kw_only=True, slots=True)
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
    name: str = ""
    """The repository's, of several; empty where there is one."""
    requests: Requests | None = None
    """Of the fixes, if they are made anywhere."""
    _upto: int = 0
    """The docket's revision up to which cases were read."""
    _followed: set[str] = field(default_factory=set)
    """Issues whose fix was on its way then."""
    _fates: dict[tuple[str, ...], Fate] = field(default_factory=dict)
    """By names of commits, so that git is asked anew only when one of them changed."""

    async def round(self) -> int:
        """Look at every fix on its way; how many cases moved.

        Also what a command that died left half done is made good: nothing depends on an event.
        """
        tip = await self.repository.origin.commit_of(self.base)
        branches = frozenset(await self.repository.origin.branches(""))
        moved = 0
        async for filed in self._on_their_way():
            state = filed.case.state
            requests = self._requests(filed.case)
            if requests is not None and requests.feedback is not None:
                filed = await requests.feedback.answer(filed)  # noqa: PLW2901 - the same case, answered
            if state in {CaseState.FIXED, CaseState.MERGED}:
                now = await self._handed_on(filed, tip, branches)
            elif state is CaseState.DEPLOYED:
                now = await self._move(filed, CaseState.SOAKING, "stay quiet")
            else:
                now = await self._verified(filed)
            moved += now.case.state is not state
        return moved

    async def _on_their_way(self) -> AsyncIterator[Filed]:
        """Of the docket only what changed since the last round is read, and what is followed."""
        async for filed in self.docket.cases(after=self._upto):
            self._upto = max(self._upto, filed.revision)
            if filed.case.state in _FOLLOWED and self._is_here(filed.case):
                self._followed.add(filed.case.issue)
        for issue in tuple(self._followed):
            with suppress(Damaged):
                now = await self.docket.get(issue)
                if now is not None and now.case.state in _FOLLOWED and self._is_here(now.case):
                    yield now
                    continue
            self._followed.discard(issue)  # comes again when it changes

    def _is_here(self, case: Case) -> bool:
        """A case from before there were several repositories is looked for in each of them."""
        return not self.name or case.repository in {"", self.name}

    def _requests(self, case: Case) -> Requests | None:
        """Those of its repository: the same number is another request in each of the others."""
        return self.requests if not self.name or case.repository == self.name else None

    async def due_s(self) -> float | None:
        """Seconds until the next fix has soaked long enough; None where none soaks any more."""
        now = time.time_ns()
        ends = [
            filed.case.deployed.at_ns + int(self.soak_s * 1e9) - now
            async for filed in self._on_their_way()
            if filed.case.state is CaseState.SOAKING and filed.case.deployed
        ]
        return min((end / 1e9 for end in ends if end > 0), default=None)

    async def deployed(self, new: Deployment) -> list[Landing]:
        """Move the cases whose fix ``new`` brings, and note the fixes that it takes back."""
        await self.round()
        found: list[Landing] = []
        async for filed in self.docket.cases():
            case = filed.case
            if case.state not in AWAITED or case.delivered is None or not concerns(new, case):
                continue
            if not self._is_here(case):
                continue
            fate = await self._fate(case, new.commit)
            if fate.is_in and case.state in {CaseState.FIXED, CaseState.MERGED}:
                filed = await self._soaking(filed, new, fate)  # noqa: PLW2901 - the same case, moved on
            elif fate.reverted and not case.reverted:
                filed = await self._noted(filed, fate.reverted)  # noqa: PLW2901 - the same
            case = filed.case
            found.append(
                Landing(
                    case=case.case_id,
                    title=case.title,
                    state=case.state.value,
                    has_fix=fate.is_in,
                )
            )
        return found

    async def _handed_on(self, filed: Filed, tip: str, branches: Collection[str]) -> Filed:
        """A fix that is not known to run anywhere: deployed, merged or withdrawn meanwhile."""
        case = filed.case
        if case.delivered is None or not case.delivered.commit:
            return filed
        fate = await self._fate(case, tip)
        if fate.reverted:
            why = f"reverted by {fate.reverted[:12]}"
            return await self._move(filed, CaseState.WITHDRAWN, why)
        newest = await self._newest(case)
        if newest is not None and (runs := await self._fate(case, newest.commit)).is_in:
            return await self._soaking(filed, newest, runs)
        is_new = case.state is CaseState.FIXED
        if is_new and fate.landed:
            return await self._move(filed, CaseState.MERGED, "deploy it", landed=fate.landed)
        return await self._by_people(filed, branches) if is_new else filed

    async def _by_people(self, filed: Filed, branches: Collection[str]) -> Filed:
        """What people did with a fix, as its request or its branch tells."""
        case = filed.case
        requests = self._requests(case)
        request = await requests.look(case) if requests else None
        if request is not None and request.state is RequestState.OPEN:
            feedback = requests.feedback if requests else None
            return filed if feedback is None else await feedback.hear(filed, request)
        if request is not None and request.state is RequestState.MERGED:
            landed = request.merged_as
            return await self._move(filed, CaseState.MERGED, "deploy it", landed=landed)
        if request is not None:
            return await self._move(filed, CaseState.WITHDRAWN, "its request was closed unmerged")
        if case.delivered is None or case.delivered.branch in branches:
            return filed
        if await self._is_deleted(case.delivered.commit):
            return await self._move(filed, CaseState.WITHDRAWN, "its branch was deleted unmerged")
        return filed

    async def _is_deleted(self, commit: str) -> bool:
        """Whether a fix that was here is in no branch any more.

        In another clone, a server's that deploys or another worker's, it may never have been.
        """
        return await self.repository.origin.names_of(commit) == ()

    async def _newest(self, case: Case) -> Deployment | None:
        """What was deployed last where the case came from, told of by itself or for all."""
        told = case.deployed.service if case.deployed else ""
        places = {case.service, "", whole(case.repository), told}
        known = [await self.deployments.of(case.environment, place) for place in sorted(places)]
        return max((one[-1] for one in known if one), key=lambda new: new.at_ns, default=None)

    async def _soaking(self, filed: Filed, new: Deployment, fate: Fate) -> Filed:
        if filed.case.state is CaseState.FIXED:
            filed = await self._move(filed, CaseState.MERGED, "deploy it", landed=fate.landed)
        filed = await self._move(filed, CaseState.DEPLOYED, "wait", deployed=new)
        return await self._move(filed, CaseState.SOAKING, "stay quiet")

    async def _noted(self, filed: Filed, reverted: str) -> Filed:
        """A fix that runs no longer: if its issue comes back, a person decides."""
        token = filed.case.token

        def noted(case: Case) -> Case:
            if case.token != token:
                raise Fenced(f"Case {case.case_id} was taken by a worker meanwhile.")
            return replace(case, reverted=reverted)

        try:
            return await self.docket.change(filed, noted)
        except Fenced:
            return filed  # its error came back in this moment

    async def _verified(self, filed: Filed) -> Filed:
        """Quiet is not verified unless the service is heard from (rules A12)."""
        new = filed.case.deployed
        if new is None or time.time_ns() - new.at_ns < self.soak_s * 1e9:
            return filed
        if await self.deployments.heard(new.environment, new.service) <= new.at_ns:
            return filed
        newest = await self._newest(filed.case)
        if newest is None or not (await self._fate(filed.case, newest.commit)).is_in:
            return filed  # an older release was put back
        return await self._move(filed, CaseState.VERIFIED, "nothing")

    async def _fate(self, case: Case, commit: str) -> Fate:
        """Of the case's fix in the history of ``commit``; nothing where that is not here."""
        if case.delivered is None or not case.delivered.commit:
            return Fate()
        key = (case.case_id, case.delivered.commit, case.landed, case.base, commit)
        if key not in self._fates:
            try:
                messages = await self.repository.messages(commit, since=case.base, limit=_HISTORY)
            except GitError:
                return Fate()  # the deployed commit is not in this repository, or not yet
            if len(self._fates) >= _MOST_FATES:
                self._fates.clear()
            self._fates[key] = await self._told_by(messages, case, case.delivered.commit, commit)
        return self._fates[key]

    async def _told_by(
        self, messages: Mapping[str, str], case: Case, delivered: str, tip: str
    ) -> Fate:
        landed = next((sha for sha, text in messages.items() if _is_fix(sha, text, case)), "")
        if not landed and await self.repository.contains(tip, delivered):
            landed = delivered
        names = {delivered, case.landed, landed} - {""}
        return Fate(
            landed=landed,
            reverted=_taken_back(messages, names | await self._merges(messages, names)),
        )

    async def _merges(self, messages: Mapping[str, str], names: Collection[str]) -> set[str]:
        """The merges by which the fix came, of those that somebody reverted."""
        contains = self.repository.contains
        undone = {pair for text in messages.values() for pair in _REVERTS_MERGE.findall(text)}
        return {
            merge
            for merge, before in undone
            for name in names
            if await contains(merge, name) and not await contains(before, name)
        }

    async def _move(self, filed: Filed, to: CaseState, then: str, **changes: Any) -> Filed:  # noqa: ANN401 - as in move
        token = filed.case.token
        try:
            filed = await self.docket.change(
                filed, lambda case: move(case, to, token=token, **changes)
            )
        except (Fenced, IllegalMove):  # another worker was quicker, or a person
            return await self.docket.get(filed.case.issue) or filed
        await self.tell(filed.case, then)
        if requests := self._requests(filed.case):
            await requests.tell(filed.case)
        return filed


def concerns(new: Deployment, case: Case) -> bool:
    """Whether a case was reported from where this was deployed."""
    if new.environment != case.environment:
        return False
    return "" in {new.service, case.service} or new.service in {
        case.service,
        whole(case.repository),
    }


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
    ours = {case.case_id, case.joined} - {""}  # a fix that two cases share names the other one
    return sha in {delivered, case.landed} or any(belongs_to(message, one) for one in ours)
