"""Every stream, consumer and bucket of a namespace, as data.

What is stated here is what the plan compares; what the server adds by itself is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mendwire.model.names import CONSUMER, Names, environment

VERSION: Final = "1"
"""Raised when a namespace's streams need a change that the fields alone do not show."""
OWNER: Final = "mendwire.owner"
NAMESPACE: Final = "mendwire.namespace"
DISK: Final = "mendwire.disk"
"""Bytes that all streams of the namespace share, as chosen when this one was last changed."""
MOVER: Final = "dead-letter-mover"

DEFAULT_DISK_BYTES: Final = 2 * 1024**3
"""Taken for the whole namespace when nobody says how much there is."""

_NS: Final = 1_000_000_000
_MINUTE: Final = 60.0
_DAY: Final = 86_400.0

_SHARES: Final[dict[str, float]] = {
    "ERRORS": 0.40,
    "TASKS": 0.05,
    "TASK_STATES": 0.02,
    "INVESTIGATIONS": 0.05,
    "RESULTS": 0.06,
    "EVIDENCE": 0.04,
    "SECURITY": 0.02,
    "QUARANTINE": 0.10,
    "DEAD": 0.12,
    "OCCURRENCES": 0.02,
    "ADVISORIES": 0.02,
    "DOCKET": 0.10,
}
DAYS: Final[Mapping[str, float]] = {
    "ERRORS": 30,
    "TASKS": 30,
    "INVESTIGATIONS": 30,
    "RESULTS": 90,
    "EVIDENCE": 90,
    "SECURITY": 90,
    "QUARANTINE": 0,
    "DEAD": 0,
    "OCCURRENCES": 30,
}
"""Days that messages of each kind are kept; 0 is without end."""
_ERROR_STREAMS: Final = 4
"""The share for errors is divided by at least this many, so that a third environment changes
nothing for the first two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsumerSpec:
    """One durable consumer."""

    name: str
    ack_wait_s: float
    max_deliver: int
    """-1 is without end."""
    filter_subject: str = ""
    """Empty takes all of the stream."""

    def config(self) -> dict[str, Any]:
        """No more fields than ``nats consumer add`` sends, so that it finds this one equal."""
        fields: dict[str, Any] = {
            "name": self.name,
            "durable_name": self.name,
            "ack_policy": "explicit",
            "ack_wait": int(self.ack_wait_s * _NS),
            "max_deliver": self.max_deliver,
        }
        return fields | ({"filter_subject": self.filter_subject} if self.filter_subject else {})


@dataclass(frozen=True, kw_only=True, slots=True)
class StreamSpec:
    """One stream, or the stream of a bucket."""

    name: str
    subjects: tuple[str, ...]
    retention: str
    """``workqueue`` or ``limits``."""
    max_age_s: float
    """Seconds; 0 keeps for ever."""
    duplicate_s: float
    """The duplicate window, seconds."""
    discard: str
    """``new`` refuses when full, ``old`` drops the oldest."""
    max_bytes: int
    description: str
    namespace: str
    disk: int
    """Bytes that all streams of the namespace share."""
    replicas: int = 1
    history: int = -1
    """Messages kept for each subject; -1 is without limit, 1 for buckets."""
    bucket: bool = False
    consumers: tuple[ConsumerSpec, ...] = ()

    def config(self) -> dict[str, Any]:
        """The server's fields, every limit stated."""
        fields: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "subjects": list(self.subjects),
            "retention": self.retention,
            "storage": "file",
            "num_replicas": self.replicas,
            "max_age": int(self.max_age_s * _NS),
            "duplicate_window": int(self.duplicate_s * _NS),
            "discard": self.discard,
            "max_bytes": self.max_bytes,
            "max_msgs": -1,
            "max_msgs_per_subject": self.history,
            "max_msg_size": -1,
            "max_consumers": -1,
            "allow_direct": True,
            "metadata": self.metadata(),
        }
        return fields | ({"allow_rollup_hdrs": True, "deny_delete": True} if self.bucket else {})

    def metadata(self) -> dict[str, str]:
        """What marks the stream as ours (rules B13)."""
        return {
            OWNER: "mendwire",
            NAMESPACE: self.namespace,
            DISK: str(self.disk),
            "mendwire.version": VERSION,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class _Ground:
    """What all streams of one topology have in common."""

    names: Names
    replicas: int
    disk: int
    """Bytes for all of them together."""
    days: Mapping[str, float] = field(default_factory=dict)
    """What is kept for another time than usual."""

    def age_s(self, kind: str) -> float:
        """Seconds that a kind is kept."""
        return self.days.get(kind, DAYS[kind]) * _DAY


@dataclass(frozen=True, kw_only=True, slots=True)
class Topology:
    """All that one namespace needs on its server."""

    namespace: str
    streams: tuple[StreamSpec, ...]

    def stream(self, name: str) -> StreamSpec:
        """By full name; raises KeyError."""
        return {spec.name: spec for spec in self.streams}[name]

    @property
    def error_streams(self) -> tuple[str, ...]:
        """Names of the work queues that ``claude-error-fixer`` reads."""
        return tuple(
            spec.name
            for spec in self.streams
            if any(consumer.name == CONSUMER for consumer in spec.consumers)
        )


def topology(
    names: Names,
    environments: Sequence[str],
    *,
    replicas: int = 1,
    disk_bytes: int | None = None,
    days: Mapping[str, float] = DAYS,
) -> Topology:
    """The wire contract for one namespace.

    ``disk_bytes`` is what all of its streams may use together; ``days`` how long each kind is
    kept. Raises InvalidName for an environment outside its pattern.
    """
    known = tuple(dict.fromkeys(environment(env) for env in environments))
    disk = disk_bytes or DEFAULT_DISK_BYTES
    ground = _Ground(names=names, replicas=replicas, disk=disk, days=days)
    errors = _error_streams(known, ground)
    return Topology(
        namespace=names.namespace,
        streams=(
            *errors,
            *_kept(ground),
            _advisories(tuple(spec.name for spec in errors), ground),
            _bucket("DOCKET", "The docket: every case, the truth of the namespace.", ground),
            _bucket("TASK_STATES", "What is known of tasks that are not done yet.", ground),
            _evidence(ground),
        ),
    )


def share(kind: str, disk_bytes: int, parts: int = 1) -> int:
    """Bytes of ``disk_bytes`` for one stream of a kind."""
    return max(1024 * 1024, int(disk_bytes * _SHARES[kind] / parts))


def _error_streams(known: tuple[str, ...], ground: _Ground) -> tuple[StreamSpec, ...]:
    size = share("ERRORS", ground.disk, max(_ERROR_STREAMS, len(known) + 1))

    def one(env: str | None, age_s: float, window_s: float) -> StreamSpec:
        subject = ground.names.errors(env)
        fixer = ConsumerSpec(
            name=CONSUMER, filter_subject=subject, ack_wait_s=10 * _MINUTE, max_deliver=3
        )
        return StreamSpec(
            name=ground.names.error_stream(env),
            subjects=(subject,),
            retention="workqueue",
            max_age_s=age_s,
            duplicate_s=window_s,
            discard="new",
            max_bytes=size,
            description=f"Error reports{f' of {env}' if env else ''} that wait to be handled.",
            namespace=ground.names.namespace,
            disk=ground.disk,
            replicas=ground.replicas,
            consumers=(fixer,),
        )

    age_s = ground.age_s("ERRORS")
    plain = one(None, min(age_s, 7 * _DAY), 2 * _MINUTE)
    return (plain, *(one(env, age_s, _DAY) for env in known))


def _kept(ground: _Ground) -> tuple[StreamSpec, ...]:
    table: tuple[tuple[str, str, str, str, str], ...] = (
        ("TASKS", "tasks", "workqueue", "new", "Tasks for agents."),
        ("INVESTIGATIONS", "investigation", "limits", "old", "Progress of cases and tasks."),
        ("RESULTS", "results", "limits", "old", "Verdicts and answers."),
        ("SECURITY", "security", "limits", "old", "What the screen rejected, in short."),
        ("QUARANTINE", "quarantine", "limits", "new", "Rejected reports, whole."),
        ("DEAD", "dead", "limits", "new", "Messages that could not be handled, and why."),
        ("OCCURRENCES", "occurrences", "limits", "old", "Counts of repeated errors."),
    )
    return tuple(
        StreamSpec(
            name=ground.names.stream(kind),
            subjects=(f"{ground.names.namespace}.{subject}.>",),
            retention=retention,
            max_age_s=ground.age_s(kind),
            duplicate_s=_DAY,
            discard=discard,
            max_bytes=share(kind, ground.disk),
            description=description,
            namespace=ground.names.namespace,
            disk=ground.disk,
            replicas=ground.replicas,
        )
        for kind, subject, retention, discard, description in table
    )


def _advisories(watched: tuple[str, ...], ground: _Ground) -> StreamSpec:
    event = "$JS.EVENT.ADVISORY.CONSUMER"
    return StreamSpec(
        name=ground.names.stream("ADVISORIES"),
        subjects=tuple(
            f"{event}.{kind}.{stream}.*"
            for stream in watched
            for kind in ("MAX_DELIVERIES", "MSG_TERMINATED")
        ),
        retention="workqueue",
        max_age_s=30 * _DAY,
        duplicate_s=2 * _MINUTE,
        discard="new",
        max_bytes=share("ADVISORIES", ground.disk),
        description="The server's word on messages that ran out of deliveries.",
        namespace=ground.names.namespace,
        disk=ground.disk,
        replicas=ground.replicas,
        consumers=(ConsumerSpec(name=MOVER, ack_wait_s=_MINUTE, max_deliver=-1),),
    )


def _bucket(kind: str, description: str, ground: _Ground) -> StreamSpec:
    name = ground.names.bucket(kind)
    return StreamSpec(
        name=f"KV_{name}",
        subjects=(f"$KV.{name}.>",),
        retention="limits",
        max_age_s=0,
        duplicate_s=2 * _MINUTE,
        discard="new",
        max_bytes=share(kind, ground.disk),
        description=description,
        namespace=ground.names.namespace,
        disk=ground.disk,
        replicas=ground.replicas,
        history=1,
        bucket=True,
    )


def _evidence(ground: _Ground) -> StreamSpec:
    """An object store: one object in JSON and one in Markdown for each verdict."""
    name = ground.names.bucket("EVIDENCE")
    return StreamSpec(
        name=f"OBJ_{name}",
        subjects=(f"$O.{name}.C.>", f"$O.{name}.M.>"),
        retention="limits",
        max_age_s=ground.age_s("EVIDENCE"),
        duplicate_s=2 * _MINUTE,
        discard="new",
        max_bytes=share("EVIDENCE", ground.disk),
        description="The evidence of each verdict, an object store.",
        namespace=ground.names.namespace,
        disk=ground.disk,
        replicas=ground.replicas,
        bucket=True,
    )


def drift(actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The fields of ``wanted`` that differ, as (actual, wanted); of metadata only our keys."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, value in wanted.items():
        have = actual.get(name)
        if name == "metadata":
            have = {key: (have or {}).get(key) for key in value}
        elif name == "subjects":
            have, value = sorted(have or []), sorted(value)  # noqa: PLW2901 - order says nothing
        if have != value and (have or value):
            found[name] = (have, value)
    return found
