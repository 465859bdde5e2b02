"""What the streams of a namespace need, and making it so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mendwire.wire.apply import chosen_disk, establish, read
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.plan import Item, Plan, plan
from mendwire.wire.topology import DAYS, topology


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What ``applied`` did and what it could not do."""

    done: tuple[Item, ...]
    left: Plan
    """The plan afterwards: no changes, maybe obstacles."""


async def planned(
    bus: JetStreamBus,
    environments: Sequence[str],
    replicas: int = 1,
    days: Mapping[str, float] = DAYS,
) -> Plan:
    """Compare the server with the topology; changes nothing."""
    disk = await chosen_disk(bus.api, bus.names)
    wanted = topology(bus.names, environments, replicas=replicas, disk_bytes=disk, days=days)
    return plan(await read(bus.api, wanted), wanted)


async def applied(
    bus: JetStreamBus,
    environments: Sequence[str],
    replicas: int = 1,
    days: Mapping[str, float] = DAYS,
) -> Applied:
    """Create what is missing and mend what drifted; what is not ours is left alone."""
    before = await planned(bus, environments, replicas, days)
    _, left = await establish(bus.api, bus.names, environments, replicas=replicas, days=days)
    return Applied(done=before.changes, left=left)


def rows(items: Sequence[Item]) -> list[dict[str, Any]]:
    """The items as plain data, for JSON."""
    return [
        {
            "action": str(item.action),
            "stream": item.stream,
            "consumer": item.consumer or None,
            "reason": item.reason or None,
            "fields": [
                {
                    "field": change.field,
                    "actual": change.actual,
                    "wanted": change.wanted,
                    "changeable": change.changeable,
                }
                for change in item.fields
            ],
        }
        for item in items
    ]
