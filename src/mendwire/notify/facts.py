"""What the rules look at: read elsewhere, so that the rules are pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseFact:
    """One case that changed."""

    issue: str
    case_id: str
    title: str
    """Generated words with names out of the report: untrusted."""
    environment: str
    service: str
    """Untrusted."""
    level: str
    """As the report says."""
    state: str
    came_back: bool
    """Its fix ran already."""
    occurrences: int
    opened_ns: int
    """Server time of the message that opened this episode."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueFact:
    """One error stream."""

    stream: str
    waiting: int
    stuck: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RateFact:
    """Errors of one service."""

    environment: str
    service: str
    """Untrusted."""
    by_hour: tuple[int, ...]
    """Of a week, oldest first; the last one ends now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """How things stand."""

    now_ns: int
    """The server's time."""
    queues: tuple[QueueFact, ...] = ()
    rates: tuple[RateFact, ...] = ()
    dead: int = 0
    quarantine: int = 0
    workers: int = 0
    spent_usd: float = 0.0
    day_usd: float = 0.0
    used_tokens: int = 0
    day_tokens: int = 0
    """0: no limit."""
