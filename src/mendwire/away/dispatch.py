"""The orchestrator's side: a letter is sent once, waited for, given up, and never paid for twice.

The case says which task it waits for before the task is published. So whoever takes the case over
finds it, running or done, and takes its one result (rules A1, A4).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.away.post import UNVOUCHED, context_of
from mendwire.away.replies import Reader
from mendwire.docket.cases import Docket, Filed
from mendwire.docket.letters import Letters, letter_in
from mendwire.docket.roster import Presence, Roster
from mendwire.errors import (
    AgentError,
    AgentFailed,
    ConfigError,
    Fenced,
    ProviderOutage,
    RunCancelled,
    SpecialistsAway,
)
from mendwire.investigate.ports import Said
from mendwire.model.case import UNFINISHED, Away, Case
from mendwire.model.letter import Letter, task_type
from mendwire.model.printable import printable
from mendwire.model.work import AgentAnswer
from mendwire.tasks.outcomes import End, Ended
from mendwire.tasks.queue import TaskQueue

LOOK_S: Final = 2.0
"""Between two looks at the case, the specialists and the task."""
OVERHEAD_S: Final = 600.0
"""For fetching the commit and making a tree, beside the agent's own time."""
BY: Final = "the orchestrator"


@dataclass(kw_only=True, slots=True)
class Dispatch:
    """``investigate.ports.Elsewhere`` by the queue of tasks."""

    queue: TaskQueue
    docket: Docket
    letters: Letters
    roster: Roster
    """Of the specialists; not entered, for we are none."""
    reader: Reader
    roles: frozenset[str]
    here: bool = False
    """Whether a role that nobody elsewhere plays is played here instead of waiting."""
    patience_s: float = 60.0
    """How long nobody may be there before that."""
    wait_s: float = 3600.0
    """How long a letter may wait while all that are there are busy."""
    look_s: float = LOOK_S
    clock: Callable[[], float] = time.monotonic
    """Seconds."""
    _absent: dict[str, float] = field(default_factory=dict)
    """Since when nobody was seen at any look, by role; seconds of the monotonic clock."""

    async def ask(self, case: Case, letter: Letter, said: Said) -> AgentAnswer | None:
        """One specialist's answer; None where it is to be done here. See the port."""
        ended = await self._found(case, letter)
        if ended is None and await self._waited_in_vain(letter.called):
            ended = await self._called_back(case, letter.called)
            if ended is None:
                self._refuse_waiting(letter.called)
                return None
        if ended is None:
            task_id = await self._sent(case, letter)
            ended = await self._awaited(case, letter, task_id, said)
        if ended is None:
            self._refuse_waiting(letter.called)
            return None
        return await self._read(case, letter, ended)

    async def call_back(self, case: Case) -> None:
        """See the port."""
        if case.away is None:
            return
        task_id = case.away.task_id
        if await self.queue.result(task_id) is None:
            await self._cancelled(task_id, "the case went on without it")
        await self.letters.forget(task_id)

    async def _found(self, case: Case, letter: Letter) -> Ended | None:
        """The result that a killed worker waited for, where it is there already."""
        away = (await self._confirmed(case)).case.away
        if away is None or away.called != letter.called:
            return None
        ended = await self.queue.result(away.task_id)
        if ended is not None and ended.end == End.CANCELLED and ended.result.agent == BY:
            await self._forget(case)
            return None
        return ended

    async def _called_back(self, case: Case, called: str) -> Ended | None:
        """What a killed worker sent waits for nobody; its result, if it was done just now."""
        away = (await self._confirmed(case)).case.away
        if away is None or away.called != called:
            return None
        ended = await self._cancelled(away.task_id, "nobody who plays the role is there")
        return ended if ended is not None and ended.end != End.CANCELLED else None

    async def _sent(self, case: Case, letter: Letter) -> str:
        """The id of the task; published, unless whoever had the case before did it."""

        def noted(now: Case) -> Case:
            if now.away is not None and now.away.called == letter.called:
                return now
            sent = now.sent + 1
            away = Away(called=letter.called, task_id=f"{case.case_id}-s{sent}")
            return replace(now, away=away, sent=sent)

        filed = await self.docket.change(await self._confirmed(case), noted)
        away = filed.case.away
        assert away is not None, "noted just now"
        context = context_of(letter)
        await self.letters.vouch(letter_in(context), away.task_id)
        await self.queue.publish(
            task_type(letter.called),
            f"{letter.called} of case {case.case_id}: {case.title}",
            priority_="low" if case.restricted else "normal",
            context=context,
            id_=away.task_id,
        )
        return away.task_id

    async def _awaited(self, case: Case, letter: Letter, task_id: str, said: Said) -> Ended | None:
        """Its result; None when nobody who plays the role is left. Raises Fenced, AgentFailed."""
        limit_s = letter.limits.seconds + OVERHEAD_S
        watch = _Watch(limit_s=limit_s, wait_s=self.wait_s, looked=self.clock())
        while True:
            ended = await self.queue.result(task_id, wait_s=self.look_s)
            if ended is not None:
                return ended
            await self._refuse_taken(case, task_id)
            line = await self.queue.progress(task_id)
            if line is not None:
                watch.heard(line.agent, line.status, line.findings, said)
            there = await self.living(letter.called)
            watch.look(self.clock(), [one for one in there if task_id in one.at_work])
            why = watch.given_up()
            if not why and (there or self._absent_s(letter.called) <= self.patience_s):
                continue
            ended = await self._cancelled(task_id, why or "nobody who plays the role is there")
            if ended is not None and ended.end != End.CANCELLED:
                return ended  # done in the last moment
            if why:
                raise watch.problem(letter.called, why)
            return None

    async def living(self, called: str) -> list[Presence]:
        """Who plays a role, as far as can be known."""
        others = (await self.roster.others()).values()
        there = [one for one in others if one is not None and called in one.roles]
        if there:
            self._absent.pop(called, None)
        else:
            self._absent.setdefault(called, self.clock())
        return there

    async def _waited_in_vain(self, called: str) -> bool:
        """Whether nobody was there for all our patience, which is waited out once."""
        while not await self.living(called):
            if self._absent_s(called) > self.patience_s:
                return True
            await asyncio.sleep(min(self.look_s, self.patience_s))
        return False

    def _absent_s(self, called: str) -> float:
        now = self.clock()
        return now - self._absent.get(called, now)

    def _refuse_waiting(self, called: str) -> None:
        """Nobody is there: raises SpecialistsAway, unless it may be done here."""
        if not self.here:
            raise SpecialistsAway(
                f"No process that plays {called} is there: start `mendwire specialist --role "
                f"{called}` where the repository and an agent are. The case looks again by itself."
            )

    async def _read(self, case: Case, letter: Letter, ended: Ended) -> AgentAnswer:
        if ended.end == End.CANCELLED:
            raise await self._cancelled_by(case, letter.called, ended)
        if ended.end != End.DONE:
            why = printable(" ".join(ended.result.solution.split()), 300) or "no reason was given"
            by = printable(ended.result.agent, 100)
            await self.letters.forget(ended.result.task_id)
            # No agent saw it: it was changed on its way, and the next try is a letter of its own.
            kind = SpecialistsAway if why.startswith(UNVOUCHED) else AgentFailed
            raise kind(f"The {letter.called} specialist's task failed by {by}: {why}")
        try:
            answer = await self.reader.read(letter, ended.result.evidence.get("reply"))
        except ProviderOutage:
            await self._forget(case)  # the next try is a letter of its own
            raise
        finally:
            await self.letters.forget(ended.result.task_id)
        return answer

    async def _cancelled_by(self, case: Case, called: str, ended: Ended) -> AgentError:
        """An orchestrator's call takes back a letter alone; a person's hand is respected (A11)."""
        await self.letters.forget(ended.result.task_id)
        if ended.result.agent == BY:
            await self._forget(case)
            return SpecialistsAway(f"The letter to the {called} specialist was called back.")
        by = printable(ended.result.agent, 100) or "somebody"
        why = printable(" ".join(ended.result.solution.split()), 300)
        return RunCancelled(
            f"The {called} specialist's task was cancelled by {by} ({why}). It begins anew with "
            f"mendwire cases retry {case.issue[:8]}."
        )

    async def _forget(self, case: Case) -> None:
        filed = await self._confirmed(case)
        await self.docket.change(filed, lambda now: replace(now, away=None))

    async def _confirmed(self, case: Case) -> Filed:
        return await self.docket.confirm(Filed(case=case, revision=0))

    async def _refuse_taken(self, case: Case, task_id: str) -> None:
        """Stop the specialist where a person stopped the case; an heir's is left alone."""
        latest = await self.docket.get(case.issue)
        now = latest.case if latest else None
        if now is not None and now.token == case.token:
            return
        heir = now is not None and now.state in UNFINISHED and now.away is not None
        if not (heir and now is not None and now.away and now.away.task_id == task_id):
            await self._cancelled(task_id, "the case was taken out of the orchestrator's hands")
        raise Fenced(f"Case {case.case_id} was taken over or stopped while a specialist worked.")

    async def _cancelled(self, task_id: str, why: str) -> Ended | None:
        """Stops whoever works on it; the result that it has."""
        try:
            return await self.queue.cancel(task_id, by=BY, reason=why)
        except ConfigError:
            return None  # never stored, or never begun: nobody works on it


