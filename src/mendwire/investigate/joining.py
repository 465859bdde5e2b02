"""Several issues, one fix: cases that meet in the same place share a fix, or wait for another's.

What research says is only a reason to look. A case shares another's fix when its own reproduction
fails without that fix and passes with it; nothing less is believed (rules A9).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Damaged, Fenced, IllegalMove, Undecodable
from mendwire.model.case import (
    Case,
    CaseState,
    ParkReason,
    Step,
    Verdict,
    issue_of,
    move,
)
from mendwire.model.codec import kept_report
from mendwire.model.report import Trust
from mendwire.model.signature import parse_frames
from mendwire.model.target import Target, same_target, target_of, touches_the_same
from mendwire.model.work import Proof, ProofStatus

IN_WORK: Final = frozenset({CaseState.OPEN, CaseState.LEASED, CaseState.DELIVERING})
OPEN_FIX: Final = frozenset({CaseState.DELIVERED, CaseState.PUBLISHED, CaseState.FIXED})
"""A fix that people have not merged yet."""
LANDED: Final = frozenset({CaseState.MERGED, CaseState.DEPLOYED, CaseState.SOAKING})
"""One that they have: a case that works from the same commit is without it."""
MOST_FIXES: Final = 3
"""Open fixes against which one case's reproduction is run, the newest first."""
RUNS_KEPT: Final = 2
"""Of the runs that show a fix made anew to mend another case: red, and the first green one."""
AGAIN_NS: Final = 30 * 1_000_000_000
"""A case that waits looks again by itself: whoever was to wake it may have died."""

Shares = Callable[[Case, Case], Awaitable[Proof | None]]
"""Whether the second case's fix mends the first, with the runs that show it; else None."""


@dataclass(kw_only=True, slots=True)
class Joining:
    """Compares the cases of a namespace. One object serves all cases of a worker."""

    docket: Docket
    shares: Shares
    later: Callable[[Filed], None] | None = None
    """Has a case taken up that was woken: the sweeper's."""
    _near: dict[str, Case] = field(default_factory=dict)
    """Cases in work, waiting for another or with an open fix, by issue, without their reports."""
    _revision: int = 0

    async def mended(self, case: Case) -> tuple[Case, Proof] | None:
        """The open fix of another case that mends this one, too, and the proof of it."""
        files = _files_of(case)
        fixes = [
            other
            for other in await self._others(case)
            if _may_share(case, other) and other.change and _near_by(files, other.change.files)
        ]
        return await self._first_shared(case, fixes)

    async def overlapped(self, case: Case) -> tuple[Case, Proof | None] | None:
        """A fix that changes the same lines as this case's: the one that mends it, too.

        Else, without a proof, an open one that does not.
        """
        change = case.change
        if change is None:
            return None
        fixes = [
            other
            for other in await self._others(case)
            if _has_fix(other, case.base)
            and other.change
            and touches_the_same(change, other.change, same_base=case.base == other.base)
        ]
        ours = [one for one in fixes if _may_share(case, one, case.base)]
        shared = await self._first_shared(case, ours, case.base)
        waits = next((one for one in fixes if one.state in OPEN_FIX), None)
        return shared if shared is not None or waits is None else (waits, None)

    async def ahead(self, case: Case) -> Case | None:
        """An earlier case in work whose fix belongs to the same place.

        Only earlier ones, so that no two wait for each other.
        """
        mine = _target(case)
        if mine is None:
            return None
        for other in await self._others(case):
            if other.finding is None or not (other.state in IN_WORK and _is_earlier(other, case)):
                continue
            full = await self._now(other.case_id)
            theirs = _target(full) if full is not None else None
            if theirs is not None and same_target(mine, theirs):
                return full
        return None

    async def delivering(self, case: Case) -> Case | None:
        """Another case that changes the same lines and comes before this one through the door.

        Earlier ones do; before this one is ``handing`` itself, also who is handed over already.
        An earlier one that comes later finds this one handing, so of two that meet one delivers.
        """
        change = case.change
        for other in await self._others(case) if change is not None else ():
            if (
                other.state is CaseState.DELIVERING
                and (_is_earlier(other, case) or (other.handing and not case.handing))
                and change is not None
                and other.change is not None
                and touches_the_same(change, other.change, same_base=case.base == other.base)
            ):
                return other
        return None

    async def still_waits(self, case: Case) -> bool:
        """Whether that for which a case was laid aside is still to come."""
        other = await self._now(case.joined)
        if other is None:
            return False
        if case.step is Step.RESEARCH:
            return other.state in IN_WORK
        is_open = other.state in OPEN_FIX or other.state is CaseState.DELIVERING
        return is_open or other.rework is not None

    async def mends_all(self, case: Case, proof: Proof) -> Proof:
        """The proof of a fix that was made anew, held against each case that shares it (rules A9).

        Invalid where one of them is not shown to be mended any more.
        """
        for other in await self._sharing(case):
            shared = await self.shares(other, case)
            if shared is None:
                why = (
                    f"It is not shown to mend {other.title} any more: case {other.case_id} shares "
                    "this fix, so its reproduction must pass with the change, too."
                )
                return replace(proof, status=ProofStatus.INVALID, reasons=(why,))
            told = f"It mends case {other.case_id}, too: {' '.join(shared.reasons)}"
            runs = tuple(
                replace(run, what=f"{run.what}, of case {other.case_id}")
                for run in shared.runs[:RUNS_KEPT]
            )
            proof = replace(proof, reasons=(*proof.reasons, told), runs=(*proof.runs, *runs))
        return proof

    async def follow(self, fix: Case) -> None:
        """Have the cases that share a fix name the commit that it was made anew as; legal twice."""
        for other in await self._sharing(fix):
            if other.delivered == fix.delivered:
                continue
            with suppress(Damaged, Fenced):
                filed = Filed(case=other, revision=0)
                await self.docket.change(filed, lambda now: _following(now, fix))

    async def wake(self, awaited: Case) -> None:
        """Have the cases taken up that waited for this one."""
        waiting = [
            other
            for other in await self._others(awaited)
            if other.joined == awaited.case_id and _waits(other)
        ]
        for other in waiting:
            with suppress(Damaged, Fenced, IllegalMove):
                await self._woken(other)

    async def _woken(self, other: Case) -> None:
        filed = await self.docket.get(other.issue)
        if filed is None or not _waits(filed.case):
            return
        await self.docket.call(other.issue, 0)
        token = filed.case.token
        opened = await self.docket.change(
            filed, lambda now: move(now, CaseState.OPEN, token=token, parking=None)
        )
        if self.later is not None:
            self.later(opened)

    async def _first_shared(
        self, case: Case, fixes: list[Case], base: str = ""
    ) -> tuple[Case, Proof] | None:
        for other in fixes[:MOST_FIXES]:
            fix = await self._now(other.case_id)
            if fix is None or not _has_fix(fix, base) or fix.delivered is None:
                continue
            proof = await self.shares(case, fix)
            if proof is not None and await self._stands(fix, base):
                return fix, proof
        return None

    async def _stands(self, fix: Case, base: str) -> bool:
        """Whether that change is still the fix: people may have asked for another meanwhile."""
        now = await self._now(fix.case_id)
        return now is not None and _has_fix(now, base) and now.delivered == fix.delivered

    async def _sharing(self, fix: Case) -> list[Case]:
        """The cases that say ``fixed`` by this one's fix, while people may still change it."""
        near = [one for one in await self._others(fix) if _shares(one, fix)]
        full = [await self._now(one.case_id) for one in near]
        return [one for one in full if one is not None and _shares(one, fix)]

    async def _others(self, case: Case) -> list[Case]:
        """The others of its repository, newest first; of the docket only what changed is read."""
        async for filed in self.docket.cases(after=self._revision):
            self._revision = max(self._revision, filed.revision)
            one = filed.case
            if one.state in IN_WORK | OPEN_FIX | LANDED or _waits(one):
                self._near[one.issue] = replace(one, report=b"", proof=None, review=None)
            else:
                self._near.pop(one.issue, None)
        others = (one for one in self._near.values() if one.issue != case.issue)
        here = [one for one in others if one.repository == case.repository]
        return sorted(here, key=_age, reverse=True)

    async def _now(self, case_id: str) -> Case | None:
        """The case as the docket has it; None where it has gone on to another episode."""
        try:
            filed = await self.docket.get(issue_of(case_id))
        except Damaged:
            return None
        return filed.case if filed is not None and filed.case.case_id == case_id else None


