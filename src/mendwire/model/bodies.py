"""Message bodies that Mendwire publishes: other people's consumers depend on their fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SNIPPET: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """Body of ``{ns}.security.rejected``."""

    reason: str
    message: str
    """The first 100 characters, made safe to print."""
    timestamp: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Body of ``{ns}.investigation.status.<id>``."""

    task_id: str
    agent: str
    status: str
    findings: str = ""
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Body of ``{ns}.results.<verdict>.<id>``."""

    task_id: str
    """The case id for errors."""
    agent: str
    status: str
    """The verdict for errors."""
    solution: str = ""
    pr_url: str = ""
    test_results: dict[str, object] = field(default_factory=dict)
    evidence: dict[str, object] = field(default_factory=dict)
    cost: dict[str, object] = field(default_factory=dict)
    commit: str = ""
    branch: str = ""
    release: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Body of ``{ns}.tasks.<type>``."""

    task_id: str
    type: str
    priority: str = "normal"
    description: str = ""
    assigned_to: str = ""
    context: dict[str, object] = field(default_factory=dict)
