"""Every exception Mendwire raises on purpose, one tree.

Each carries one sentence that says what is wrong and what to do; the command line prints it and
exits with the class's ``exit_code``.

    MendwireError
    ├── ConfigError              what the operator wrote cannot be used
    │   └── InvalidName          a namespace, environment or token outside its pattern
    ├── ServerError              the NATS server cannot be used
    │   ├── Unreachable          no answer, or not in time
    │   ├── AccessRefused        wrong credentials, or no permission for a subject
    │   ├── ServerUnfit          too old, or without JetStream
    │   └── StoreInUse           another server runs on the embedded server's store
    ├── WireError                one message or stream operation failed
    │   ├── Conflict             a compare-and-set met another revision
    │   ├── StreamFull           a stream refuses new messages
    │   ├── Damaged              an entry of the docket cannot be read: that one case stops
    │   └── RepeatedReentry      a re-entry was answered "duplicate" (rules A3)
    ├── Undecodable              bytes from the wire that are no record of ours
    ├── Refused                  a request that the gateway does not take, and why
    ├── AlertRefused             a destination did not take an alert: it is tried again
    ├── IllegalMove              a state machine was asked for a transition it does not have
    ├── Fenced                   the lease on a case was lost; stop before the next effect
    ├── ScreenUnavailable        the screen cannot run at all: stop pulling (rules A13)
    ├── ScreenBroken             one report broke or outlasted the screen: quarantine it
    ├── ExecutionError           something run on this machine
    │   ├── SandboxUnavailable   the sandbox asked for is not there (fails closed)
    │   ├── GitError             git refused
    │   │   └── RemoteAway       a remote does not answer: worth another try later
    │   ├── ForgeError           GitHub or GitLab refused
    │   │   └── ForgeAway        it does not answer, or is busy: worth another try later
    │   ├── RepositoryUnfit      no repository, no commit, or not usable as a base
    │   └── Homeless             no repository is known for a report's service
    └── AgentError               a coding agent's run
        ├── AgentFailed          the agent itself failed: counts as an attempt
        ├── OverBudget           the run met its money limit
        ├── ProviderOutage       the model's provider is down or refuses: costs no attempt
        ├── SpecialistsAway      nobody elsewhere can do it now: costs no attempt, the case waits
        └── RunCancelled         a person ended the run: costs no attempt, a person goes on
"""

from __future__ import annotations


class MendwireError(Exception):
    """One sentence that says what is wrong and what to do."""

    exit_code = 1


class ConfigError(MendwireError):
    """What the operator wrote cannot be used."""

    exit_code = 2


class InvalidName(ConfigError):
    """A namespace, environment or token is outside its pattern."""


class ServerError(MendwireError):
    """The NATS server cannot be used."""

    exit_code = 3


class Unreachable(ServerError):
    """No answer from the server, or not in time."""


class AccessRefused(ServerError):
    """Wrong credentials, or no permission for a subject."""


class ServerUnfit(ServerError):
    """The server is too old or has no JetStream."""


class StoreInUse(ServerError):
    """Another server runs on the embedded server's store."""


class WireError(MendwireError):
    """One message or stream operation failed."""


class Conflict(WireError):
    """A compare-and-set met another revision."""


class StreamFull(WireError):
    """A stream refuses new messages because a limit is reached."""


class Damaged(WireError):
    """An entry of the docket cannot be read; that one case stops (rules A8)."""


class RepeatedReentry(WireError):
    """A re-entry under its own id was answered ``duplicate`` (rules A3)."""


class Undecodable(MendwireError):
    """Bytes from the wire that are no record of ours."""


class Refused(MendwireError):
    """The gateway does not take a request.

    ``status`` is the HTTP status; ``reason`` one word for the statistics; ``retry_after_s`` whole
    seconds after which it may come again, 0 for never.
    """

    def __init__(self, message: str, *, status: int, reason: str, retry_after_s: int = 0) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after_s = retry_after_s


class AlertRefused(MendwireError):
    """A destination did not take an alert; it is tried again."""


class IllegalMove(MendwireError):
    """A state machine was asked for a transition that it does not have."""


class Fenced(MendwireError):
    """The lease on a case was lost: whoever holds this must stop before the next effect."""


class ScreenUnavailable(MendwireError):
    """The screen cannot run at all; the worker stops pulling (rules A13)."""


class ScreenBroken(MendwireError):
    """One report broke the screen or outlasted it; that report goes to quarantine."""


class ExecutionError(MendwireError):
    """Something that was run on this machine failed as a tool, not as a result."""


class SandboxUnavailable(ExecutionError):
    """The sandbox that was asked for is not there."""


class GitError(ExecutionError):
    """Git refused."""


class RemoteAway(GitError):
    """A remote does not answer, as far as git says: worth another try later."""


class ForgeError(ExecutionError):
    """GitHub or GitLab refused, or did not answer."""


class ForgeAway(ForgeError):
    """The forge does not answer, or says that it is busy: worth another try later."""


class RepositoryUnfit(ExecutionError):
    """There is no repository, or no commit in it, to work from."""


class Homeless(ExecutionError):
    """No repository is known for a report's service: a person adds it to the settings."""


class AgentError(MendwireError):
    """A coding agent's run did not give an answer.

    ``cost_usd`` is what the run spent all the same, in US dollars, and ``tokens`` what it read and
    wrote.
    """

    def __init__(self, message: str, *, cost_usd: float = 0.0, tokens: int = 0) -> None:
        super().__init__(message)
        self.cost_usd = cost_usd
        self.tokens = tokens


class AgentFailed(AgentError):
    """The agent itself failed (crash, time-out, turn limit, no structured answer): an attempt."""


class OverBudget(AgentError):
    """The run met its limit of money or tokens; the case is parked, not judged."""


class ProviderOutage(AgentError):
    """The model's provider is down or refuses; costs no attempt.

    ``retry_after_s`` is the provider's own wish, in seconds, or None.
    """

    def __init__(
        self, message: str, *, cost_usd: float = 0.0, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, cost_usd=cost_usd)
        self.retry_after_s = retry_after_s


class SpecialistsAway(AgentError):
    """No process that plays this role is there, or none of them can; costs no attempt."""


class RunCancelled(AgentError):
    """A person ended the run; costs no attempt, and none begins before a person says so."""
