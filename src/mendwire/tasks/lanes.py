"""The subjects of a type of task, and the durable consumers that share them out.

A work queue accepts one consumer a subject. So each type has its own set, disjoint by the tokens
of the subject, made when a worker of that type first asks: three by priority for whoever is free,
three for each agent or role that asks, and one for what others publish without these tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from mendwire.errors import InvalidName
from mendwire.model.names import TOKEN, Names
from mendwire.tasks.turns import PRIORITIES
from mendwire.wire.api import ApiError
from mendwire.wire.feed import Lane
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.plan import overlap
from mendwire.wire.topology import NAMESPACE, OWNER

ANY: Final = "any"
ACK_WAIT_S: Final = 30.0
"""A task whose worker shows no sign of life for so long is given to another."""
_PREFIX: Final = "tasks~"
_RAW: Final = "raw"
_RAW_BATCH: Final = 64
_MOST_OUT: Final = 10_000
_LONGEST: Final = 64
_RACED: Final = frozenset({10148, 10013})
_NOT_UNIQUE: Final = frozenset({10099, 10100})


@dataclass(frozen=True, kw_only=True, slots=True)
class Stand:
    """One lane of one type."""

    kind: str
    to: str
    rank: int
    """-1 is the raw one."""
    consumer: str
    subject: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """Another program's consumer takes the tasks of a type."""

    kind: str
    consumer: str
    subject: str
    """Its filter."""

    @property
    def sentence(self) -> str:
        """What to tell a person."""
        return (
            f"The consumer {self.consumer[:80]!r}, which is not Mendwire's, takes "
            f"{self.subject[:200]}; tasks of type {self.kind} are left to it. To take them here, "
            f"remove it: nats consumer rm."
        )


def word(text: str, what: str) -> str:
    """What may be a token of a subject (rules B10); ``what`` it is. Raises InvalidName."""
    if TOKEN.fullmatch(text) and len(text) <= _LONGEST:
        return text
    raise InvalidName(
        f"{text[:40]!r} cannot be the {what} of a task: use up to {_LONGEST} letters, digits, '-' "
        "and '_', beginning with a letter or digit."
    )


def receiver(text: str) -> str:
    """Who a task is for: an agent, a role, or ``any`` for nobody in particular."""
    folded = text.strip()
    return ANY if folded.lower() in {"", ANY} else word(folded, "receiver")


def priority(text: str) -> str:
    """Checked; raises InvalidName."""
    folded = text.strip().lower()
    if folded in PRIORITIES:
        return folded
    raise InvalidName(f"{text[:40]!r} is no priority: say high, normal or low.")


def stands(names: Names, kind: str, receivers: Sequence[str]) -> tuple[Stand, ...]:
    """The lanes that a worker of a type reads; ``receivers`` without ``any``, the agent first."""
    raw = Stand(
        kind=kind, to="", rank=-1, consumer=f"{_PREFIX}{kind}~{_RAW}", subject=names.raw_task(kind)
    )
    ranked = (
        Stand(
            kind=kind,
            to=to,
            rank=rank,
            consumer=f"{_PREFIX}{kind}~{level}~{to}",
            subject=names.task(kind, level, to),
        )
        for rank, level in enumerate(PRIORITIES)
        for to in (*receivers, ANY)
    )
    return (raw, *ranked)


def lane_of(stand: Stand) -> Lane:
    """As the feed wants it."""
    return Lane(consumer=stand.consumer, rank=stand.rank, batch=_RAW_BATCH if stand.rank < 0 else 0)


def type_of(names: Names, subject: str) -> str:
    """The type that a subject under ``tasks.`` names."""
    return subject.removeprefix(f"{names.namespace}.tasks.").partition(".")[0]


def owner_of(names: Names, kind: str, consumers: Mapping[str, Mapping[str, Any]]) -> Owned | None:
    """The foreign consumer that takes tasks of a type; pure."""
    raw = names.raw_task(kind)
    for name, config in consumers.items():
        if _is_ours(name, config):
            continue
        filters = config.get("filter_subjects") or [str(config.get("filter_subject") or ">")]
        for taken in filters:
            if overlap(taken, raw) or overlap(taken, f"{raw}.>"):
                return Owned(kind=kind, consumer=name, subject=taken)
    return None


async def consumers_of(bus: JetStreamBus) -> dict[str, dict[str, Any]]:
    """Every consumer of the task stream by name; raises WireError without the stream."""
    found: dict[str, dict[str, Any]] = {}
    stream = bus.names.stream("TASKS")
    while True:
        page = await bus.api.call(f"CONSUMER.LIST.{stream}", {"offset": len(found)})
        several: Iterable[dict[str, Any]] = page.get("consumers") or ()
        found |= {str(one["name"]): one["config"] for one in several}
        if not several or len(found) >= int(page["total"]):
            return found


async def made(
    bus: JetStreamBus, wanted: Sequence[Stand], *, ack_wait_s: float
) -> tuple[tuple[Stand, ...], float, tuple[Owned, ...]]:
    """Make what is missing of ``wanted``.

    The lanes that are ours, the shortest ack wait among them in seconds, and the types that are
    not ours to take.
    """
    there = await consumers_of(bus)
    owned = {
        kind: owner
        for kind in dict.fromkeys(stand.kind for stand in wanted)
        if (owner := owner_of(bus.names, kind, there))
    }
    ready: list[Stand] = []
    waits = [ack_wait_s]
    for stand in wanted:
        if stand.kind in owned:
            continue
        config = there.get(stand.consumer)
        if config is not None:
            waits.append(int(config.get("ack_wait", 0)) / 1e9 or ack_wait_s)
        elif not await _create(bus, stand, ack_wait_s):
            # Somebody was faster and stands in the way: seen at the next look.
            continue
        ready.append(stand)
    return tuple(ready), min(waits), tuple(owned.values())


async def _create(bus: JetStreamBus, stand: Stand, ack_wait_s: float) -> bool:
    stream = bus.names.stream("TASKS")
    config = {
        "name": stand.consumer,
        "durable_name": stand.consumer,
        "description": "Tasks of one type and rank; made and shared by Mendwire's workers.",
        "ack_policy": "explicit",
        "ack_wait": int(ack_wait_s * 1e9),
        "max_deliver": -1,  # attempts are counted in the record, not by deliveries (rules A2)
        "max_ack_pending": _MOST_OUT,
        "filter_subject": stand.subject,
        "metadata": {OWNER: "mendwire", NAMESPACE: bus.names.namespace},
    }
    endpoint = f"CONSUMER.CREATE.{stream}.{stand.consumer}.{stand.subject}"
    body = {"stream_name": stream, "config": config, "action": "create"}
    try:
        await bus.api.call(endpoint, body)
    except ApiError as problem:
        if problem.code in _NOT_UNIQUE:
            return False
        if problem.code not in _RACED:
            raise
    return True


def _is_ours(name: str, config: Mapping[str, Any]) -> bool:
    return name.startswith(_PREFIX) and (config.get("metadata") or {}).get(OWNER) == "mendwire"
