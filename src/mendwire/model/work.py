"""What specialists are given, what they say, and what we compute about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from mendwire.model.screening import ScreenedReport


class Role(StrEnum):
    """The three specialists every case meets."""

    RESEARCH = "research"
    IMPLEMENTATION = "implementation"
    REVIEW = "review"


@dataclass(frozen=True, kw_only=True, slots=True)
class Reproduction:
    """A way to make the error happen, run in a tree."""

    command: tuple[str, ...] = ()
    """Argument vector; ``{python}``, ``{repo}`` and ``{tree}`` are replaced when it is run."""
    origin: str = ""
    """``config`` (the operator's), ``captured`` (built by us from a trusted report's arguments)
    or ``written`` (by a specialist; proves nothing until it failed at base, rules B8)."""
    files: tuple[tuple[str, str], ...] = ()
    """(relative path, text) laid beside the tree, outside of it, before the command runs; the
    command reaches them under ``{aux}``."""
    expects_type: str = ""
    """The case's exception type, which the failure at base must show."""
    expects_file: str = ""
    """The case's crash file, relative to the repository, which the failure at base must show."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What research says. Untrusted text when a model wrote it."""

    summary: str
    """What breaks, in a sentence or two."""
    cause: str = ""
    """Why, naming files and lines."""
    guilty_commit: str = ""
    """The commit that broke it, when one was found."""
    files: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()
    """Places with the same mistake: ``file:line what``."""
    confidence: float = 0.0
    """0 to 1, the specialist's own."""
    reproduction: Reproduction | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What implementation changed, as we read it with our own git (rules B7)."""

    patch: str
    """Unified diff against the base commit, with ``--binary``."""
    files: tuple[str, ...] = ()
    added: int = 0
    """Lines."""
    removed: int = 0
    """Lines."""
    explanation: str = ""
    """The specialist's own words; fenced before people see them."""
    outside: tuple[str, ...] = ()
    """What was found changed outside of the tree after the specialist worked: harm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Run:
    """One command run by the judge."""

    what: str
    """``reproduction at base``, ``suite after`` and so on."""
    passed: bool
    exit_code: int
    seconds: float
    output: str = ""
    """The last 4,000 characters, scrubbed."""
    passing: tuple[str, ...] = ()
    """Ids of the tests that passed, where the runner names them."""
    failing: tuple[str, ...] = ()


class ProofStatus(StrEnum):
    """What the judge computed; ``VALID`` is the only road to ``fixed``."""

    VALID = "valid"
    INVALID = "invalid"
    """The evidence does not hold: not_fixed."""
    BREACH = "breach"
    """Policy was broken or harm done: rejected."""
    NOT_REPRODUCED = "not_reproduced"
    """No reproduction, or it does not fail at base with the case's own error."""
    GONE = "gone"
    """It fails in the release that reported it and passes at base: already_fixed."""
    INFRASTRUCTURE = "infrastructure"
    """The judge's tools failed: blocked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Proof:
    """The evidence of a verdict."""

    status: ProofStatus
    reasons: tuple[str, ...]
    """One sentence each; what was breached, or what held."""
    runs: tuple[Run, ...] = ()
    sandbox: str = "none"


@dataclass(frozen=True, kw_only=True, slots=True)
class Review:
    """What the reviewer with fresh eyes says."""

    approved: bool
    comments: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Approval:
    """What one of several reviewers said of a change."""

    called: str
    """``review``, or a reviewer of the operator's own."""
    comments: str = ""


MOST_TOKENS: Final = 10**12
"""That one count may name: what is more is no count."""


def told_tokens(number: int) -> int:
    """What an agent says it used; never less than nothing, nor more than can be true."""
    return number if 0 <= number <= MOST_TOKENS else 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one agent run may use."""

    cost_usd: float = 2.0
    turns: int = 40
    seconds: float = 900.0
    tokens: int = 0
    """Read and written, without what the provider's cache had; 0 is no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What runs of agents took."""

    usd: float = 0.0
    tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Assignment:
    """One specialist's task, complete: an agent sees nothing else."""

    case_id: str
    role: Role
    prompt: str
    """Fenced, screened text; what a model is told."""
    system: str
    """The role's standing instructions, ours and the repository's, read at the base commit."""
    answer_schema: dict[str, object]
    """JSON Schema of the answer that is expected."""
    tree: Path
    """The agent's own checkout, with its own disposable ``.git``."""
    repo: Path
    """The operator's repository: read by us alone, never handed to a model."""
    base: str
    begins: str
    """The commit in the tree: ``base``, or ``base`` with the change that is looked at or redone."""
    scratch: Path
    """An empty folder outside the tree for the agent's own state and result files."""
    screened: ScreenedReport
    finding: Finding | None = None
    change: Change | None = None
    feedback: str = ""
    reproduction: Reproduction | None = None
    """The operator's or the captured one, if any."""
    limits: Limits = field(default_factory=Limits)
    called: str = ""
    """Of a reviewer of the operator's own: its name; else empty."""
    restricted: bool = False
    """Read-only tools, no shell (rules B1, B6)."""
    may_run: bool = False
    """Whether a sandbox, or the operator's explicit ``none``, lets commands run (rules B6)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AgentAnswer:
    """What an agent's run gave, by role: exactly one of the three."""

    finding: Finding | None = None
    explanation: str = ""
    """Implementation: what was changed and why; the change itself is read from the tree."""
    reproduction: Reproduction | None = None
    """Implementation: a reproduction the specialist wrote, if it did."""
    patch: str | None = None
    """Implementation elsewhere: the change as a diff against the base commit; None when it is to
    be read from the tree."""
    outside: tuple[str, ...] = ()
    """Implementation elsewhere: what was found changed outside of its tree."""
    review: Review | None = None
    cost_usd: float = 0.0
    tokens: int = 0
    """As in ``Limits``; 0 where the agent does not tell."""
    turns: int = 0
    log: str = ""
    """The last lines of what the agent did, for evidence."""

    @property
    def cost(self) -> Cost:
        """What the run took."""
        return Cost(usd=self.cost_usd, tokens=self.tokens)
