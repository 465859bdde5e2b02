"""A case: the life of one issue in one namespace, and every legal move of it (rules C, Case).

The case is the truth, not the message (rules A1). Each ``move`` is saved by one compare-and-set
of the docket, which carries the token of the lease.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from mendwire.errors import Fenced, IllegalMove
from mendwire.model.delivery import MessageRef
from mendwire.model.deployment import Deployment
from mendwire.model.report import Trust
from mendwire.model.trace import span_named
from mendwire.model.work import Approval, Change, Finding, Proof, Review
from mendwire.telemetry import Here


class CaseState(StrEnum):
    """Where a case stands."""

    OPEN = "open"
    LEASED = "leased"
    PARKED = "parked"
    DELIVERING = "delivering"
    DELIVERED = "delivered"
    PUBLISHED = "published"
    CLOSED = "closed"
    FIXED = "fixed"
    MERGED = "merged"
    DEPLOYED = "deployed"
    SOAKING = "soaking"
    VERIFIED = "verified"
    REGRESSED = "regressed"
    WITHDRAWN = "withdrawn"
    BLOCKED = "blocked"


class Step(StrEnum):
    """What a leased case is at."""

    RESEARCH = "research"
    IMPLEMENT = "implement"
    VERIFY = "verify"
    REVIEW = "review"


class Verdict(StrEnum):
    """Computed by us, never believed; exactly one per case and episode (rules A5)."""

    FIXED = "fixed"
    ALREADY_FIXED = "already_fixed"
    NOT_REPRODUCED = "not_reproduced"
    NOT_FIXED = "not_fixed"
    REJECTED = "rejected"
    NEEDS_HUMAN = "needs_human"
    BLOCKED = "blocked"


class ParkReason(StrEnum):
    """Why nothing happens on a case for now."""

    OUTAGE = "outage"
    BUDGET = "budget"
    SILENCED = "silenced"
    OBSERVED = "observed"
    JOINED = "joined"
    """Another case's fix is awaited."""
    PERSON = "person"


_S = CaseState
CASE_MOVES: Final[dict[CaseState, frozenset[CaseState]]] = {
    # A case parked on its way to people has its verdict already and goes on with the delivery.
    _S.OPEN: frozenset({_S.LEASED, _S.PARKED, _S.DELIVERING, _S.DELIVERED}),
    # A leased step may pass to the next step, to another holder, or to its decision; where the
    # verdict leaves nothing to hand over, the decision is delivered by being saved.
    _S.LEASED: frozenset({_S.LEASED, _S.OPEN, _S.PARKED, _S.DELIVERING, _S.DELIVERED}),
    _S.PARKED: frozenset({_S.OPEN}),
    _S.DELIVERING: frozenset({_S.DELIVERING, _S.DELIVERED, _S.PARKED}),
    # Published and closed are saved together: the result's own key refuses a repeat meanwhile.
    _S.DELIVERED: frozenset({_S.DELIVERED, _S.PUBLISHED, _S.PARKED}),
    _S.PUBLISHED: frozenset({_S.PUBLISHED, _S.CLOSED, _S.FIXED, _S.BLOCKED}),
    _S.CLOSED: frozenset({_S.OPEN}),
    # Open again within its episode: people who review the fix ask for something else.
    _S.FIXED: frozenset({_S.MERGED, _S.WITHDRAWN, _S.OPEN}),
    _S.MERGED: frozenset({_S.DEPLOYED, _S.WITHDRAWN}),
    _S.DEPLOYED: frozenset({_S.SOAKING, _S.REGRESSED}),
    _S.SOAKING: frozenset({_S.VERIFIED, _S.REGRESSED}),
    _S.VERIFIED: frozenset({_S.REGRESSED}),
    _S.REGRESSED: frozenset({_S.OPEN}),
    _S.WITHDRAWN: frozenset({_S.OPEN}),
    _S.BLOCKED: frozenset({_S.OPEN}),
}
STEP_MOVES: Final[dict[Step | None, frozenset[Step]]] = {
    None: frozenset({Step.RESEARCH}),
    Step.RESEARCH: frozenset({Step.IMPLEMENT}),
    Step.IMPLEMENT: frozenset({Step.VERIFY}),
    Step.VERIFY: frozenset({Step.REVIEW, Step.IMPLEMENT}),
    Step.REVIEW: frozenset({Step.IMPLEMENT}),
}
HELD: Final = frozenset({_S.LEASED, _S.DELIVERING, _S.DELIVERED, _S.PUBLISHED})
"""States in which a worker holds the case."""
UNFINISHED: Final = HELD | {_S.OPEN}
"""States from which a worker must carry on by itself."""
REOPENABLE: Final = frozenset({_S.CLOSED, _S.BLOCKED, _S.WITHDRAWN, _S.REGRESSED})
"""States from which the issue may begin a new episode."""
AWAITED: Final = frozenset({_S.FIXED, _S.MERGED, _S.DEPLOYED, _S.SOAKING, _S.VERIFIED})
"""States of a fix on its way; the issue comes back only out of what was deployed."""
RETURNABLE: Final = frozenset({_S.DEPLOYED, _S.SOAKING, _S.VERIFIED})
OVER: Final = frozenset({_S.CLOSED, _S.BLOCKED, _S.WITHDRAWN, _S.VERIFIED})
"""States in which nothing is awaited any more, unless the issue comes back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Parking:
    """Why a case waits, and until when."""

    reason: ParkReason
    note: str
    until_ns: int
    """Server time, nanoseconds since the epoch; 0 waits for a person."""
    at_rate: int = 0
    """Of an observed case: occurrences within an hour that end the waiting."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Away:
    """A specialist in another process is at the case's step: an heir goes on waiting for it."""

    called: str
    """The role, ``research`` or one of the operator's own."""
    task_id: str
    """Of the queue of tasks; its result is taken once, whoever asked for it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivered:
    """What was handed over to people."""

    branch: str = ""
    commit: str = ""
    before: str = ""
    """The commit that this one follows, of the round before; empty for the first."""
    patch_path: str = ""
    """Path of the patch file on the machine that delivered."""
    remote: str = ""
    """Name of the remote that the branch was pushed to."""
    request: str = ""
    """Address of the pull or merge request."""
    request_number: int = 0
    """The forge's number of it; 0 where none was made."""


