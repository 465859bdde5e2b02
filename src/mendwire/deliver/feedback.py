"""What people say on a request becomes another round of implementation; each remark once.

Only accounts with write permission are heard, never machines and never our own words. A remark is
noted in the very change of the docket that begins its round, so that a kill leaves it either
unheard or in work. The answer is owed in the docket until the forge shows it (rules A4).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.deliver.requests import Forge, Remark, Request, is_ours, marked
from mendwire.docket.cases import Docket, Filed
from mendwire.errors import Fenced, ForgeError, IllegalMove, ScreenBroken
from mendwire.model.case import Answer, Case, CaseState
from mendwire.model.printable import printable
from mendwire.model.rework import heeded, reworked
from mendwire.model.spending import Allowance
from mendwire.telemetry import emit

Passes = Callable[[str], Awaitable[bool]]
"""Whether the screen lets a text go on; raises ScreenBroken."""

_ANSWERS: Final = {
    Answer.AGAIN: "Mendwire made the change anew for what was asked here, and proved it again: it "
    "is the newest commit of this branch.",
    Answer.SAME: "Mendwire tried what was asked here and came to the same change: the branch stays "
    "as it is.",
    Answer.UNPROVEN: "Mendwire tried what was asked here and found no change that it could prove: "
    "the branch stays as it is.",
    Answer.UNDELIVERED: "Mendwire made and proved another change, and could not put it on this "
    "branch: the branch stays as it is.",
    Answer.TAKEN: "This branch has commits that are not Mendwire's, so it is yours: Mendwire "
    "changes it no more.",
    Answer.ROUNDS: "Mendwire has made as many rounds as it may for this fix (forge.rounds): the "
    "rest is yours.",
    Answer.MONEY: "What this issue may cost is spent (limits.issue_usd, limits.issue_tokens): the "
    "rest is yours.",
    Answer.HELD: "Mendwire's screen held back what was said here, so it was not taken up.",
}
"""Words of ours alone; only a change made anew has its evidence below them, as its request had."""
_SAYING_NS: Final = 120 * 1_000_000_000
"""So long at most an answer takes to be said; also between two tries."""
_STRANGE_S: Final = 3_600.0
"""After so long an account that may not write is asked after again."""
_ASKED: Final = 50
"""Accounts that are asked after in one look; the rest in the next."""
_AT_ONCE: Final = 20
"""Remarks of one round; the rest is for the next."""
_TEXT: Final = 4_000
"""Characters of one remark; the screen and a prompt take no more at once."""
_ALL: Final = 5_500
"""Of all remarks of a round, so that a prompt shows the whole."""


@dataclass(kw_only=True, slots=True)
class Feedback:
    """Hears what is said on the requests of one repository's fixes."""

    docket: Docket
    forge: Forge
    passes: Passes
    has_secret: Callable[[str], object]
    rounds: int
    """For one fix."""
    allowance: Allowance
    later: Callable[[Filed], None] | None = None
    """Has a case driven at once; a sweep finds it all the same."""
    lets: Callable[[Case], bool] = lambda _case: True
    """Whether the settings still let a case's request be moved on."""
    shows: Callable[[Case], str] = lambda _case: ""
    """The evidence of a change made anew, without any effect; empty where it may hold a secret."""
    _others: dict[str, float] = field(default_factory=dict)
    """Accounts that may not write, and when that was asked, by the monotonic clock."""

    async def hear(self, filed: Filed, request: Request) -> Filed:
        """The case in another round where somebody asked for it; a forge that fails delays it."""
        case = filed.case
        if case.delivered is None or case.joined or case.answer or case.reworks > self.rounds:
            return filed
        if not self.lets(case):
            return filed
        try:
            said = await self._wishes(case)
            if not said:
                return filed
            return await self._taken_up(filed, request, said)
        except (ForgeError, ScreenBroken) as problem:
            emit("forge.failed", case=case.case_id, error=str(problem))
        except (Fenced, IllegalMove):
            pass  # somebody else heard it in this moment, or a person acted on the case
        return filed

    async def _wishes(self, case: Case) -> list[Remark]:
        number = case.delivered.request_number if case.delivered else 0
        remarks = await asyncio.to_thread(self.forge.remarks, number)
        new = [
            one
            for one in remarks
            if one.is_wish
            and one.author
            and one.text.strip()
            and one.id not in case.heard
            and not is_ours(one.text)
        ]
        writers = await self._writers(dict.fromkeys(one.author for one in new))
        return [one for one in new if one.author in writers][:_AT_ONCE]

    async def _writers(self, authors: Iterable[str]) -> set[str]:
        """Those who may write. Of strangers there may be many, so a no is kept for a while."""
        now = time.monotonic()
        self._others = {who: at for who, at in self._others.items() if now - at < _STRANGE_S}
        found: set[str] = set()
        for author in [one for one in authors if one not in self._others][:_ASKED]:
            if await asyncio.to_thread(self.forge.may_write, author):
                found.add(author)
            else:
                self._others[author] = now
        return found

    async def _taken_up(self, filed: Filed, request: Request, said: list[Remark]) -> Filed:
        case = filed.case
        assert case.delivered is not None, "asked for before"
        if request.head != case.delivered.commit:
            if request.head == case.delivered.before:
                return filed  # the forge has not seen our newest commit yet
            return await self._declined(filed, said, Answer.TAKEN, is_last=True)
        if case.reworks >= self.rounds:
            return await self._declined(filed, said, Answer.ROUNDS, is_last=True)
        if self.allowance.is_spent(case):
            return await self._declined(filed, said, Answer.MONEY, is_last=True)
        fit: list[Remark] = []
        held: list[Remark] = []
        for one in said:
            text = _told(one)
            # The whole of it, for half of a secret looks like none.
            is_fit = not self.has_secret(one.text) and await self.passes(text)
            (fit if is_fit else held).append(one)
        if not fit:
            return await self._declined(filed, said, Answer.HELD)
        texts, taken = _bounded(fit)
        ids = tuple(one.id for one in (*taken, *held))
        filed = await self.docket.change(filed, lambda now: reworked(now, texts, ids))
        await self.docket.call(case.issue, 0)
        emit("forge.heard", case=case.case_id, remarks=len(taken), held=len(held))
        if self.later is not None:
            self.later(filed)
        return filed

    async def _declined(
        self, filed: Filed, said: list[Remark], answer: Answer, *, is_last: bool = False
    ) -> Filed:
        ids = tuple(one.id for one in said)

        def declined(now: Case) -> Case:
            if now.state is not CaseState.FIXED:
                raise IllegalMove(f"Case {now.case_id} is {now.state}.")
            rounds = self.rounds + 1 if is_last else now.reworks
            return replace(heeded(now, ids, answer), reworks=rounds)

        return await self.docket.change(filed, declined)

    async def answer(self, filed: Filed) -> Filed:
        """Say what is owed, unless the request shows it; then it is owed no more."""
        case, owed = filed.case, filed.case.answer
        if owed is None or case.delivered is None or _is_being_said(case):
            return filed
        number = case.delivered.request_number
        try:
            filed = await self.docket.change(filed, lambda now: _begun(now, owed))
        except (Fenced, IllegalMove):
            return filed  # another worker says it
        mark = f"Mendwire-Round: {len(case.heard)}"
        shown = self.shows(case) if owed is Answer.AGAIN else ""
        said_of_it = "\n\n".join(filter(None, (_ANSWERS[owed], shown, mark)))
        text = marked(said_of_it, case.case_id)
        try:
            known = await asyncio.to_thread(self.forge.remarks, number)
            if not any(is_ours(one.text) and mark in one.text.splitlines() for one in known):
                await asyncio.to_thread(self.forge.comment, number, text)
        except ForgeError as problem:
            emit("forge.failed", case=case.case_id, error=str(problem))
            return filed

        def said(now: Case) -> Case:
            return replace(now, answer=None, answering_ns=0) if now.answer is owed else now

        try:
            return await self.docket.change(filed, said)
        except Fenced:
            return filed


def _is_being_said(case: Case) -> bool:
    """Whether a worker began to say it just now; one that was killed at it is not waited for."""
    return abs(time.time_ns() - case.answering_ns) < _SAYING_NS


def _begun(case: Case, owed: Answer) -> Case:
    if case.answer is not owed or _is_being_said(case):
        raise IllegalMove(f"What case {case.case_id} owes is said already.")
    return replace(case, answering_ns=time.time_ns())


def _told(one: Remark) -> str:
    place = f"{printable(one.place, 200)}: " if one.place else ""
    return place + printable(one.text.strip(), _TEXT, lines=True)


def _bounded(said: list[Remark]) -> tuple[str, list[Remark]]:
    """The first of them that fit together, one at least."""
    texts: list[str] = []
    taken: list[Remark] = []
    size = 0
    for one in said:
        text = _told(one)
        if taken and size + len(text) > _ALL:
            break
        texts.append(text)
        taken.append(one)
        size += len(text)
    return "\n\n".join(texts), taken
