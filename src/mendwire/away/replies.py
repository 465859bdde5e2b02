"""A reply from elsewhere becomes an answer: read with bounds, screened, believed in nothing.

What it claims is recomputed (rules B4): the patch is applied and read by our own git and proven by
the judge, a commit that it accuses must be one of ours. Its cost is a claim too, and counted as it
is said, for nobody claims to have spent what was not.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mendwire.agents.answers import read_answer, with_cost
from mendwire.errors import (
    AgentError,
    AgentFailed,
    OverBudget,
    ProviderOutage,
    ScreenBroken,
    SpecialistsAway,
    Undecodable,
)
from mendwire.model.codec import convert_as
from mendwire.model.letter import PATCH_BYTES, Letter, Reply, ReplyKind
from mendwire.model.printable import printable
from mendwire.model.screening import CLASSIFIER, Reason, Screening, ScreenVerdict
from mendwire.model.work import AgentAnswer, Role, told_tokens

Weigh = Callable[[str], Awaitable[Screening]]
"""The screen's word on one text; raises ScreenBroken."""
Knows = Callable[[str], Awaitable[bool]]
"""Whether a commit is one of the repository's."""

_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAMES: Final = re.compile(r"diff --git |(?:rename|copy) to ")
_NAMED: Final = 50
_SENTENCE: Final = 300
_LOG: Final = 20_000
_WISH_S: Final = 24 * 3600.0
_PIECE: Final = 4_000
"""Characters that the screen is given at once: it judges texts of any length within its time."""
_OVERLAP: Final = 200
"""Of two pieces, so that no sentence is hidden by where they are cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Reads the replies to one namespace's letters."""

    weigh: Weigh
    knows: Knows
    has_secret: Callable[[str], object]

    async def read(self, letter: Letter, value: object) -> AgentAnswer:
        """The answer, or the exception that says why there is none.

        Raises AgentFailed, OverBudget, ProviderOutage, SpecialistsAway.
        """
        try:
            reply = convert_as(Reply, value)
        except Undecodable as problem:
            why = printable(str(problem), _SENTENCE)
            raise AgentFailed(f"The {letter.called} specialist's reply is none: {why}") from None
        cost, tokens = claimed(reply.cost_usd), told_tokens(reply.tokens)
        if reply.kind is not ReplyKind.ANSWER:
            ending = _told(letter, reply, cost)
            ending.tokens = tokens
            raise ending
        try:
            return replace(await self._answer(letter, reply, cost), tokens=tokens)
        except AgentFailed as problem:
            raise AgentFailed(str(problem), cost_usd=cost, tokens=tokens) from None

    async def _answer(self, letter: Letter, reply: Reply, cost: float) -> AgentAnswer:
        answer = with_cost(
            read_answer(letter.role, reply.answer),
            cost_usd=cost,
            turns=max(0, reply.turns),
            log=printable(reply.log, _LOG, lines=True),
        )
        if letter.role is Role.IMPLEMENTATION:
            if (size := len(reply.patch.encode("utf-8", "replace"))) > PATCH_BYTES:
                message = f"The change has {size} bytes; a fix may have {PATCH_BYTES} at most."
                raise AgentFailed(message)
            harm = tuple(printable(line, _SENTENCE) for line in reply.outside[:_NAMED])
            answer = replace(answer, patch=reply.patch, outside=harm)
        if answer.finding is not None:
            guilty = str(reply.answer.get("guilty_commit") or "")
            if _SHA.fullmatch(guilty) and await self.knows(guilty):
                answer = replace(answer, finding=replace(answer.finding, guilty_commit=guilty))
        await self._refuse(letter, answer)
        return answer

    async def _refuse(self, letter: Letter, answer: AgentAnswer) -> None:
        """Foreign text that steers, or holds a secret, goes no further (rules B3)."""
        for where, text in _texts(answer):
            if self.has_secret(text):
                message = f"The {letter.called} specialist's {where} holds a secret."
                raise AgentFailed(message)
            try:
                against = [one for piece in pieces(text) for one in await self._against(piece)]
            except ScreenBroken as problem:
                message = f"The {letter.called} specialist's {where} broke the screen: {problem}"
                raise AgentFailed(message) from None
            if against:
                rules = ", ".join(dict.fromkeys(reason.rule for reason in against))
                message = (
                    f"The {letter.called} specialist's {where} was held back by the screen "
                    f"({printable(rules, _SENTENCE)})."
                )
                raise AgentFailed(message)

    async def _against(self, piece: str) -> tuple[Reason, ...]:
        """Why this may not go further; nothing where the classifier alone is against it.

        It learned what error reports are like. Reviewers tell others what to do, that is their
        work: "Do not merge, revert it" is no attack.
        """
        screening = await self.weigh(piece)
        if screening.verdict is not ScreenVerdict.REJECT:
            return ()
        return tuple(reason for reason in screening.reasons if reason.rule != CLASSIFIER)


def pieces(text: str) -> Iterator[str]:
    """The whole of a text, a little of it twice."""
    for start in range(0, max(1, len(text) - _OVERLAP), _PIECE - _OVERLAP):
        yield text[start : start + _PIECE]


def claimed(usd: float) -> float:
    """What a specialist says it spent, US dollars; never less than nothing."""
    return max(0.0, usd) if math.isfinite(usd) else 0.0


def _told(letter: Letter, reply: Reply, cost: float) -> AgentError:
    who = printable(reply.by, 100) or "a specialist"
    why = printable(" ".join(reply.why.split()), _SENTENCE) or "it said nothing."
    message = f"{letter.called} at {who}: {why}"
    if reply.kind is ReplyKind.OUTAGE:
        wish = reply.retry_after_s
        known = wish is not None and 0 <= wish <= _WISH_S
        return ProviderOutage(message, cost_usd=cost, retry_after_s=wish if known else None)
    if reply.kind is ReplyKind.OVER_BUDGET:
        return OverBudget(message, cost_usd=cost)
    if reply.kind is ReplyKind.UNABLE:
        return SpecialistsAway(message, cost_usd=cost)
    return AgentFailed(message, cost_usd=cost)


def _texts(answer: AgentAnswer) -> Iterator[tuple[str, str]]:
    """Every text of an answer that others will read, with what it is."""
    found = answer.finding
    if found is not None:
        yield "finding", found.summary
        yield "cause", found.cause
        yield "list of files", "\n".join(found.files)
        yield "list of places", "\n".join(found.similar)
    if answer.review is not None:
        yield "review", answer.review.comments
    yield "explanation", answer.explanation
    if answer.reproduction is not None:
        yield "command", " ".join(answer.reproduction.command)
        yield "reproduction", "\n".join("\n".join(file) for file in answer.reproduction.files)
    yield "list of what changed outside", "\n".join(answer.outside)
    lines = (answer.patch or "").splitlines()
    yield "change", "\n".join(line[1:] for line in lines if line.startswith("+"))
    yield "list of changed files", "\n".join(line for line in lines if _NAMES.match(line))
