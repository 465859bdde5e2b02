"""``mendwire.toml``: what the operator decides, checked once and passed on.

The file is read from the operator's own checkout, never from a tree an agent worked in
(rules B8). Every field has a default, so that an empty file, or none, is valid.
"""

from __future__ import annotations

import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from mendwire.errors import ConfigError

FILE_NAME = "mendwire.toml"
_HIGHEST_PORT = 65535
_WEEK_H = 168

Dollars = Annotated[float, Field(ge=0)]
Seconds = Annotated[float, Field(gt=0)]
Kept = Annotated[float, Field(ge=2, le=3650)]
"""Days; more than the day for which the server knows repeats."""
KeptOrNot = Annotated[float, Field(ge=0, le=3650)]
"""Days; 0 is for ever."""
Command = tuple[str, ...]
_GOOGLE_NAME = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
"""Of resources of Google's: RFC 1035."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Project(_Section):
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


class Worker(_Section):
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


class AgentChoice(_Section):
    """Which agent, for one role."""

    kind: Literal["auto", "claude", "rollback", "command"] = "auto"
    """``auto``: Claude Code where it is installed, else rollback, which needs no model."""
    program: str = "claude"
    """Of Claude Code."""
    command: Command = ()
    """Of kind ``command``: program and arguments; {task}, {answer}, {tree}, {scratch}, {role}."""
    environment: tuple[str, ...] = ()
    """Names of environment variables that the command is given beside the usual few."""
    model: str = ""
    """Empty: the program's own default."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "command" and not self.command:
            message = 'kind "command" needs command = ["program", "argument", ...]'
            raise ValueError(message)
        return self


class Roles(_Section):
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


class OwnReviewer(_Section):
    """A reviewer beside the usual one; its refusal sends the work back."""

    paths: tuple[str, ...] = ("**",)
    """It is asked only about changes that touch one of these."""
    instructions: str = ""
    """What it is to look at, beside `.claude/agents/<name>.md` at the base commit."""


class Specialists(_Section):
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


class Limits(_Section):
    """Money, in US dollars by the provider's list price."""

    run_usd: Dollars = 2.0
    """One run of an agent, its own sub-agents included."""
    issue_usd: Dollars = 8.0
    """All runs for one issue; then its case waits for a person."""
    day_usd: Dollars = 20.0
    """All workers together, by UTC day."""
    at_once: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Share of the day's money that may be spent as soon as the day begins; the rest comes with
    the hours, so that one bad night does not take it all. 1 spreads nothing."""


class Policy(_Section):
    """What a fix may change."""

    max_files: Annotated[int, Field(ge=1)] = 10
    max_lines: Annotated[int, Field(ge=1)] = 400
    allow_paths: tuple[str, ...] = ("**",)
    deny_paths: tuple[str, ...] = ()
    """Beside those always denied."""
    allow_new_dependencies: bool = False


class Sandbox(_Section):
    """What commands of the project and of agents run in (rules B6)."""

    kind: Literal["auto", "bwrap", "claude", "none"] = "auto"
    """``auto`` refuses to run commands where no sandbox works; ``none`` is your explicit word."""


class Scrub(_Section):
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


class Screen(_Section):
    """The prompt-injection screen."""

    patterns: Path | None = None
    """Your own rules, JSON lines, beside the built-in ones; relative to the file's folder."""
    seconds: Seconds = 2.0
    """Budget for one report; one that outlasts it goes to quarantine."""


class Server(_Section):
    """The embedded NATS server, used when no other is given."""

    store: Path | None = None
    """Relative to the file's folder; default: .mendwire/nats."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0: chosen once and kept."""
    sync: str = "always"
    """When stored messages are flushed to disk: ``always`` or an interval such as ``2m``."""


