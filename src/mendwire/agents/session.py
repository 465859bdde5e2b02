"""The agent at the other end of an interactive session: it takes assignments and answers by hand.

To the investigation it is an agent like any other: it works in a tree of its own, and what it
claims is proven by the judge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from mendwire.agents import OnSaid
from mendwire.agents.answers import read_answer
from mendwire.errors import AgentFailed
from mendwire.model.work import AgentAnswer, Assignment

_REMEMBERED: Final = 100
"""Cases whose end is kept for whoever asks."""
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How a case left this session."""

    case_id: str
    how: str
    """``closed``, ``parked`` or ``failed``."""
    fields: dict[str, object] = field(default_factory=dict)
    """What the event says beside: verdict, reason, branch, commit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Offer:
    assignment: Assignment
    answer: asyncio.Future[AgentAnswer]


class SessionAgent:
    """Offers each assignment until somebody answers it; one case at a time is the caller's care."""

    name = "session"
    paid = False
    """The session has a subscription or key of its own, whose money is not ours to count."""

    def __init__(self) -> None:
        self._offers: dict[str, _Offer] = {}
        self._ends: dict[str, End] = {}
        self._changed = asyncio.Event()

    async def run(self, assignment: Assignment, said: OnSaid) -> AgentAnswer:
        """Wait for the session's answer; cancelling takes the offer back."""
        offer = _Offer(assignment=assignment, answer=asyncio.get_running_loop().create_future())
        self._offers[assignment.case_id] = offer
        self._ends.pop(assignment.case_id, None)
        self._tell()
        try:
            answer = await offer.answer
        finally:
            self._offers.pop(assignment.case_id, None)
        said("answer", f"{assignment.role.value} answered")
        return answer

    def answer(self, case_id: str, value: object) -> None:
        """Give the answer that is waited for; raises AgentFailed for any other.

        Nothing is used up by an answer that is refused: it may be given again.
        """
        offer = self._offers.get(case_id)
        if offer is None or offer.answer.done():
            raise AgentFailed(f"No answer is waited for in case {case_id}: ask for the next error.")
        offer.answer.set_result(read_answer(offer.assignment.role, value))
        self._tell()

    def ended(self, end: End) -> None:
        """A case is over for this session."""
        self._ends[end.case_id] = end
        while len(self._ends) > _REMEMBERED:
            del self._ends[next(iter(self._ends))]
        self._tell()

    def offered(self, case_id: str = "") -> Assignment | None:
        """What waits longest for an answer, or what this case waits for; None for nothing."""
        return next(
            (
                offer.assignment
                for name, offer in self._offers.items()
                if case_id in {"", name} and not offer.answer.done()
            ),
            None,
        )

    async def next(self, seconds: float) -> Assignment | None:
        """The assignment that waits longest, or the first that comes within so many seconds."""
        return await self._until(self.offered, seconds)

    async def after(self, case_id: str, seconds: float) -> Assignment | End | None:
        """What becomes of a case: its next assignment or its end; None while it is worked on."""
        return await self._until(lambda: self.offered(case_id) or self._ends.get(case_id), seconds)

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, look: Callable[[], T | None], seconds: float) -> T | None:
        until = asyncio.get_running_loop().time() + seconds
        while (found := look()) is None:
            try:
                async with asyncio.timeout_at(until):
                    await self._changed.wait()
            except TimeoutError:
                return None
        return found