def until_ns() -> int:
    """When a case that waits looks again, nanoseconds since the epoch."""
    return time.time_ns() + AGAIN_NS


def _waits(case: Case) -> bool:
    parking = case.parking if case.state is CaseState.PARKED else None
    return parking is not None and parking.reason is ParkReason.JOINED


def _has_fix(case: Case, base: str = "") -> bool:
    """A fix of its own, for one that shares another's is no fix to share.

    One that ``base`` is without: it is open, or was made from that very commit and merged since.
    """
    is_new = case.state in OPEN_FIX or (case.state in LANDED and bool(base) and case.base == base)
    return is_new and case.verdict is Verdict.FIXED and not case.joined


def _shares(case: Case, fix: Case) -> bool:
    is_fixed = case.state in OPEN_FIX and case.verdict is Verdict.FIXED
    return is_fixed and case.joined == fix.case_id


def _following(case: Case, fix: Case) -> Case:
    if not _shares(case, fix) or case.delivered == fix.delivered:
        return case
    told = "It was made anew since, and shown to mend this again."
    reason = case.reason if told in case.reason else f"{case.reason} {told}"
    return replace(case, delivered=fix.delivered, reason=reason)


def _may_share(case: Case, other: Case, base: str = "") -> bool:
    """Fixes of reports of low trust stay here: a trusted report's case waits for none of them."""
    trusted = other.trust is Trust.TRUSTED or case.trust is Trust.LOW
    return _has_fix(other, base) and trusted and not case.restricted


def _is_earlier(one: Case, other: Case) -> bool:
    return _age(one) < _age(other)


def _age(case: Case) -> tuple[int, str]:
    return case.opened_ns, case.issue


def _target(case: Case) -> Target | None:
    if case.finding is None or case.restricted:
        return None
    try:
        return target_of(case.finding, kept_report(case).report)
    except Undecodable:
        return None


def _files_of(case: Case) -> frozenset[str]:
    """The names of the files that a case is about: on its stack, and as research names them."""
    frames = parse_frames(kept_report(case).report)
    told = case.finding.files if case.finding else ()
    return _names((*(one.file for one in frames if one.in_app is not False), *told))


def _near_by(files: frozenset[str], changed: Iterable[str]) -> bool:
    return bool(files & _names(changed))


def _names(files: Iterable[str]) -> frozenset[str]:
    return frozenset(file.replace("\\", "/").rpartition("/")[2] for file in files if file)
