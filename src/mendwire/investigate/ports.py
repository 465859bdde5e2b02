"""What the investigation is given by the composition root, as shapes rather than rooms."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from mendwire.model.case import Case, Delivered
from mendwire.model.delivery import Received
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import ScreenedReport, Screening
from mendwire.model.work import Change, Finding, Proof, Reproduction, Review


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

    Raise AgentFailed, OverBudget, ProviderOutage, ExecutionError. The float is US dollars spent.
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

    async def research(self, case: Case) -> tuple[Finding, float]: ...

    async def implement(self, case: Case) -> tuple[Change, Reproduction | None, float]: ...

    async def prove(self, case: Case) -> Proof: ...

    async def review(self, case: Case) -> tuple[Review, float]: ...


Released = Callable[[str, ErrorReport, bytes, Trust], Awaitable[Screened | None]]
"""Called with the sha256 of the bytes that arrived: the report as passed, if a person released
exactly these bytes (rules B4)."""
Tell = Callable[[Case, str], Awaitable[None]]
"""Publishes where a fix is on its way: the case, and the word for it."""
Deliver = Callable[[Case], Awaitable[Delivered]]
Keep = Callable[[Case, str], Awaitable[str]]
"""Keeps the evidence of a verdict, made by the agent named; gives its name, or nothing where it
could not be kept."""
Pause = Callable[[str], None]
