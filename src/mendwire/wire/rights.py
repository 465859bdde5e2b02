"""What each kind of login may publish and subscribe to: derived from the topology, pure.

In an account of its own a project is apart from the others whatever its logins may do; these lists
keep the logins of one project apart. JetStream acts with the rights of the account, so that whoever
may make or change a stream can read by it what they may not read themselves (``sources``), and
write by it (``republish``): that is the operator's alone.

The same holds for an answer: the server confirms a stored message to the subject that its sender
names, whatever the sender may publish itself. So those who only report stand in an account apart,
to which the project's account offers what they need (``offered``): across accounts the server
answers on a subject of its own making, and the one that was named counts among them alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from mendwire.model.names import Names
from mendwire.wire.topology import StreamSpec, topology


class Role(StrEnum):
    """What a login is for."""

    PUBLISHER = "publisher"
    """A service that reports errors: it reads nothing."""
    GATEWAY = "gateway"
    """A gateway for reports over HTTP: a publisher that may see whether streams are there."""
    SPECIALIST = "specialist"
    """Plays roles on another machine: the queue of tasks, no error and no case."""
    WORKER = "worker"
    """Works cases and tasks to their end; makes, changes and purges no stream of messages."""
    OPERATOR = "operator"
    """A person: everything within the project's account."""

    @property
    def only_reports(self) -> bool:
        """Whether it reads nothing of the project, and so stands apart from it."""
        return self in {Role.PUBLISHER, Role.GATEWAY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rights:
    """Subjects, with wildcards."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    inbox: str
    """What the login's inboxes begin with; nobody else may subscribe there."""


def rights(role: Role, names: Names, environments: Sequence[str], login: str) -> Rights:
    """The least that ``role`` needs in ``names``; ``login`` is its name."""
    inbox = f"_INBOX_{login}"
    streams = topology(names, environments).streams
    may: dict[Role, tuple[Iterator[str], tuple[str, ...]]] = {
        Role.PUBLISHER: (_publisher(names), ()),
        Role.GATEWAY: (_gateway(names, streams), ()),
        Role.SPECIALIST: (
            _specialist(names, streams),
            (f"$KV.{names.bucket('TASK_STATES')}.>",),
        ),
        Role.WORKER: (
            _worker(names, streams),
            (f"{names.namespace}.>", f"$KV.{names.bucket('TASK_STATES')}.>"),
        ),
        Role.OPERATOR: (_operator(names), (f"{names.namespace}.>", "$JS.EVENT.>", "$KV.>")),
    }
    publish, subscribe = may[role]
    return Rights(
        publish=tuple(dict.fromkeys(publish)),
        subscribe=(f"{inbox}.>", *subscribe),
        inbox=inbox,
    )


def offered(names: Names, environments: Sequence[str]) -> tuple[str, ...]:
    """What those who only report are given across accounts; each login may use its own part."""
    streams = topology(names, environments).streams
    return tuple(dict.fromkeys(_gateway(names, streams)))


def _publisher(names: Names) -> Iterator[str]:
    yield names.errors(None)
    yield names.errors("*")
    yield f"{names.namespace}.occurrences.>"
    # Whether JetStream is there: also the round trip by which a connection knows that it stands.
    yield "$JS.API.INFO"


def _gateway(names: Names, streams: Sequence[StreamSpec]) -> Iterator[str]:
    yield from _publisher(names)
    yield from _comparing(streams)


def _specialist(names: Names, streams: Sequence[StreamSpec]) -> Iterator[str]:
    tasks, docket = names.stream("TASKS"), names.bucket("DOCKET")
    yield "$JS.API.INFO"
    yield from (f"{names.namespace}.results.{end}.*" for end in ("done", "failed", "cancelled"))
    yield f"{names.namespace}.investigation.status.*"
    yield f"$JS.API.STREAM.INFO.{tasks}"
    yield f"$JS.API.CONSUMER.LIST.{tasks}"
    # Whether a task has its result already; there is no narrower right, so verdicts are read, too
    # (the page on security says so).
    yield f"$JS.API.STREAM.INFO.{names.stream('RESULTS')}"
    yield f"$JS.API.STREAM.MSG.GET.{names.stream('RESULTS')}"
    for spec in streams:
        if spec.name == tasks:
            yield f"$JS.API.STREAM.MSG.GET.{tasks}"
            yield from _taking(spec)
        if spec.name == f"KV_{names.bucket('TASK_STATES')}":
            yield from spec.subjects
            yield from _reading(spec)
    yield from _queue(tasks)
    # Whether a letter is genuine, and whether somebody stopped everything: no word of a case.
    for key in ("letter.*", "halt"):
        yield f"$JS.API.DIRECT.GET.KV_{docket}.$KV.{docket}.{key}"


def _worker(names: Names, streams: Sequence[StreamSpec]) -> Iterator[str]:
    yield from _gateway(names, streams)
    yield "$JS.API.STREAM.LIST"
    for spec in streams:
        yield from (subject for subject in spec.subjects if not subject.startswith("$JS."))
        yield from _reading(spec)
        if spec.retention == "workqueue":
            yield from _taking(spec)
    yield from _queue(names.stream("TASKS"))


def _reading(spec: StreamSpec) -> Iterator[str]:
    yield f"$JS.API.STREAM.MSG.GET.{spec.name}"
    yield f"$JS.API.DIRECT.GET.{spec.name}"
    yield f"$JS.API.DIRECT.GET.{spec.name}.>"
    yield f"$JS.API.CONSUMER.INFO.{spec.name}.*"
    if spec.bucket:
        # A key's old values, an object's leavings: what the bucket itself is made of.
        yield f"$JS.API.STREAM.PURGE.{spec.name}"


def _taking(spec: StreamSpec) -> Iterator[str]:
    yield f"$JS.API.STREAM.MSG.DELETE.{spec.name}"
    yield f"$JS.API.CONSUMER.MSG.NEXT.{spec.name}.*"
    yield f"$JS.ACK.{spec.name}.>"


def _queue(tasks: str) -> Iterator[str]:
    """A consumer for each type, rank and receiver, made when first asked for."""
    yield f"$JS.API.CONSUMER.CREATE.{tasks}.*.>"
    yield f"$JS.API.CONSUMER.DELETE.{tasks}.*"


def _comparing(streams: Sequence[StreamSpec]) -> Iterator[str]:
    """Looking whether the streams are as they should be."""
    yield "$JS.API.STREAM.NAMES"
    for spec in streams:
        yield f"$JS.API.STREAM.INFO.{spec.name}"
        yield f"$JS.API.CONSUMER.LIST.{spec.name}"


def _operator(names: Names) -> Iterator[str]:
    yield f"{names.namespace}.>"
    yield "$JS.API.>"
    yield "$JS.ACK.>"
    yield "$JS.SNAPSHOT.>"
    yield "$KV.>"
    yield "$O.>"
