"""What a check-up asks of the server: permissions tried out, limits, streams, subjects, time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from mendwire.errors import AccessRefused, MendwireError, Unreachable, WireError
from mendwire.ops.findings import Found, Level, bad, ok, skipped, warn
from mendwire.ops.shelf import Shelf
from mendwire.ops.streams import planned
from mendwire.wire.api import Api
from mendwire.wire.infos import StreamInfo
from mendwire.wire.refusals import NobodyListens
from mendwire.wire.stored import nanoseconds

PROBE: Final = "Mendwire-Probe"
"""Marks what the check-up publishes; no stream takes it, and who listens may pass it by."""
_FULL: Final = 0.80
_OVERFULL: Final = 0.95
_SKEW_S: Final = 2.0
_ASK_S: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """One permission that a worker needs, asked for in a way that changes nothing."""

    subject: str
    payload: bytes = b""
    headers: Mapping[str, str] | None = None


async def permissions(shelf: Shelf) -> list[Found]:
    """Every kind of request that a worker makes, each one meant to be refused as nonsense.

    A message that expects another stream is turned away by every stream, and the JetStream API
    turns away what is no JSON: both only after the permission was granted.
    """
    probes = _probes(shelf)
    answers = await asyncio.gather(*(_tried(shelf.bus.api, probe) for probe in probes))
    refused = [probe.subject for probe, answer in zip(probes, answers, strict=True) if answer]
    if not refused:
        return ok(f"All {len(probes)} subjects that a worker needs are granted.")
    return bad(
        f"The server refuses {len(refused)} of {len(probes)} subjects to this user: "
        f"{', '.join(refused[:6])}{' …' if len(refused) > 6 else ''}.",  # noqa: PLR2004 - enough
        "grant them to the user in the server's configuration; docs: shared-server",
    )


async def limits(shelf: Shelf) -> list[Found]:
    """How full the account and each stream are; the seed's first trigger is 80 %."""
    account = await shelf.bus.api.call("INFO")
    found = account_found(account)
    for stream in await shelf.streams(buckets=True):
        found += stream_found(stream)
    return found or ok(_account_words(account))


def account_found(account: Mapping[str, Any]) -> list[Found]:
    """Storage, streams and consumers against the account's limits; empty where all is well."""
    allowed = account.get("limits") or {}
    found: list[Found] = []
    for what, have, key in (
        ("bytes of storage", max(account.get("storage", 0), 0), "max_storage"),
        ("streams", account.get("streams", 0), "max_streams"),
        ("consumers", account.get("consumers", 0), "max_consumers"),
    ):
        most = int(allowed.get(key, -1))
        if most > 0 and have >= _FULL * most:
            level = Level.BAD if have >= _OVERFULL * most else Level.WARN
            said = f"The account uses {have:,} of {most:,} {what}."
            remedy = "raise the account's limits on the server, or purge what is not needed"
            found.append(Found(level=level, what=said, remedy=remedy))
    return found


def stream_found(stream: StreamInfo) -> list[Found]:
    """A stream near its limit; one that drops its oldest messages may be full."""
    if stream.max_bytes <= 0 or stream.discard != "new":
        return []
    share = stream.bytes / stream.max_bytes
    if share < _FULL:
        return []
    said = f"{stream.name} is {share:.0%} full ({stream.messages:,} messages)."
    remedy = f"mendwire streams view {stream.name}, then mendwire streams purge {stream.name}"
    return bad(said, remedy) if share >= _OVERFULL else warn(said, remedy)


async def drift(shelf: Shelf) -> list[Found]:
    """The streams and consumers against the plan."""
    plan = await planned(shelf.bus, shelf.environments, days=shelf.days)
    found: list[Found] = []
    for item in plan.obstacles:
        found += bad(f"{item.name}: {item.reason}", "mendwire streams adopt")
    for item in plan.changes:
        fields = ", ".join(change.field for change in item.fields)
        said = f"differs in {fields}" if fields else "is missing"
        found += (warn if fields else bad)(f"{item.name} {said}.", "mendwire streams apply")
    return found or ok(f"All {len(plan.items)} streams and consumers are as planned.")