class Retention(_Section):
    """How many days each kind is kept; the same on every machine that runs a worker."""

    errors: Kept = 30
    """Errors that wait; those that near their end move to the dead letters."""
    tasks: Kept = 30
    """Tasks that wait."""
    progress: Kept = 30
    """Of cases and tasks."""
    results: Kept = 90
    """Verdicts, and answers to tasks."""
    evidence: Kept = 90
    """What verdicts stand on."""
    rejections: Kept = 90
    """The short notes of what the screen rejected."""
    counts: Kept = 30
    """Of repeats."""
    quarantine: KeptOrNot = 0
    """0: until a person decides; else what is older is gone, decided or not."""
    dead_letters: KeptOrNot = 0
    """0: until a person decides."""
    cases: KeptOrNot = 0
    """Texts of cases that are over (report, findings, change, proof); 0: for ever. The case itself
    stays, so that its bug is known."""

    @property
    def days(self) -> dict[str, float]:
        """By kind of stream, as ``wire.topology`` names them."""
        return {
            "ERRORS": self.errors,
            "TASKS": self.tasks,
            "INVESTIGATIONS": self.progress,
            "RESULTS": self.results,
            "EVIDENCE": self.evidence,
            "SECURITY": self.rejections,
            "QUARANTINE": self.quarantine,
            "DEAD": self.dead_letters,
            "OCCURRENCES": self.counts,
        }


class Delivery(_Section):
    """How fixes are handed over."""

    autonomy: Literal["investigate", "propose", "branch", "request"] = "branch"
    """``investigate`` ends with the finding, ``propose`` with a patch file, ``branch`` with a
    commit on a branch of its own, ``request`` with a pull or merge request for it."""
    branch_prefix: str = "mendwire"
    push: str = ""
    """Remote that the branch is pushed to, ``origin`` for example, with your own login; fixes of
    reports of low trust stay here. Empty: nothing leaves this machine."""
    soak_hours: Annotated[float, Field(ge=0)] = 24.0
    """A deployed fix is verified when its issue stayed quiet for so long, while its service was
    heard from. Less than a day proves nothing for reports without a release."""
    author_name: str = "Mendwire"
    author_email: str = "mendwire@localhost"


class Forge(_Section):
    """Where pull or merge requests are made."""

    kind: Literal["github", "gitlab", ""] = ""
    repository: str = Field(default="", pattern=r"^[\w.-]*(/[\w.-]+)*$", max_length=200)
    """``owner/name`` on GitHub, the project's path on GitLab."""
    url: str = Field(
        default="", pattern=r"^(https://.+|http://(127\.0\.0\.1|localhost)(:\d+)?(/.*)?)?$"
    )
    """Of GitHub Enterprise's API or of your GitLab; empty: github.com's or gitlab.com."""
    token: str = "MENDWIRE_FORGE_TOKEN"  # noqa: S105 - the name of a variable
    """Environment variable with a token that may write requests; agents never see it."""
    base: str = ""
    """Branch that requests ask to be merged to; empty: the forge's default branch."""
    draft: bool = True
    """Requests begin as drafts."""


class Gateway(_Section):
    """Reports over HTTP: Sentry's and OpenTelemetry's SDKs, and plain JSON."""

    enabled: bool = False
    """Whether ``mendwire up`` runs it too."""
    host: str = "127.0.0.1"
    """Address it listens on."""
    port: Annotated[int, Field(ge=0, le=65535)] = 7390
    """0: any free one."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that share the port, every quota and the statistics."""
    url: str = ""
    """How clients reach it, for the DSNs; empty: host and port."""
    max_event: Annotated[int, Field(ge=4096)] = 1024 * 1024
    """Bytes of one event, decompressed."""
    max_body: Annotated[int, Field(ge=4096)] = 20 * 1024 * 1024
    """Bytes of one request as it is sent."""
    max_inflated: Annotated[int, Field(ge=4096)] = 100 * 1024 * 1024
    """Bytes of one request, decompressed; what is not an event is not kept."""
    in_flight: Annotated[int, Field(ge=65536)] = 48 * 1024 * 1024
    """Bytes of all requests that wait for their answer; beyond it the answer is 503."""
    spool: Annotated[int, Field(ge=1024 * 1024)] = 256 * 1024 * 1024
    """Bytes on disk while the NATS server is away; beyond it the answer is 503."""
    bytes_hour: Annotated[int, Field(ge=1)] = 4 * 1024 * 1024 * 1024
    """Bytes that all keys together may send."""
    signatures_hour: Annotated[int, Field(ge=1)] = 100_000
    """Distinct errors that all keys together may report."""
    reserve: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Part of both that only trusted keys may use."""


class Dashboard(_Section):
    """Pages that show how things stand, for people who may look and people who may act."""

    enabled: bool = True
    """Whether ``mendwire up`` runs it too."""
    host: str = "127.0.0.1"
    """Address it listens on; another one than loopback needs token_file or proxy_peers."""
    port: Annotated[int, Field(ge=0, le=65535)] = 7391
    """0: any free one; ``mendwire up`` takes one, too, where this one is in use."""
    url: str = ""
    """How browsers reach it behind a proxy, https://mendwire.example.org; empty: host and port."""
    hosts: tuple[str, ...] = ()
    """Further names under which browsers reach it; requests for others are refused."""
    token_file: str = ""
    """Holds the operators' token; relative to the file's folder; empty: one is made."""
    viewer_token_file: str = ""
    """Holds the token of people who may look and not act; empty: there is none."""
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    """A login ends after so long."""
    proxy_peers: tuple[str, ...] = ()
    """Addresses or networks whose requests carry the user's name in proxy_header."""
    proxy_header: str = "X-Forwarded-User"
    """Believed from proxy_peers alone, which must set or remove it in every request."""
    operators: tuple[str, ...] = ()
    """Names in that header that may act."""
    viewers: tuple[str, ...] = ("*",)
    """Names in that header that may look; ``*``: everybody whom the proxy lets through."""


