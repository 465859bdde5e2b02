"""Tables of ``mendwire.toml`` about how it is watched, and the machine that NATS runs on."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from mendwire.settings.section import Seconds, Section

_HIGHEST_PORT = 65535
_WEEK_H = 168
_GOOGLE_NAME = r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$"
"""Of resources of Google's: RFC 1035."""


def host_and_port(text: str) -> tuple[str, int]:
    """``127.0.0.1:9464`` or ``[::1]:9464``; raises ValueError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > _HIGHEST_PORT:
        message = f"{text!r} is not ADDRESS:PORT, e.g. 127.0.0.1:9464"
        raise ValueError(message)
    return host.removeprefix("[").removesuffix("]"), int(port)


class Metrics(Section):
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


class Traces(Section):
    """Spans of what is done about each error, for a backend that speaks OpenTelemetry."""

    endpoint: str = ""
    """``http://127.0.0.1:4318``: where spans are sent by OTLP over HTTP; empty: where
    OTEL_EXPORTER_OTLP_ENDPOINT says, else nowhere. Headers with secrets come from
    OTEL_EXPORTER_OTLP_HEADERS alone."""
    url: str = ""
    """``https://tempo.example.org/trace/{trace_id}``: makes a link of each trace id."""

    @field_validator("endpoint")
    @classmethod
    def _address(cls, text: str) -> str:
        if text and not _is_web(text):
            message = "it is an address, e.g. http://127.0.0.1:4318; a login goes into "
            raise ValueError(message + "OTEL_EXPORTER_OTLP_HEADERS")
        return text

    @field_validator("url")
    @classmethod
    def _has_place(cls, text: str) -> str:
        if text and not (_is_web(text) and "{trace_id}" in text):
            message = "it is an address with {trace_id} in it, e.g. https://host/trace/{trace_id}"
            raise ValueError(message)
        return text

    def link(self, trace_id: str) -> str:
        """Where a trace is shown; empty where nobody said."""
        return self.url.replace("{trace_id}", trace_id) if trace_id else ""


def _is_web(text: str) -> bool:
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and "@" not in parts.netloc


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


class Alerts(Section):
    """What people are told without asking, and where."""

    to: tuple[str, ...] = ()
    """Destinations as Apprise writes them, or ``env:NAME`` for one that an environment variable
    holds; empty: nobody is told."""
    routes: dict[RuleName, tuple[str, ...]] = Field(default_factory=dict)
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


class Host(Section):
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
