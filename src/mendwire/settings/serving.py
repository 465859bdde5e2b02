"""Tables of ``mendwire.toml`` about what is kept, handed over and served, and where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field

from mendwire.settings.autonomy import Autonomy, further, nearer
from mendwire.settings.section import Section

Kept = Annotated[float, Field(ge=2, le=3650)]
"""Days; more than the day for which the server knows repeats."""
KeptOrNot = Annotated[float, Field(ge=0, le=3650)]
"""Days; 0 is for ever."""


class Server(Section):
    """The embedded NATS server, used when no other is given."""

    store: Path | None = None
    """Relative to the file's folder; default: .mendwire/nats."""
    port: Annotated[int, Field(ge=0, le=65535)] = 0
    """0: chosen once and kept."""
    sync: str = "always"
    """When stored messages are flushed to disk: ``always`` or an interval such as ``2m``."""


class Retention(Section):
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


class DeliveryIn(Section):
    """How fixes of one environment's errors are handed over."""

    autonomy: Autonomy


class Delivery(Section):
    """How fixes are handed over."""

    autonomy: Autonomy = "branch"
    """``investigate`` ends with the finding, ``propose`` with a patch file, ``branch`` with a
    commit on a branch of its own, ``request`` with a pull or merge request for it."""
    environments: dict[str, DeliveryIn] = Field(default_factory=dict)
    """Where it is otherwise, by the environment that an error was reported from."""
    branch_prefix: str = "mendwire"
    push: str = ""
    """Remote that the branch is pushed to, ``origin`` for example, with your own login; fixes of
    reports of low trust stay here. Empty: nothing leaves this machine."""
    soak_hours: Annotated[float, Field(ge=0)] = 24.0
    """A deployed fix is verified when its issue stayed quiet for so long, while its service was
    heard from. Less than a day proves nothing for reports without a release."""
    author_name: str = "Mendwire"
    author_email: str = "mendwire@localhost"

    def up_to(self, environment: str, approved: str = "") -> str:
        """How far a fix goes there; ``approved`` is how far a person lets this one go."""
        said = self.environments.get(environment)
        return further(said.autonomy if said else self.autonomy, approved)

    def nearer(self, autonomy: Autonomy | None) -> Self:
        """As it is in a repository with a word of its own; the more careful word counts."""
        if autonomy is None:
            return self
        theirs = {
            name: DeliveryIn.model_validate({"autonomy": nearer(one.autonomy, autonomy)})
            for name, one in self.environments.items()
        }
        return self.model_copy(update={"autonomy": autonomy, "environments": theirs})


class Forge(Section):
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
    feedback: bool = True
    """Whether what people with write permission say on a request is taken up by another round of
    implementation, on the same branch."""
    rounds: Annotated[int, Field(ge=0, le=10)] = 3
    """Such rounds for one fix, at most; each also keeps within ``limits``."""


class Gateway(Section):
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


class Dashboard(Section):
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