class Metrics(_Section):
    """Figures for Prometheus."""

    listen: str = ""
    """``127.0.0.1:9464``: where `mendwire work` and `up` serve /metrics; empty: nowhere."""
    gateway: str = ""
    """The same of a gateway that runs alone."""

    @field_validator("listen", "gateway")
    @classmethod
    def _loopback(cls, text: str) -> str:
        if text:
            host, _ = host_and_port(text)
            if not ip_address(host).is_loopback:
                message = "figures are served on loopback only, e.g. 127.0.0.1:9464; a proxy or an "
                raise ValueError(message + "agent on this machine brings them elsewhere")
        return text


RuleName = Literal[
    "critical",
    "new",
    "regression",
    "spike",
    "stuck",
    "dead",
    "quarantine",
    "budget",
    "quiet",
    "workers",
    "server",
]


class Alerts(_Section):
    """What people are told without asking, and where."""

    to: tuple[str, ...] = ()
    """Destinations as Apprise writes them, or ``env:NAME`` for one that an environment variable
    holds; empty: nobody is told."""
    routes: dict[RuleName, tuple[str, ...]] = {}
    """Other destinations by rule."""
    off: tuple[RuleName, ...] = ()
    """What is not told."""
    environments: tuple[str, ...] = ()
    """Whose issues and rates are told of; empty: all."""
    every_minutes: Annotated[float, Field(ge=0)] = 60
    """Between two notices of one thread."""
    cap_hour: Annotated[int, Field(ge=1, le=1000)] = 20
    """Notices in an hour, all threads together; what is beyond is told as a number."""
    resolved: bool = True
    """Whether it is told, too, that something is over."""
    spike_times: Annotated[float, Field(ge=1)] = 4.0
    """An hour is a spike with so many times the usual errors."""
    spike_least: Annotated[int, Field(ge=1)] = 20
    """Errors that a spike has at least."""
    stuck_minutes: Annotated[float, Field(ge=0)] = 15
    """For how long messages must be stuck, or nobody work."""
    budget_share: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Part of the day's money that must be spent."""
    quiet: tuple[str, ...] = ()
    """``production/shop=24``: that service sends nothing for so many hours."""
    down_minutes: Annotated[float, Field(ge=0)] = 2
    """For how long the NATS server must be away."""
    look_s: Seconds = 10
    """Between two looks."""
    heartbeat: str = ""
    """Address of a dead-man's switch, asked for while all works; or ``env:NAME``."""
    heartbeat_s: Seconds = 60

    @field_validator("quiet")
    @classmethod
    def _readable(cls, items: tuple[str, ...]) -> tuple[str, ...]:
        for item in items:
            place, _, hours = item.rpartition("=")
            if "/" not in place or not hours.isdecimal() or not 0 < int(hours) <= _WEEK_H:
                message = f"{item!r} is not ENVIRONMENT/SERVICE=HOURS with at most {_WEEK_H} hours"
                raise ValueError(message)
        return items


