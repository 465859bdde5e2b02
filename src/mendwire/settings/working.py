"""Tables of ``mendwire.toml`` about the work on an error: by whom, how far, within what."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from mendwire.settings.section import Seconds, Section

Dollars = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]
Command = tuple[str, ...]


class Project(Section):
    """The code that is mended."""

    repository: Path = Path()
    """Relative to the file's own folder."""
    base: str = "HEAD"
    """Branch, tag or commit that fixes start from."""
    test: Command = ()
    """Argument vector of the whole suite; empty: detected."""
    reproduce: Command = ()
    """Argument vector that fails while the error is there; empty: built from the report."""
    setup: Command = ()
    """Run once in each fresh tree before its tests."""
    test_timeout_s: Seconds = 600
    reruns: Annotated[int, Field(ge=0, le=20)] = 2
    """Further runs that must agree with the first."""


class Worker(Section):
    """How errors are taken from the queue."""

    environments: tuple[str, ...] = ("staging", "production")
    concurrency: Annotated[int, Field(ge=1, le=64)] = 2
    """Cases worked on at once."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """Runs that an agent may fail by itself before the case is blocked."""
    rounds: Annotated[int, Field(ge=0, le=10)] = 2
    """Times that work may be sent back to implementation."""
    heartbeat_s: Seconds = 10
    """A worker silent for four and a half of these is dead, and its cases are taken over."""
    outage_waits_s: Annotated[tuple[Seconds, ...], Field(min_length=1)] = (1, 2, 5, 10, 30, 60)
    """Pauses between tries while the model's provider is down; the last one repeats."""


def _prices(given: tuple[float, ...]) -> tuple[float, ...]:
    if len(given) not in {0, 3}:
        message = "three prices of a million tokens: read, read from the cache, written"
        raise ValueError(message)
    return given


class AgentChoice(Section):
    """Which agent, for one role."""

    kind: Literal["auto", "claude", "rollback", "command", "acp", "codex"] = "auto"
    """``auto``: Claude Code where it is installed, else rollback, which needs no model."""
    program: str = "claude"
    """Of Claude Code."""
    command: Command = ()
    """Of kinds ``command`` and ``acp``: program and arguments; {task}, {answer}, {tree},
    {scratch}, {role}. Of ``codex``: its program, if it is not the one on PATH."""
    environment: tuple[str, ...] = ()
    """Names of environment variables that the command is given beside the usual few."""
    model: str = ""
    """Empty: the program's own default."""
    unknown_usd: Dollars = 1.0
    """Of kinds ``acp`` and ``codex``: US dollars that a run counts as whose cost is not known."""
    token_usd: Annotated[tuple[Dollars, ...], AfterValidator(_prices)] = ()
    """Of kind ``codex``: US dollars for a million tokens: read, read from the cache, written."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind in {"command", "acp"} and not self.command:
            message = f'kind "{self.kind}" needs command = ["program", "argument", ...]'
            raise ValueError(message)
        return self


class Roles(Section):
    """Roles that another agent plays than the one under [agent]."""

    research: AgentChoice | None = None
    implementation: AgentChoice | None = None
    review: AgentChoice | None = None
    __pydantic_extra__: dict[str, AgentChoice] = Field(init=False)
    """Of reviewers of your own, by name."""
    model_config = ConfigDict(frozen=True, extra="allow")

    def chosen(self) -> dict[str, AgentChoice]:
        """Every role that names an agent."""
        usual = {"research": self.research, "implementation": self.implementation}
        named = {**usual, "review": self.review, **(self.__pydantic_extra__ or {})}
        return {name: choice for name, choice in named.items() if choice is not None}


class Agent(AgentChoice):
    """Who investigates."""

    turns: Annotated[int, Field(ge=1)] = 40
    seconds: Seconds = 900
    """Wall clock of one run."""
    roles: Roles = Roles()


class OwnReviewer(Section):
    """A reviewer beside the usual one; its refusal sends the work back."""

    paths: tuple[str, ...] = ("**",)
    """It is asked only about changes that touch one of these."""
    instructions: str = ""
    """What it is to look at, beside `.claude/agents/<name>.md` at the base commit."""


class Specialists(Section):
    """Roles that are played in other processes, on this machine or others."""

    remote: tuple[str, ...] = ()
    """Roles that `mendwire specialist` plays: research, implementation, review, or a reviewer of
    your own."""
    otherwise: Literal["wait", "here"] = "wait"
    """When nobody there plays a role: its case waits, or the worker plays it by itself."""
    patience_s: Seconds = 60
    """How long nobody may be there before that."""
    wait_s: Seconds = 3600
    """How long a case waits for a specialist while all of them are busy; then it is laid aside."""
    silence_s: Annotated[float, Field(ge=1)] = 30
    """A specialist silent for so long has its work given to another."""
    fetch: str = "origin"
    """Of `mendwire specialist`: the remote from which a missing commit is fetched."""
    reviewers: dict[str, OwnReviewer] = Field(default_factory=dict)
    """Reviewers of your own by name, in the order in which they are asked."""


class Limits(Section):
    """Money, in US dollars by the provider's list price, and tokens: read and written, without
    what the provider's cache had. 0 tokens are no limit.
    """

    run_usd: Dollars = 2.0
    """One run of an agent, its own sub-agents included."""
    issue_usd: Dollars = 8.0
    """All runs for one issue; then its case waits for a person."""
    day_usd: Dollars = 20.0
    """All workers together, by UTC day."""
    run_tokens: Count = 0
    """One run of an agent, its own sub-agents included."""
    issue_tokens: Count = 0
    """All runs for one issue; then its case waits for a person."""
    day_tokens: Count = 0
    """All workers together, by UTC day."""
    at_once: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of the day's money and tokens that may be spent as soon as the day begins; the rest
    comes with the hours, so that one bad night does not take it all. 1 spreads nothing."""


class Policy(Section):
    """What a fix may change."""

    max_files: Annotated[int, Field(ge=1)] = 10
    max_lines: Annotated[int, Field(ge=1)] = 400
    allow_paths: tuple[str, ...] = ("**",)
    deny_paths: tuple[str, ...] = ()
    """Beside those always denied."""
    allow_new_dependencies: bool = False


class Sandbox(Section):
    """What commands of the project and of agents run in (rules B6)."""

    kind: Literal["auto", "bwrap", "claude", "none"] = "auto"
    """``auto`` refuses to run commands where no sandbox works; ``none`` is your explicit word."""


class Scrub(Section):
    """What is taken out of reports before they are kept, beside secrets."""

    emails: Literal["mask", "keep", "hash"] = "mask"
    salt: str = ""
    """Of the hashes of e-mail addresses."""
    addresses: Literal["keep", "mask"] = "keep"
    """IP addresses."""
    phones: Literal["mask", "keep"] = "mask"
    """Telephone numbers under keys that say so."""
    keys: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    """Each repetition bounded; checked when the policy is made."""
    allow: tuple[str, ...] = ()
    off: tuple[str, ...] = ()


class Screen(Section):
    """The prompt-injection screen."""

    patterns: Path | None = None
    """Your own rules, JSON lines, beside the built-in ones; relative to the file's folder."""
    seconds: Seconds = 2.0
    """Budget for one report; one that outlasts it goes to quarantine."""
