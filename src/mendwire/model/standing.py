"""How things stand, in rows: what the command line prints and the dashboard shows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """One error stream."""

    stream: str
    waiting: int
    """Not handed out yet."""
    in_work: int
    stuck: int
    """Out of deliveries."""
    oldest_s: float
    """Age of the oldest message in seconds; 0 where there is none."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """Errors of one service in one environment, repeats included."""

    environment: str
    service: str
    last_hour: int
    """In the last 60 to 70 minutes."""
    day: int
    """In the last 24 hours."""
    by_hour: tuple[int, ...]
    """Oldest hour first; the last one is the hour that ends now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alive:
    """One worker."""

    worker: str
    host: str
    heartbeat_s: float
    """Seconds since its last one."""
    cases: int
    """What it holds."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldRow:
    """One held report; every text is safe to print."""

    seq: int
    """Its number in ``mendwire quarantine``."""
    at: str
    """When it was held, the server's time, ISO 8601, UTC."""
    origin: str
    """The subject that it was published to."""
    reason: str
    rules: str
    """Ids of the rules that spoke, joined by commas."""
    score: float | None
    """Of the screen, 0 to 1; None where it broke the screen."""
    trust: str
    message: str
    bytes: int
    more: int
    """How many of its kind were counted and not kept whole."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One result, held report or dead letter; every text but the payload is safe to print."""

    seq: int
    subject: str
    origin: str
    """The stream it came from; empty for a result."""
    reason: str
    message: str
    """The first 100 characters of the error's message."""
    at: str
    """The server's time of keeping it, ISO 8601, UTC."""
    trust: str
    """Of a report whose source is not the usual one: how far it is trusted; else empty."""
    payload: bytes
