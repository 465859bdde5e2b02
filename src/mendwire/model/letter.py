"""What goes to a specialist in another process and what comes back, each the body of a message.

A letter is complete: whoever has it, the repository and an agent can do the work. It is genuine
when its sha256 stands in the docket, where publishers of tasks cannot write (rules B4). A reply is
untrusted text: read with bounds, screened, fenced, and proven before it counts (rules B3, B4).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from mendwire.errors import ConfigError
from mendwire.model.report import Trust
from mendwire.model.work import Change, Finding, Limits, Reproduction, Role

TASK_TYPE: Final = "specialist-"
"""Begins the type of the tasks; the role's name follows."""
PATCH_BYTES: Final = 256 * 1024
"""A case with a larger change would not fit into the docket."""
_CALLED: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


def called(text: str) -> str:
    """The name of a role, checked; raises ConfigError."""
    folded = text.strip().lower()
    if _CALLED.fullmatch(folded):
        return folded
    message = (
        f"{text[:40]!r} cannot be the name of a role: take up to 31 small letters, digits and "
        "'-', beginning with a letter."
    )
    raise ConfigError(message)


def task_type(role: str) -> str:
    """``review`` -> ``specialist-review``: the type of its tasks."""
    return TASK_TYPE + role


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One assignment on its way: the ``context`` of a task of type ``specialist-<role>``."""

    case_id: str
    called: str
    """The role's name, ``security`` for example."""
    role: Role
    """Which of the three it is in kind; a reviewer of the operator's own is a review."""
    prompt: str
    """The task with all foreign text fenced, exactly what was screened."""
    system: str
    """Standing instructions, the repository's own read at the base commit."""
    answer_schema: dict[str, object]
    base: str
    """The commit to work from; fetched where it is missing."""
    opened_ns: int
    """Server time of the case's first message, nanoseconds since the epoch."""
    report: str = ""
    """The scrubbed report, exactly what was screened: text, so that it can be searched for."""
    screened_sha256: str = ""
    trust: Trust = Trust.TRUSTED
    restricted: bool = False
    """Read only, and research alone; sticks to the reply (rules B3)."""
    finding: Finding | None = None
    change: Change | None = None
    stands: Change | None = None
    """What was delivered and is made anew: implementation begins on top of it."""
    feedback: str = ""
    reproduction: Reproduction | None = None
    limits: Limits = field(default_factory=Limits)
    trace: str = ""
    """The step that sends it, as a traceparent: whoever does the work goes on with its trace."""
    may_run: bool = False
    """Whether the orchestrator would let commands run; the specialist's sandbox decides, too."""

    @property
    def own_name(self) -> str:
        """Of a reviewer of the operator's own; empty for the three that every case meets."""
        return "" if self.called == self.role.value else self.called


class ReplyKind(StrEnum):
    """What came of it."""

    ANSWER = "answer"
    FAILED = "failed"
    """The agent itself failed: an attempt."""
    OUTAGE = "outage"
    """The model's provider is away."""
    OVER_BUDGET = "over_budget"
    UNABLE = "unable"
    """Something is missing where the specialist runs: the commit, the agent, a sandbox."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What a specialist says: ``evidence.reply`` of the task's result. All of it is a claim."""

    kind: ReplyKind
    called: str
    by: str
    """Name of the specialist's process."""
    agent: str = ""
    """Which agent it ran."""
    why: str = ""
    """Of all but an answer: one sentence."""
    answer: dict[str, object] = field(default_factory=dict)
    """By the letter's ``answer_schema``; of research also ``guilty_commit``."""
    patch: str = ""
    """Of implementation: the diff against the base commit, with ``--binary``."""
    outside: tuple[str, ...] = ()
    """Of implementation: what was found changed outside of the agent's tree."""
    cost_usd: float = 0.0
    """US dollars, as the agent said."""
    tokens: int = 0
    """Read and written, as the agent said."""
    turns: int = 0
    retry_after_s: float | None = None
    """Of an outage: the provider's own wish, seconds."""
    log: str = ""
    """The last lines of what the agent did."""
