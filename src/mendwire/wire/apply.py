"""Reading what a server has, and making a plan true. Safe to run in two processes at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from mendwire import telemetry
from mendwire.errors import Conflict, StreamFull, WireError
from mendwire.model.names import Names
from mendwire.wire.api import Api, ApiError
from mendwire.wire.plan import Action, Actual, ActualStream, Item, Plan, plan
from mendwire.wire.topology import DAYS, DEFAULT_DISK_BYTES, DISK, StreamSpec, Topology, topology

_NO_STREAM: Final = 10059
_RACED: Final = frozenset({10013, 10058, 10065, 10148})
"""Somebody else made it between our reading and our writing."""
_TRIES: Final = 5
_DISK_SHARE: Final = 0.8
SMALLEST_DISK: Final = 64 * 1024**2


async def read(api: Api, wanted: Topology) -> Actual:
    """What the server has under the wanted names, and who else takes their subjects."""
    streams: dict[str, ActualStream] = {}
    takers: dict[str, tuple[str, ...]] = {}
    for spec in wanted.streams:
        config = await _stream(api, spec.name)
        if config is None:
            takers[spec.name] = await _takers(api, spec)
        else:
            consumers = await _consumers(api, spec.name)
            streams[spec.name] = ActualStream(config=config, consumers=consumers)
    return Actual(streams=streams, takers=takers)


async def apply(api: Api, wanted: Plan) -> tuple[Item, ...]:
    """Do what the plan says; what was done. Obstacles are left alone.

    Raises Conflict when another process was faster: read and plan again.
    """
    for item in wanted.changes:
        try:
            await _do(api, item)
        except ApiError as problem:
            if problem.code in _RACED:
                raise Conflict(f"{item.name} was made by somebody else meanwhile.") from None
            raise
        telemetry.emit(
            "stream.changed",
            stream=item.name,
            action=str(item.action),
            fields=tuple(change.field for change in item.fields),
        )
    return wanted.changes


async def ensure(api: Api, wanted: Topology) -> Plan:
    """Read, plan and apply until nothing is left to do; the last plan, with its obstacles."""
    for _ in range(_TRIES):
        found = plan(await read(api, wanted), wanted)
        if not found.changes:
            return found
        try:
            await apply(api, found)
        except Conflict:
            continue
    text = f"The streams of {wanted.namespace} keep changing; is another version at work on them?"
    raise WireError(text)


async def establish(
    api: Api,
    names: Names,
    environments: Sequence[str],
    *,
    replicas: int = 1,
    days: Mapping[str, float] = DAYS,
) -> tuple[Topology, Plan]:
    """``ensure`` the topology of a namespace, in as much of the disk as the server gives.

    Raises StreamFull when it does not even give ``SMALLEST_DISK`` bytes.
    """
    disk = await chosen_disk(api, names)
    while True:
        wanted = topology(names, environments, replicas=replicas, disk_bytes=disk, days=days)
        try:
            return wanted, await ensure(api, wanted)
        except StreamFull:
            if disk <= SMALLEST_DISK:
                raise
            disk //= 2


async def chosen_disk(api: Api, names: Names) -> int:
    """Bytes for a namespace: as chosen before, else by the account's limit, else the default.

    What was chosen stays, so that a plan finds no drift in what once fitted.
    """
    docket = await _stream(api, f"KV_{names.bucket('DOCKET')}") or {}
    chosen = str((docket.get("metadata") or {}).get(DISK, ""))
    if chosen.isdecimal():
        return max(int(chosen), SMALLEST_DISK)
    return await disk_bytes(api) or DEFAULT_DISK_BYTES


async def disk_bytes(api: Api) -> int | None:
    """Four fifths of the storage that the account may use, or None when it states no limit."""
    limits = (await api.call("INFO")).get("limits") or {}
    limit = int(limits.get("max_storage", -1))
    return int(limit * _DISK_SHARE) if limit > 0 else None


async def _do(api: Api, item: Item) -> None:
    if not item.consumer:
        verb = "CREATE" if item.action is Action.CREATE else "UPDATE"
        await api.call(f"STREAM.{verb}.{item.stream}", item.config)
        return
    taken = str(item.config.get("filter_subject") or "")
    endpoint = f"CONSUMER.CREATE.{item.stream}.{item.consumer}" + (f".{taken}" if taken else "")
    action = "create" if item.action is Action.CREATE else "update"
    body = {"stream_name": item.stream, "config": item.config, "action": action}
    await api.call(endpoint, body)


async def _stream(api: Api, name: str) -> Mapping[str, Any] | None:
    try:
        config: Mapping[str, Any] = (await api.call(f"STREAM.INFO.{name}"))["config"]
    except ApiError as problem:
        if problem.code != _NO_STREAM:
            raise
        return None
    return config


async def _consumers(api: Api, stream: str) -> dict[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    while True:
        page = await api.call(f"CONSUMER.LIST.{stream}", {"offset": len(found)})
        consumers: Iterable[Mapping[str, Any]] = page.get("consumers") or ()
        found |= {str(consumer["name"]): consumer["config"] for consumer in consumers}
        if not consumers or len(found) >= int(page["total"]):
            return found


async def _takers(api: Api, spec: StreamSpec) -> tuple[str, ...]:
    names: dict[str, None] = {}
    for subject in spec.subjects:
        page = await api.call("STREAM.NAMES", {"subject": subject})
        names |= dict.fromkeys(page.get("streams") or ())
    return tuple(names)
