"""Message bodies that Mendwire publishes: other people's consumers depend on their fields."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

SNIPPET: Final = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejection:
    """Body of ``{ns}.security.rejected``."""

    reason: str
    """``prompt_injection_detected``, or what broke."""
    message: str
    """The first 100 characters, made safe to print."""
    timestamp: str
    """ISO 8601, UTC."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """Body of ``{ns}.investigation.status.<id>``."""

    task_id: str
    """The case id for errors."""
    agent: str
    """Who works."""
    status: str
    """The step that begins, ``research`` to ``review``; free text for tasks."""
    findings: str = ""
    """What is known so far, in a sentence or two. Untrusted text when a model wrote it."""
    next_steps: tuple[str, ...] = ()
    """What follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """Body of ``{ns}.results.<verdict>.<id>``."""

    task_id: str
    """The case id for errors."""
    agent: str
    """Who did the work."""
    status: str
    """The verdict for errors."""
    solution: str = ""
    """What was changed and why, in the agent's words: untrusted text."""
    pr_url: str = ""
    """Address of a pull or merge request, when one was made."""
    test_results: dict[str, object] = field(default_factory=dict)
    """What the judge ran -> passed, exit_code, seconds, tests_passed, tests_failed."""
    evidence: dict[str, object] = field(default_factory=dict)
    """Why: reason, finding, cause, guilty_commit, proof, sandbox, base and more."""
    cost: dict[str, object] = field(default_factory=dict)
    """usd (US dollars), attempts and rounds."""
    commit: str = ""
    """Sha of the commit that was delivered."""
    branch: str = ""
    """Branch that holds it."""
    release: str = ""
    """The release that reported the error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """Body of ``{ns}.tasks.<type>``."""

    task_id: str
    """Chosen by the publisher; letters, digits, ``-`` and ``_``."""
    type: str
    """What kind of work, e.g. ``investigation``."""
    priority: str = "normal"
    """``high``, ``normal`` or ``low``."""
    description: str = ""
    """What is to be done. Untrusted text."""
    assigned_to: str = ""
    """Name of an agent or a role; empty for any."""
    context: dict[str, object] = field(default_factory=dict)
    """Whatever the work needs. Untrusted text."""
    deadline: str = ""
    """ISO 8601: what is not done by then has failed; empty is no deadline."""
