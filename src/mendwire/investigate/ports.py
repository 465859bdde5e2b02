"""What the investigation is given by the composition root, as shapes rather than rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from mendwire.model.case import Case, Delivered
from mendwire.model.delivery import Received
from mendwire.model.letter import Letter
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import ScreenedReport, Screening
from mendwire.model.work import AgentAnswer, Change, Cost, Finding, Proof, Reproduction, Review


class Screened(Protocol):
    """The screen's answer: what it found, and the report to go on with, if any."""

    @property
    def screening(self) -> Screening: ...
    @property
    def passed(self) -> ScreenedReport | None: ...


class Screener(Protocol):
    """Raises ScreenUnavailable (stop pulling) or ScreenBroken (this report: quarantine)."""

    async def __call__(self, report: ErrorReport, payload: bytes, trust: Trust) -> Screened: ...


class Quarantine(Protocol):
    """Keeps a rejected report whole and tells ``security.rejected``; durable when it returns."""

    async def __call__(
        self, received: Received, reason: str, screening: Screening | None
    ) -> None: ...


class Specialists(Protocol):
    """The three roles, each a run of a coding agent in a tree of its own.

    Raise AgentFailed, OverBudget, ProviderOutage, ExecutionError.
    """

    @property
    def name(self) -> str: ...

    @property
    def paid(self) -> bool: ...

    async def base(self) -> str:
        """The commit that a new case works from."""
        ...

    async def gone(self, case: Case) -> Proof | None:
        """Evidence, found without an agent, that the error is gone at base; else None."""
        ...

    async def shares(self, case: Case, fix: Case) -> Proof | None:
        """Evidence, found without an agent, that another case's fix mends this one; else None."""
        ...

    async def research(self, case: Case) -> tuple[Finding, Cost]: ...

    async def implement(self, case: Case) -> tuple[Change, Reproduction | None, Cost]: ...

    async def prove(self, case: Case) -> Proof: ...

    async def reviewers(self, case: Case) -> tuple[str, ...]:
        """Who must approve the case's change, in this order."""
        ...

    async def review(self, case: Case, called: str) -> tuple[Review, Cost]: ...


class Homes(Protocol):
    """Several repositories, by what a case says of itself."""

    def name_of(self, case: Case) -> str:
        """The repository in which the case's service lives; raises Homeless."""
        ...

    def of(self, case: Case) -> Specialists:
        """Who works in the case's repository; raises Homeless."""
        ...


class Elsewhere(Protocol):
    """Specialists in other processes, on this machine or another."""

    @property
    def roles(self) -> frozenset[str]:
        """Which are played there, by name."""
        ...

    async def ask(self, case: Case, letter: Letter, said: Said) -> AgentAnswer | None:
        """What one of them answers, once however many wait for it; None: do it here.

        Raises AgentFailed, OverBudget, ProviderOutage, SpecialistsAway, RunCancelled, and Fenced
        where the case was taken out of our hands meanwhile: nobody works on it any more then.
        """
        ...

    async def call_back(self, case: Case) -> None:
        """Stop whoever works on what was sent for the case: it went on without the answer."""
        ...


Said = Callable[[str, str], None]
"""Called with (kind, one line of text) while a specialist works; text is untrusted."""


Released = Callable[[str, ErrorReport, bytes, Trust], Awaitable[Screened | None]]
"""Called with the sha256 of the bytes that arrived: the report as passed, if a person released
exactly these bytes (rules B4)."""
Tell = Callable[[Case, str], Awaitable[None]]
"""Publishes where a fix is on its way: the case, and the word for it."""
Deliver = Callable[[Case], Awaitable[Delivered]]
CallBack = Callable[[Case], Awaitable[None]]
"""See ``Elsewhere``."""
Keep = Callable[[Case, str], Awaitable[str]]
"""Keeps the evidence of a verdict, made by the agent named; gives its name, or nothing where it
could not be kept."""
Pause = Callable[[str], None]