class Answer(StrEnum):
    """What is still to be said where people asked for something else."""

    AGAIN = "again"
    """The branch has a new commit."""
    SAME = "same"
    """The agent came to the same change."""
    UNPROVEN = "unproven"
    """What it made was not proven."""
    UNDELIVERED = "undelivered"
    """The branch could not be moved on: people's commits, or nobody answered."""
    TAKEN = "taken"
    """People's commits are on the branch."""
    ROUNDS = "rounds"
    """The rounds are used up."""
    MONEY = "money"
    """The issue's money is."""
    HELD = "held"
    """The screen held the remarks back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rework:
    """A delivered fix that people want otherwise: what they ask, and what stands meanwhile."""

    asked: str
    """Their remarks, screened: still data."""
    change: Change
    proof: Proof | None
    review: Review | None
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One issue's case. ``docket`` stores it as JSON under ``case.<issue>``."""

    issue: str
    """The docket's key: the issue key, with ``-r`` appended in the restricted lane."""
    episode: int = 1
    """Raised each time the issue comes back."""
    state: CaseState = CaseState.OPEN
    step: Step | None = None
    token: int = 0
    """Raised by each taking of the lease; fences the holders before."""
    holder: str = ""
    """Id of the worker that holds the lease; empty when none does."""
    environment: str = ""
    service: str = ""
    release: str = ""
    title: str = ""
    """One generated line, safe to print: type, function, file."""
    restricted: bool = False
    trust: Trust = Trust.TRUSTED
    opened_ns: int = 0
    """Server time of the first message, nanoseconds since the epoch."""
    report: bytes = b""
    """The scrubbed report, exactly the bytes that were screened."""
    screened_sha256: str = ""
    trace: str = ""
    """``00-…-…-01``, W3C's traceparent: the trace of the error, and the span that took it in."""
    message: MessageRef | None = None
    occurrences: int = 1
    signatures: tuple[str, ...] = ()
    """Signatures seen under this issue; joining is provisional (rules A9)."""
    counted: tuple[str, ...] = ()
    """The last messages that were counted here: one that comes again is known."""
    attempts: int = 0
    """Runs that the agent itself failed (rules A2)."""
    rounds: int = 0
    """Times the work was sent back from verify or review to implement."""
    cost_usd: float = 0.0
    tokens: int = 0
    """Read and written by its agents, as far as they told."""
    repository: str = ""
    """Where its service lives, of several repositories; empty where there is one, or none fits."""
    base: str = ""
    """The commit the case works from."""
    finding: Finding | None = None
    change: Change | None = None
    proof: Proof | None = None
    review: Review | None = None
    """The last one that decided something."""
    approvals: tuple[Approval, ...] = ()
    """Of the reviewers that were asked about this very change."""
    away: Away | None = None
    """What was sent to a specialist in another process and is not answered yet."""
    sent: int = 0
    """How often that was done in this episode; makes the ids of the tasks."""
    feedback: str = ""
    """What the implementation specialist is told when work is sent back."""
    verdict: Verdict | None = None
    reason: str = ""
    joined: str = ""
    """The case whose fix this one shares or, while it is parked, waits for."""
    handing: bool = False
    """While it is delivering: nobody else may hand over the same lines now."""
    alone: bool = False
    """A person said that it waits for no other's fix."""
    delivered: Delivered | None = None
    held_up: int = 0
    """How often it could not be handed over because a remote or the forge was away."""
    approved: str = ""
    """How far a person lets this fix go beyond what the settings say: a word of ``autonomy``."""
    approved_by: str = ""
    rework: Rework | None = None
    """While it is made anew for those who review it."""
    reworks: int = 0
    """Rounds of that, begun or refused."""
    heard: tuple[str, ...] = ()
    """The forge's ids of the remarks that were taken up."""
    answer: Answer | None = None
    """Owed on the request."""
    answering_ns: int = 0
    """When a worker began to say it, nanoseconds since the epoch: others wait a while."""
    landed: str = ""
    """The commit by which the fix came to the branch that fixes start from."""
    deployed: Deployment | None = None
    """The first deployment that has the fix."""
    came_back: bool = False
    """This episode began by a report out of a release that has the fix of the one before."""
    reverted: str = ""
    """A later commit that took the fix back: then a person decides (rules A11)."""
    parking: Parking | None = None

    @property
    def case_id(self) -> str:
        """``<issue>-e<episode>``: the id in results, branches' trailers and progress."""
        return f"{self.issue}-e{self.episode}"

    @property
    def span(self) -> Here:
        """From its opening to its verdict: the same, whoever works on it; another when redone."""
        name = f"{self.case_id}-{self.reworks}" if self.reworks else self.case_id
        return span_named(self.trace, name, self.issue, self.opened_ns)


