"""What it takes to make a server's streams as the topology wants them: pure, and never greedy.

Only what carries our exact name and our metadata is changed (rules B13). A stream of the right
name that somebody else made is used as it is when that works, and reported when it does not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from mendwire.wire.topology import (
    NAMESPACE,
    OWNER,
    ConsumerSpec,
    StreamSpec,
    Topology,
    drift,
)

FIXED_STREAM_FIELDS: Final = frozenset({"name", "retention", "storage", "max_consumers"})
FIXED_CONSUMER_FIELDS: Final = frozenset({"name", "durable_name", "ack_policy"})
NEEDED: Final = frozenset({"retention", "storage", "subjects"})
"""A stream that is not ours must agree on these to be usable."""
NEEDED_OF_BUCKETS: Final = NEEDED | {"allow_direct", "max_msgs_per_subject"}


class Action(StrEnum):
    """What is to be done about one stream or consumer."""

    EQUAL = "equal"
    CREATE = "create"
    CHANGE = "change"
    UNOWNED = "unowned"
    """Somebody else made it; it works and is left as it is."""
    FOREIGN = "foreign"
    """It stands in the way: a person decides."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldChange:
    """One field that differs."""

    field: str
    actual: Any
    wanted: Any
    changeable: bool
    """Whether the server can change it on what exists."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One stream or consumer of the plan."""

    action: Action
    stream: str
    consumer: str = ""
    """Empty for the stream itself."""
    fields: tuple[FieldChange, ...] = ()
    reason: str = ""
    """For ``unowned`` and ``foreign``: one sentence."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """What is to be sent to the server."""

    @property
    def name(self) -> str:
        """``STREAM`` or ``STREAM > consumer``."""
        return f"{self.stream} > {self.consumer}" if self.consumer else self.stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """Every stream and consumer of a topology, in order of application."""

    items: tuple[Item, ...]

    @property
    def changes(self) -> tuple[Item, ...]:
        """What applying does."""
        return tuple(i for i in self.items if i.action in {Action.CREATE, Action.CHANGE})

    @property
    def obstacles(self) -> tuple[Item, ...]:
        """What only a person can clear."""
        return tuple(i for i in self.items if i.action is Action.FOREIGN)


@dataclass(frozen=True, kw_only=True, slots=True)
class ActualStream:
    """One stream as the server describes it."""

    config: Mapping[str, Any]
    consumers: Mapping[str, Mapping[str, Any]]
    """Configurations by consumer name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Actual:
    """What the server has under the names that the topology wants."""

    streams: Mapping[str, ActualStream]
    takers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For a wanted stream: other streams that take one of its subjects."""


def plan(actual: Actual, wanted: Topology) -> Plan:
    """Compare; pure. Apply the result with ``wire.apply``."""
    return Plan(items=tuple(item for spec in wanted.streams for item in _of_stream(actual, spec)))


def overlap(one: str, other: str) -> bool:
    """Whether two subject filters can match the same subject; an empty one matches all."""
    left, right = (one or ">").split("."), (other or ">").split(".")
    for a, b in zip(left, right, strict=False):
        if ">" in (a, b):
            return True
        if a != b and "*" not in (a, b):
            return False
    return len(left) == len(right)


def _of_stream(actual: Actual, spec: StreamSpec) -> Iterator[Item]:
    wanted = spec.config()
    found = actual.streams.get(spec.name)
    takers = tuple(name for name in actual.takers.get(spec.name, ()) if name != spec.name)
    if found is None and takers:
        reason = f"{', '.join(takers)} already takes {', '.join(spec.subjects)}."
        yield Item(action=Action.FOREIGN, stream=spec.name, reason=reason)
        return
    if found is None:
        yield Item(action=Action.CREATE, stream=spec.name, config=wanted)
        for consumer in spec.consumers:
            yield _created(spec, consumer)
        return
    item = _existing(spec, found, wanted)
    yield item
    if item.action is not Action.FOREIGN:
        for consumer in spec.consumers:
            yield from _of_consumer(spec, consumer, found, owned=item.action is not Action.UNOWNED)


def _existing(spec: StreamSpec, found: ActualStream, wanted: Mapping[str, Any]) -> Item:
    fields = _changes(found.config, wanted, FIXED_STREAM_FIELDS)
    if not _is_ours(spec, found.config):
        return _not_ours(spec, fields)
    stuck = [change.field for change in fields if not change.changeable]
    if stuck:
        reason = f"It differs in {', '.join(stuck)}, which the server cannot change."
        return Item(action=Action.FOREIGN, stream=spec.name, fields=fields, reason=reason)
    if not fields:
        return Item(action=Action.EQUAL, stream=spec.name)
    merged = _merged(found.config, wanted)
    return Item(action=Action.CHANGE, stream=spec.name, fields=fields, config=merged)


def _not_ours(spec: StreamSpec, fields: tuple[FieldChange, ...]) -> Item:
    wanted = NEEDED_OF_BUCKETS if spec.bucket else NEEDED
    needed = [change.field for change in fields if change.field in wanted]
    if needed:
        reason = f"Somebody else made it, and its {', '.join(needed)} cannot be used."
        return Item(action=Action.FOREIGN, stream=spec.name, fields=fields, reason=reason)
    reason = "Somebody else made it; it is used and left as it is."
    return Item(action=Action.UNOWNED, stream=spec.name, fields=fields, reason=reason)


def _of_consumer(
    spec: StreamSpec, consumer: ConsumerSpec, found: ActualStream, *, owned: bool
) -> Iterator[Item]:
    in_the_way = _others(spec, consumer, found)
    for name in in_the_way:
        reason = "It takes the same messages; a work queue allows one consumer for a subject."
        yield Item(action=Action.FOREIGN, stream=spec.name, consumer=name, reason=reason)
    config = found.consumers.get(consumer.name)
    if config is None:
        if not in_the_way:
            yield _created(spec, consumer)
        return
    wanted = consumer.config()
    fields = _changes(config, wanted, FIXED_CONSUMER_FIELDS)
    if not fields:
        yield Item(action=Action.EQUAL, stream=spec.name, consumer=consumer.name)
    elif all(change.changeable for change in fields) and owned:
        yield Item(
            action=Action.CHANGE,
            stream=spec.name,
            consumer=consumer.name,
            fields=fields,
            config=_merged(config, wanted),
        )
    else:
        yield _left_alone(spec, consumer, fields)


def _left_alone(spec: StreamSpec, consumer: ConsumerSpec, fields: tuple[FieldChange, ...]) -> Item:
    usable = all(change.changeable for change in fields)
    return Item(
        action=Action.UNOWNED if usable else Action.FOREIGN,
        stream=spec.name,
        consumer=consumer.name,
        fields=fields,
        reason=(
            "It stands on a stream that somebody else made; it is used and left as it is."
            if usable
            else "It differs in what the server cannot change."
        ),
    )


def _others(spec: StreamSpec, consumer: ConsumerSpec, found: ActualStream) -> tuple[str, ...]:
    if spec.retention != "workqueue":
        return ()
    ours = {own.name for own in spec.consumers}
    return tuple(
        name
        for name, config in found.consumers.items()
        if name not in ours and any(overlap(f, consumer.filter_subject) for f in _filters(config))
    )


def _filters(config: Mapping[str, Any]) -> tuple[str, ...]:
    several = config.get("filter_subjects")
    return tuple(several) if several else (str(config.get("filter_subject") or ""),)


def _is_ours(spec: StreamSpec, config: Mapping[str, Any]) -> bool:
    metadata, ours = config.get("metadata") or {}, spec.metadata()
    return all(metadata.get(key) == ours[key] for key in (OWNER, NAMESPACE))


def _changes(
    actual: Mapping[str, Any], wanted: Mapping[str, Any], fixed: frozenset[str]
) -> tuple[FieldChange, ...]:
    return tuple(
        FieldChange(field=name, actual=have, wanted=want, changeable=name not in fixed)
        for name, (have, want) in drift(actual, wanted).items()
    )


def _merged(actual: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """An update sends everything: what we do not set must stay as it is."""
    merged = dict(actual) | dict(wanted)
    if "metadata" in wanted:
        merged["metadata"] = dict(actual.get("metadata") or {}) | wanted["metadata"]
    return merged


def _created(spec: StreamSpec, consumer: ConsumerSpec) -> Item:
    return Item(
        action=Action.CREATE,
        stream=spec.name,
        consumer=consumer.name,
        config=consumer.config(),
    )
