"""The specialist's side: a letter becomes a run of this machine's agent in this machine's clone.

Nothing is needed from the orchestrator but the letter: the commit is fetched from the clone's own
remote, the agent, its login and the sandbox are this machine's.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from mendwire.agents import Agent, OnSaid
from mendwire.agents.running import ran
from mendwire.away.post import UNVOUCHED
from mendwire.docket.letters import Letters, letter_in
from mendwire.docket.roster import Hands
from mendwire.errors import (
    AgentError,
    AgentFailed,
    ConfigError,
    ExecutionError,
    GitError,
    MendwireError,
    OverBudget,
    ProviderOutage,
    RepositoryUnfit,
    Undecodable,
)
from mendwire.execution.remote import fetch
from mendwire.investigate.workshop import Place, Workshop
from mendwire.model.codec import encode, sent_report
from mendwire.model.letter import PATCH_BYTES, Letter, Reply, ReplyKind
from mendwire.model.printable import printable
from mendwire.model.trace import span_of
from mendwire.model.work import AgentAnswer, Assignment, Change, Limits, Reproduction, Role
from mendwire.tasks import Context, Fail, Retry, Task
from mendwire.telemetry import emit, part, within

TRIES: Final = 4
"""Times that a letter is offered to whoever is free while those who take it cannot do it."""
MOST_BYTES: Final = 700 * 1024
"""Of one reply: a server takes messages of a megabyte unless it was told otherwise."""
_TOLD_S: Final = 2.0
"""Between two lines of progress."""
_LOOKS: Final = 5
_LOOK_S: Final = 0.2
_LOG: Final = 4_000


@dataclass(kw_only=True, slots=True)
class Tally:
    """What this process has done."""

    answered: int = 0
    failed: int = 0
    unable: int = 0
    """Letters that it could not work on and left to others."""
    cost_usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Service:
    """One process's work. ``answer`` is the function of its tasks."""

    agent: Agent
    workshop: Workshop
    letters: Letters
    limits: Limits
    """This machine's own; the smaller of these and the letter's count."""
    may_run: bool
    by: str
    """What this process is called in its replies."""
    remote: str
    """The clone's remote that has what is missing here."""
    has_secret: Callable[[str], object]
    hands: Hands = field(default_factory=Hands)
    """Tells those who wait which letters are worked on here."""
    tally: Tally = field(default_factory=Tally)

    async def answer(self, task: Task, context: Context) -> dict[str, object]:
        """What becomes the task's result. Raises Fail for what no orchestrator sent, and Retry."""
        try:
            letter = letter_in(task.context)
        except Undecodable as problem:
            raise Fail(f"{UNVOUCHED} it is none of this version: {problem}") from None
        await self._refuse_forged(task, letter)
        with self.hands.on(task.id), within(span_of(letter.trace)), part():
            return await self._answered(task, letter, context)

    async def _answered(self, task: Task, letter: Letter, context: Context) -> dict[str, object]:
        await context.progress(f"{letter.called} of {letter.case_id}", status="began")
        emit("specialist.began", case=letter.case_id, role=letter.called, task=task.id)
        reply = await self._replied(task, letter, context)
        self._count(reply)
        emit(
            "specialist.ended",
            case=letter.case_id,
            role=letter.called,
            task=task.id,
            how=reply.kind.value,
            why=reply.why,
            cost_usd=round(reply.cost_usd, 6),
            tokens=reply.tokens,
        )
        if reply.kind is ReplyKind.UNABLE and context.attempt < TRIES:
            raise Retry(reply.why, delay_s=float(context.attempt))
        return {
            "solution": _headline(reply),
            "cost": {"usd": round(reply.cost_usd, 6), "tokens": reply.tokens},
            "evidence": {"case": letter.case_id, "reply": reply},
        }

    async def _refuse_forged(self, task: Task, letter: Letter) -> None:
        """Whoever may publish tasks may not speak for the screen (rules B4)."""
        for _ in range(_LOOKS):
            if await self.letters.is_genuine(letter, task.id):
                break
            await asyncio.sleep(_LOOK_S)
        else:
            raise Fail(
                f"{UNVOUCHED} it was published by somebody else, changed on its way, or sent by "
                "another version of Mendwire; run the same version everywhere."
            )
        if letter.restricted and letter.role is not Role.RESEARCH:
            raise Fail("A restricted case is for research alone.")

    def _count(self, reply: Reply) -> None:
        self.tally.cost_usd += reply.cost_usd
        self.tally.tokens += reply.tokens
        if reply.kind is ReplyKind.ANSWER:
            self.tally.answered += 1
        elif reply.kind is ReplyKind.UNABLE:
            self.tally.unable += 1
        else:
            self.tally.failed += 1

    async def _replied(self, task: Task, letter: Letter, context: Context) -> Reply:
        def ended(kind: ReplyKind, problem: MendwireError) -> Reply:
            said = Reply(kind=kind, called=letter.called, by=self.by, agent=self.agent.name)
            if isinstance(problem, AgentError):
                said = replace(said, cost_usd=problem.cost_usd, tokens=problem.tokens)
            return replace(said, why=printable(str(problem), 500))

        try:
            return await self._worked(task, letter, context)
        except ProviderOutage as problem:
            reply = ended(ReplyKind.OUTAGE, problem)
            return replace(reply, retry_after_s=problem.retry_after_s)
        except OverBudget as problem:
            return ended(ReplyKind.OVER_BUDGET, problem)
        except AgentError as problem:
            return ended(ReplyKind.FAILED, problem)
        except (ExecutionError, ConfigError) as problem:
            return ended(ReplyKind.UNABLE, problem)

    async def _worked(self, task: Task, letter: Letter, context: Context) -> Reply:
        await self._have(letter.base)
        commit = await self.workshop.begins(letter)
        key = f"{task.id}-{secrets.token_hex(3)}"
        async with self.workshop.place(commit, key) as place, _telling(context) as said:
            before = await self.workshop.outside(place)
            answer = await ran(self.agent, self._assignment(letter, place), said)
            change = None
            if letter.role is Role.IMPLEMENTATION:
                change = await self.workshop.change(place, letter.base, answer.explanation)
                harm = await self.workshop.harm(before, place)
                change = replace(change, outside=harm)
        return self._reply(letter, answer, change)

    async def _have(self, base: str) -> None:
        """The commit is here, or fetched; raises RepositoryUnfit with what to do."""
        origin = self.workshop.repository.origin
        with suppress(RepositoryUnfit):
            await origin.commit_of(base)
            return
        why = "it is not there"
        try:
            await fetch(origin.top, self.remote, base)
            await origin.commit_of(base)
        except GitError as problem:
            why = str(problem)
        except RepositoryUnfit:
            pass
        else:
            return
        message = (
            f"The commit {base[:12]} is not in {origin.top} and could not be fetched from "
            f"{self.remote}: {why} Push it there, or name the remote that has it "
            "(specialists.fetch)."
        )
        raise RepositoryUnfit(message)

    def _assignment(self, letter: Letter, place: Place) -> Assignment:
        ours, theirs = self.limits, letter.limits
        at_most = Limits(
            cost_usd=min(ours.cost_usd, theirs.cost_usd),
            turns=min(ours.turns, theirs.turns),
            seconds=min(ours.seconds, theirs.seconds),
            tokens=min(filter(None, (ours.tokens, theirs.tokens)), default=0),
        )
        given = self.workshop.assignment(letter, place, sent_report(letter), at_most)
        return replace(given, may_run=self.may_run and given.may_run)

    def _reply(self, letter: Letter, answer: AgentAnswer, change: Change | None) -> Reply:
        """Bounded and without secrets: it is kept where results are."""
        reply = Reply(
            kind=ReplyKind.ANSWER,
            called=letter.called,
            by=self.by,
            agent=self.agent.name,
            answer=_fields(answer),
            patch=change.patch if change else "",
            outside=change.outside if change else (),
            cost_usd=answer.cost_usd,
            tokens=answer.tokens,
            turns=answer.turns,
            log=answer.log[-_LOG:],
        )
        size = len(reply.patch.encode("utf-8", "replace"))
        if size > PATCH_BYTES:
            message = f"The change has {size} bytes; a fix may have {PATCH_BYTES} at most."
            raise AgentFailed(message, cost_usd=answer.cost_usd, tokens=answer.tokens)
        if (size := len(encode(reply))) > MOST_BYTES:
            message = f"The answer has {size} bytes; {MOST_BYTES} can be sent."
            raise AgentFailed(message, cost_usd=answer.cost_usd, tokens=answer.tokens)
        if self.has_secret(encode(reply).decode("utf-8", "replace")):
            message = "The answer holds a secret, so it was not sent."
            raise AgentFailed(message, cost_usd=answer.cost_usd, tokens=answer.tokens)
        return reply