def move(
    case: Case,
    to: CaseState,
    *,
    token: int,
    step: Step | None = None,
    **changes: Any,  # noqa: ANN401 - fields of Case, checked by replace
) -> Case:
    """The case after one legal transition, not yet saved; raises IllegalMove and Fenced.

    ``token`` is the caller's; it must be the case's own. A lease is taken with ``take``.
    """
    if token != case.token:
        message = f"Case {case.case_id} is held under token {case.token}, not {token}."
        raise Fenced(message)
    if to not in CASE_MOVES[case.state]:
        message = f"A case that is {case.state} cannot become {to}."
        raise IllegalMove(message)
    if step is not None and step is not case.step and step not in STEP_MOVES[case.step]:
        message = f"A case at {case.step} cannot go to {step}."
        raise IllegalMove(message)
    deciding = {CaseState.DELIVERING, CaseState.DELIVERED}
    if to in deciding and "verdict" not in changes and case.verdict is None:
        message = f"Case {case.case_id} cannot be delivered without a verdict."
        raise IllegalMove(message)
    if changes.get("verdict", case.verdict) is not case.verdict and case.verdict is not None:
        message = f"Case {case.case_id} has its verdict already: {case.verdict}."
        raise IllegalMove(message)
    return replace(case, state=to, step=step if step is not None else case.step, **changes)


def issue_of(case_id: str) -> str:
    """The docket's key of a case id."""
    return case_id.rpartition("-e")[0]