def host_and_port(text: str) -> tuple[str, int]:
    """``127.0.0.1:9464`` or ``[::1]:9464``; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        message = f"{text!r} is not ADDRESS:PORT, e.g. 127.0.0.1:9464"
        raise ValueError(message)
    return host.removeprefix("[").removesuffix("]"), int(port)


class Host(_Section):
    """The Google Cloud instance that NATS runs on, for ``mendwire host``.

    Each value becomes an argument of ``gcloud``, so each has a pattern that no flag fits.
    """

    project: str = Field(default="", pattern=r"^([a-z][a-z0-9.:-]{4,60}[a-z0-9])?$")
    """Empty: the one that gcloud is set to."""
    zone: str = Field(default="europe-west3-a", pattern=r"^[a-z]+-[a-z]+\d{1,2}-[a-z]$")
    instance: str = Field(default="nats-jetstream", pattern=_GOOGLE_NAME)
    machine_type: str = Field(default="e2-micro", pattern=r"^[a-z][a-z0-9-]{1,62}$")
    disk_gb: Annotated[int, Field(ge=10, le=65536)] = 10
    disk_type: str = Field(default="pd-standard", pattern=_GOOGLE_NAME)
    image_family: str = Field(default="ubuntu-2204-lts", pattern=_GOOGLE_NAME)
    image_project: str = Field(default="ubuntu-os-cloud", pattern=_GOOGLE_NAME)
    network: str = Field(default="default", pattern=_GOOGLE_NAME)
    address: str = Field(default="", pattern=r"^([a-z]([a-z0-9-]{0,61}[a-z0-9])?|[0-9.]{7,15})?$")
    """Name or number of a reserved address; empty: one that changes with each start."""
    tag: str = Field(default="nats-server", pattern=_GOOGLE_NAME)
    """Of the network; the firewall's rules go by it."""
    rule: str = Field(default="allow-nats", pattern=_GOOGLE_NAME)
    """Name of our rule of the firewall."""
    source_ranges: tuple[str, ...] = ()
    """Addresses that may reach the clients' port: ``203.0.113.7/32``."""
    iap: bool = False
    """Ssh goes through Google's identity-aware proxy, so that no port 22 is open."""
    folder: Path = Path("host")
    """What ``mendwire host config`` wrote; relative to the file's own folder."""


class Config(_Section):
    """All of ``mendwire.toml``."""

    root: Path = Path()
    """The folder the file is in, or the working directory without one."""
    project: Project = Project()
    worker: Worker = Worker()
    agent: Agent = Agent()
    specialists: Specialists = Specialists()
    limits: Limits = Limits()
    policy: Policy = Policy()
    sandbox: Sandbox = Sandbox()
    scrub: Scrub = Scrub()
    screen: Screen = Screen()
    server: Server = Server()
    retention: Retention = Retention()
    delivery: Delivery = Delivery()
    forge: Forge = Forge()
    gateway: Gateway = Gateway()
    dashboard: Dashboard = Dashboard()
    metrics: Metrics = Metrics()
    alerts: Alerts = Alerts()
    host: Host = Host()

    @model_validator(mode="after")
    def _has_a_forge(self) -> Self:
        if self.delivery.autonomy == "request":
            if not (self.forge.kind and self.forge.repository):
                message = 'autonomy "request" needs kind and repository under [forge]'
                raise ValueError(message)
            if not self.delivery.push:
                message = 'autonomy "request" needs push, the remote that the branch goes to'
                raise ValueError(message)
        return self

    @property
    def repository(self) -> Path:
        """Absolute path of the repository that is mended."""
        return (self.root / self.project.repository).resolve()

    @property
    def state(self) -> Path:
        """Folder of ours beside the config file: trees, patches, the embedded server's store."""
        return self.root.resolve() / ".mendwire"


def find_config(start: Path) -> Path | None:
    """``mendwire.toml`` in ``start`` or the nearest folder above that has one."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def read_config(path: Path | None, start: Path) -> Config:
    """The configuration in ``path``, or the defaults rooted at ``start``; raises ConfigError."""
    if path is None:
        return Config(root=start)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        message = f"{path} cannot be read: {problem.strerror}."
        raise ConfigError(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        message = f"{path} is not valid TOML: {problem}."
        raise ConfigError(message) from None
    try:
        return Config(**{**raw, "root": path.parent})
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{path}: {where}: {first['msg']} (see the comments mendwire init writes)."
        raise ConfigError(message) from None