async def subjects(shelf: Shelf) -> list[Found]:
    """Whether what is published to each error subject comes into the stream that is read."""
    names = shelf.bus.names
    found: list[Found] = []
    wanted = [(names.errors(env), names.error_stream(env)) for env in (None, *shelf.environments)]
    for subject, stream in wanted:
        page = await shelf.bus.api.call("STREAM.NAMES", {"subject": subject})
        takers = page.get("streams") or []
        if not takers:
            found += bad(f"No stream takes {subject}.", "mendwire streams apply")
        elif takers != [stream]:
            said = f"{subject} goes to {', '.join(takers)}, not to {stream}."
            found += bad(said, f"nats stream info {takers[0]}")
    found += await _unread(shelf, {stream for _, stream in wanted})
    return found or ok(f"All {len(wanted)} error subjects lead to their streams.")


async def clock(shelf: Shelf) -> list[Found]:
    """This machine's time against the server's."""
    for name in shelf.names:
        asked = time.time_ns()
        info = await shelf.bus.stream(name)
        if info is not None and "ts" in info:
            middle = (asked + time.time_ns()) // 2
            return clock_found((middle - nanoseconds(str(info["ts"]))) / 1e9)
    return skipped("There is no stream to ask for the server's time.")


def clock_found(ahead_s: float) -> list[Found]:
    """``ahead_s``: seconds by which this machine is ahead of the server."""
    if abs(ahead_s) <= _SKEW_S:
        return ok(f"This machine and the server differ by {abs(ahead_s):.3f} s.")
    where = "ahead of" if ahead_s > 0 else "behind"
    said = f"This machine is {abs(ahead_s):.0f} s {where} the server; times are shown wrong."
    return warn(said, "timedatectl set-ntp true")


async def server_now_ns(shelf: Shelf) -> int:
    """The server's time, nanoseconds since the epoch; ours where it does not say."""
    info = await shelf.bus.stream(shelf.names[-1])
    return nanoseconds(str(info["ts"])) if info and "ts" in info else time.time_ns()


async def _unread(shelf: Shelf, read: set[str]) -> list[Found]:
    """Error streams of ours that wait in an environment that no worker here takes."""
    found: list[Found] = []
    for stream in await shelf.streams():
        if stream.name.endswith("_ERRORS") and stream.name not in read and stream.messages:
            env = stream.subjects[0].rpartition(".")[2] if stream.subjects else "?"
            said = f"{stream.messages:,} errors wait in {stream.name}, which no worker here reads."
            found += warn(said, f'add "{env}" to [worker] environments in mendwire.toml')
    return found


def _probes(shelf: Shelf) -> list[Probe]:
    names = shelf.bus.names
    errors = names.error_stream(shelf.environments[0] if shelf.environments else None)
    docket = f"KV_{names.bucket('DOCKET')}"
    turned_away = {"Nats-Expected-Stream": "mendwire-doctor", PROBE: "1"}
    published = (
        *(names.errors(env) for env in shelf.environments),
        f"$KV.{names.bucket('DOCKET')}.probe",
        names.result("probe", "doctor"),
        names.progress("doctor"),
        names.dead("DOCTOR"),
        names.quarantine(None),
        names.occurrences("doctor"),
        names.rejected(),
    )
    asked = (
        f"STREAM.INFO.{errors}",
        f"STREAM.MSG.GET.{errors}",
        f"STREAM.MSG.DELETE.{errors}",
        f"CONSUMER.INFO.{errors}.claude-error-fixer",
        # No JSON: refused before anything is taken from the queue.
        f"CONSUMER.MSG.NEXT.{errors}.claude-error-fixer",
        f"DIRECT.GET.{docket}",
    )
    return [
        *(Probe(subject=subject, headers=turned_away) for subject in published),
        *(Probe(subject=f"$JS.API.{endpoint}", payload=b"{") for endpoint in asked),
        # Of a key that never was: harmless however a server reads it.
        Probe(
            subject=f"$JS.API.STREAM.PURGE.{docket}",
            payload=f'{{"filter":"$KV.{names.bucket("DOCKET")}.probe","keep":1}}'.encode(),
        ),
    ]


async def _tried(api: Api, probe: Probe) -> bool:
    """Whether it is refused. Silence and nonsense are answers to other questions."""
    try:
        await api.request(probe.subject, probe.payload, headers=probe.headers, timeout_s=_ASK_S)
    except AccessRefused:
        return True
    except (NobodyListens, Unreachable, WireError, MendwireError):
        return False
    return False


def _account_words(account: Mapping[str, Any]) -> str:
    most = int((account.get("limits") or {}).get("max_storage", -1))
    of = f" of {most / 2**30:.1f} GiB" if most > 0 else ""
    used = max(int(account.get("storage", 0)), 0) / 2**20
    return f"{account.get('streams', 0)} streams use {used:.1f} MiB{of}; none is near its limit."
