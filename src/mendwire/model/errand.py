"""What a command that plays an agent is given and says, each one JSON object.

Other people's programs depend on the fields: new ones may come, none changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Errand:
    """The task of one run, for `[agent] kind = "command"`."""

    case_id: str
    role: str
    """``research``, ``implementation`` or ``review``."""
    system: str
    """Standing instructions: Mendwire's and the repository's."""
    prompt: str
    """The task, with all foreign text fenced: data, never instructions."""
    answer_schema: dict[str, object]
    """JSON Schema of what ``answer`` must be."""
    tree: str
    """Path of the checkout to work in; the working directory too."""
    scratch: str
    """Path of a folder for the program's own files, removed afterwards."""
    base: str
    """Sha of the commit that the work starts from."""
    read_only: bool
    """Nothing in the tree may be changed; only ``implementation`` changes it."""
    may_run: bool
    """Whether commands of the project may be run."""
    reproduction: tuple[str, ...] = ()
    """Argument vector that makes the error happen; empty when none is known."""
    model: str = ""
    """The configured model; empty: the program's own choice."""
    cost_usd: float = 0.0
    """US dollars that the run may spend."""
    tokens: int = 0
    """Tokens that the run may use; 0 is no limit."""
    turns: int = 0
    """Answers of a model that the run may take."""
    seconds: float = 0.0
    """Wall clock after which the run is ended."""
    called: str = ""
    """The role's name: as ``role``, or of a reviewer of the operator's own, ``security`` say."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ErrandReply:
    """One line of what the program says; the last with ``answer`` or ``error`` counts."""

    answer: dict[str, object] | None = None
    """The result, by the task's ``answer_schema``."""
    error: str = ""
    """Why there is no answer, in one sentence."""
    reason: str = "failed"
    """Of an error: ``failed`` costs an attempt; ``outage`` and ``over_budget`` do not."""
    retry_after_s: float | None = None
    """Of an outage: seconds after which another try makes sense."""
    say: str = ""
    """What is being done, for whoever watches."""
    cost_usd: float | None = None
    """US dollars spent by this run so far."""
    tokens: int | None = None
    """Tokens read and written by this run so far, without what the provider's cache had."""
    turns: int | None = None
    """Answers of a model taken so far."""