def _fields(answer: AgentAnswer) -> dict[str, object]:
    found = answer.finding
    if found is not None:
        return {
            "summary": found.summary,
            "cause": found.cause,
            "files": list(found.files),
            "similar": list(found.similar),
            "confidence": found.confidence,
            "guilty_commit": found.guilty_commit,
        }
    if answer.review is not None:
        return {"approved": answer.review.approved, "comments": answer.review.comments}
    written = answer.reproduction
    return {
        "explanation": answer.explanation,
        **({"reproduction": _written(written)} if written else {}),
    }


def _written(reproduction: Reproduction) -> dict[str, object]:
    files = [{"path": path, "text": text} for path, text in reproduction.files]
    return {"command": list(reproduction.command), "files": files}


def _headline(reply: Reply) -> str:
    told = reply.why or str(reply.answer.get("summary") or reply.answer.get("explanation") or "")
    return printable(told or reply.kind.value, 300)


@asynccontextmanager
async def _telling(context: Context) -> AsyncIterator[OnSaid]:
    """What the agent does, told now and then: the newest line of the last seconds."""
    newest: list[str] = []

    async def tell() -> None:
        while True:
            await asyncio.sleep(_TOLD_S)
            if newest:
                line = newest.pop()
                newest.clear()
                with suppress(MendwireError):
                    await context.progress(line)

    def said(kind: str, text: str) -> None:
        emit("agent.said", case=context.task.id, role=kind, kind=kind, text=printable(text, 300))
        newest[:] = [printable(text, 300)]

    telling = asyncio.create_task(tell())
    try:
        yield said
    finally:
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
