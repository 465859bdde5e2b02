"""What version 1 hands out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Keys:
    """The two keys of one report, 32 hex digits each."""

    signature: str
    issue_key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Canonical:
    """What a report comes down to: the fields both keys are made of."""

    service: str
    release: str
    types: tuple[str, ...]
    """The exception's type, then its causes'."""
    calls: tuple[tuple[str, str], ...]
    """(file below its root, function), outermost first, repeated cycles once."""
    crash_line: str
    """``line``, or ``line:column`` where a bundle has few lines."""
    code: str
    template: str
    causes: tuple[tuple[str, str, str], ...]
    """(file, function, message template) of each cause."""
    cause_lines: tuple[str, ...]
    fingerprint: tuple[str, ...]