@dataclass(kw_only=True, slots=True)
class _Watch:
    """How long a letter has waited, and how long it was worked on; seconds.

    Whose process is gone works no more: the letter waits again, for whoever is given it next.
    """

    limit_s: float
    wait_s: float
    looked: float
    """At the last look, by the dispatcher's clock."""
    worked: float = 0.0
    """In the run that goes on, or went on last."""
    waited: float = 0.0
    """Since nobody has it."""
    holder: str = ""
    """Id of the process that has it; empty where none does."""
    by: str = ""
    """What it is called."""
    told: tuple[str, str, str] = ("", "", "")

    def heard(self, agent: str, status: str, text: str, said: Said) -> None:
        """A line of progress, perhaps one that is known."""
        line = (agent, status, text)
        if line == self.told:
            return
        self.told = line
        said("elsewhere", printable(f"{agent}: {text}", 300))

    def look(self, now: float, holders: Sequence[Presence]) -> None:
        """Who has it now, as the living say; the time since the last look is counted so."""
        since, self.looked = now - self.looked, now
        known = next((one for one in holders if one.worker == self.holder), None)
        found = known or next(iter(holders), None)
        if found is None:
            self.holder = ""
            self.waited += since
            return
        if found.worker != self.holder:
            self.holder, self.by, self.worked = found.worker, printable(found.name, 100), 0.0
        self.worked += since
        self.waited = 0.0

    def given_up(self) -> str:
        """Why nothing is waited for any more; empty while something is."""
        if self.worked > self.limit_s:
            return f"{self.by} had no answer after {self.limit_s:.0f} s"
        if self.waited > self.wait_s:
            return f"nobody who plays the role was free for {self.wait_s:.0f} s"
        return ""

    def problem(self, called: str, why: str) -> AgentFailed | SpecialistsAway:
        """Begun and not ended is an attempt; what waits is none."""
        kind = AgentFailed if self.worked > self.limit_s else SpecialistsAway
        return kind(f"The {called} specialist was given up: {why}.")
