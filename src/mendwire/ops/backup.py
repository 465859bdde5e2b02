"""Backup and restore of all that a namespace keeps on its server.

Each stream is taken as of one moment, the streams one after the other while work may go on. So the
order matters: first what is handed on, then what it is handed to. An error that was settled in
between is in both the queue and the docket, and finished cases are only acknowledged; the other way
round it would be in neither.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from mendwire.errors import ConfigError, MendwireError
from mendwire.model.names import Names
from mendwire.ops.backup_files import (
    SUFFIX,
    Backup,
    KeptStream,
    new_backup,
    new_file,
    pieces_of,
    read_journal,
    verify,
    write_journal,
    write_manifest,
)
from mendwire.ops.shelf import Shelf
from mendwire.wire.api import Api
from mendwire.wire.infos import StreamInfo, list_consumers, list_streams
from mendwire.wire.snapshots import piece_bytes, put_snapshot, take_snapshot
from mendwire.wire.topology import topology

_SAME: Final = ("messages", "bytes", "first_seq", "last_seq", "first_ts", "last_ts")
_SAME_EMPTY: Final = ("messages", "last_seq")
"""What a stream that was restored and not touched since has in common with its backup."""

Told = Callable[[StreamInfo, int], None]
"""Called while a stream is taken, with the bytes written so far."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Findings:
    """What a server has of a backup, before anything is restored."""

    absent: tuple[KeptStream, ...]
    """To be restored: not there, or there and never used."""
    present: tuple[KeptStream, ...]
    """There already, as they were; from a restore that was cut short."""
    others: tuple[StreamInfo, ...]
    """There, with other contents."""


def rank(stream: StreamInfo) -> int:
    """When it is taken: queues, then what is known of their work, then what came of it."""
    if stream.retention == "workqueue":
        return 0
    return 1 if stream.name.startswith("KV_") else 2


async def own_streams(shelf: Shelf) -> list[StreamInfo]:
    """Those of the namespace, in the order in which they are taken."""
    names: Names = shelf.bus.names
    ours = {spec.name for spec in topology(names, shelf.environments).streams}
    found = [
        stream
        for stream in await list_streams(shelf.bus.api)
        if stream.owner == names.namespace or (not stream.owner and stream.name in ours)
    ]
    return sorted(found, key=lambda stream: (rank(stream), stream.name))


async def back_up(
    shelf: Shelf,
    folder: Path,
    streams: Sequence[StreamInfo],
    *,
    versions: tuple[str, str],
    told: Told,
) -> Backup:
    """Take ``streams`` into ``folder``, whole or not at all; raises what goes wrong.

    ``versions`` are the server's and ours, for people.
    """
    with new_backup(folder) as draft:
        backup = Backup(
            namespace=shelf.bus.names.namespace,
            taken_at=datetime.now(UTC).isoformat(timespec="seconds"),
            server=versions[0],
            mendwire=versions[1],
            streams=tuple([await _taken(shelf.bus.api, draft, one, told) for one in streams]),
        )
        write_manifest(draft, backup)
    return backup


async def _taken(api: Api, draft: Path, stream: StreamInfo, told: Told) -> KeptStream:
    with new_file(draft / f"{stream.name}{SUFFIX}") as writing:

        def add(piece: bytes) -> None:
            writing.add(piece)
            told(stream, writing.size)

        head = await take_snapshot(api, stream.name, add)
    return KeptStream(
        name=stream.name, sha256=writing.digest.hexdigest(), size=writing.size, head=head
    )


def chosen(backup: Backup, namespace: str, wanted: Sequence[str]) -> list[KeptStream]:
    """Which streams to restore, in that order: the docket first, queues last, so that work begins
    when all is there. Raises ConfigError.
    """
    if backup.namespace != namespace:
        raise ConfigError(
            f"The backup is of the namespace {backup.namespace}, and this is {namespace}: set "
            f"NATS_NAMESPACE={backup.namespace}."
        )
    unknown = [name for name in wanted if backup.stream(name) is None]
    if unknown:
        names = ", ".join(one.name for one in backup.streams)
        raise ConfigError(f"{unknown[0][:60]} is not in the backup, which has {names}.")
    return [one for one in reversed(backup.streams) if not wanted or one.name in wanted]


def check(folder: Path, wanted: Iterable[KeptStream]) -> None:
    """Every file against its checksum, before anything is changed; raises ConfigError."""
    for kept in wanted:
        verify(folder, kept)


async def compare(api: Api, folder: Path, wanted: Sequence[KeptStream]) -> Findings:
    """What of ``wanted`` the server has."""
    there = {stream.name: stream for stream in await list_streams(api)}
    journal = read_journal(folder)
    absent, present, others = [], [], []
    for kept in wanted:
        stream = there.get(kept.name)
        if stream is None:
            absent.append(kept)
        elif _is_untouched(stream, kept, journal.get(kept.name, {})):
            present.append(kept)
        elif not stream.last_seq:
            absent.append(kept)
        else:
            others.append(stream)
    return Findings(absent=tuple(absent), present=tuple(present), others=tuple(others))


def _is_untouched(stream: StreamInfo, kept: KeptStream, made: Mapping[str, Any]) -> bool:
    """As it was taken, or as a restore of this backup left it. Not always the same: what a stream
    holds is told before it is taken, and it may be at work meanwhile.
    """
    state = _fingerprint(stream.raw["state"])
    if made.get("created") == stream.created:
        return state == _fingerprint(made["state"])
    return state == _fingerprint(kept.head.state)


def _fingerprint(state: Mapping[str, Any]) -> list[object]:
    return [state.get(key) for key in (_SAME if state.get("messages") else _SAME_EMPTY)]


async def refuse_while_worked(api: Api, wanted: Sequence[KeptStream]) -> None:
    """A worker that waits for messages would take them half-way; raises ConfigError."""
    there = {stream.name for stream in await list_streams(api)}
    for kept in wanted:
        consumers = await list_consumers(api, kept.name) if kept.name in there else []
        if any(consumer.waiting for consumer in consumers):
            raise ConfigError(
                f"A worker waits for messages of {kept.name}: stop the workers first."
            )


async def restore(
    api: Api, folder: Path, wanted: Sequence[KeptStream]
) -> AsyncIterator[KeptStream]:
    """Put each stream in place of what is there, one after the other; raises what goes wrong.

    What was not reached stays as it was, and the one under way is absent: run again, it goes on.
    """
    there = {stream.name for stream in await list_streams(api)}
    journal = read_journal(folder)
    for kept in wanted:
        if kept.name in there:
            await api.call(f"STREAM.DELETE.{kept.name}")
        try:
            made = await put_snapshot(api, kept.head, pieces_of(folder, kept, piece_bytes(api)))
        except MendwireError as problem:
            raise ConfigError(
                f"{kept.name} could not be restored ({problem}) Say the same again to go on."
            ) from None
        journal[kept.name] = {"created": made["created"], "state": made["state"]}
        write_journal(folder, journal)
        yield kept
