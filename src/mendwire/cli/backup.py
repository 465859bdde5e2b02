"""``mendwire backup`` and ``mendwire restore``."""

from __future__ import annotations

import json
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from mendwire import __version__
from mendwire.app.looking import Sight, configured
from mendwire.cli.asking import AsJson, Yes, confirm, see
from mendwire.errors import ConfigError
from mendwire.ops.backup import (
    Findings,
    back_up,
    check,
    chosen,
    compare,
    own_streams,
    refuse_while_worked,
    restore,
)
from mendwire.ops.backup_files import Backup, KeptStream, complete_ones, read_manifest
from mendwire.wire.infos import StreamInfo

_TELL_S = 0.5


def backup(
    place: Annotated[
        Path | None,
        typer.Argument(help="Where backups lie, each in a folder of its own.", metavar="DIR"),
    ] = None,
    keep: Annotated[
        int | None,
        typer.Option(min=1, help="Afterwards remove all but the newest so many of this place."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Back up everything that the namespace keeps on its server, while it works.

    Queues, docket, results, evidence, quarantine, dead letters: messages under their sequences,
    and consumers with their positions, each file with a checksum. Default place: .mendwire/backups.
    It holds all that the streams hold: keep it as private as them.
    """
    config, _ = configured(None)
    parent = place or config.root / ".mendwire" / "backups"
    began = time.monotonic()

    async def taken(sight: Sight) -> tuple[Path, Backup]:
        streams = await own_streams(sight.shelf)
        if not streams:
            raise ConfigError(
                f"The server has no streams of {sight.bus.names.namespace}: nothing to back up."
            )
        folder = parent / _name(sight.bus.names.namespace)
        progress = _Progress(len(streams))
        versions = (sight.server, __version__)
        return folder, await back_up(
            sight.shelf, folder, streams, versions=versions, told=progress.told
        )

    folder, made = see(taken)
    removed = _thinned(parent, made.namespace, keep) if keep else []
    if as_json:
        told = {"backup": str(folder), "seconds": round(time.monotonic() - began, 3)}
        rows = [_row(one) for one in made.streams]
        print(json.dumps({**told, "streams": rows, "removed": [str(one) for one in removed]}))
        return
    for one in made.streams:
        print(f"{one.name:<32}{one.messages:>10,} messages{one.size:>15,} bytes")
    for old in removed:
        print(f"removed {old}")
    print(f"{folder}: {len(made.streams)} streams in {time.monotonic() - began:.1f} s.")


def restore_command(
    folder: Annotated[Path, typer.Argument(help="One backup.", metavar="BACKUP")],
    stream: Annotated[
        list[str] | None, typer.Option(help="This stream alone; repeatable. Default: all.")
    ] = None,
    *,
    replace: Annotated[
        bool,
        typer.Option(
            "--replace", help="Also in place of streams that are there; they are backed up first."
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the files, say what would be; change nothing.")
    ] = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Bring a namespace's streams back from a backup. Stop the workers first.

    Every file is checked before anything is changed. A stream that is there and holds something
    else is left alone unless --replace is given. Cut short, the same command goes on.
    """
    made = read_manifest(folder)
    progress = sys.stderr if sys.stderr.isatty() else None

    async def found(sight: Sight) -> tuple[list[KeptStream], Findings]:
        wanted = chosen(made, sight.bus.names.namespace, stream or ())
        check(folder, wanted)
        return wanted, await compare(sight.bus.api, folder, wanted)

    wanted, findings = see(found)
    others = ", ".join(one.name for one in findings.others)
    if others and not replace and not dry_run:
        raise ConfigError(
            f"These streams differ from the backup: {others}. Nothing was changed; with --replace "
            "they are restored from it."
        )
    if dry_run:
        _tell(wanted, findings, as_json=as_json, safety=None)
        return
    if others:
        confirm(f"Replace what {others} hold by the backup of {made.taken_at}?", yes=yes)

    async def done(sight: Sight) -> Path | None:
        replaced = {one.name for one in findings.others}
        putting = [one for one in wanted if one in findings.absent or one.name in replaced]
        await refuse_while_worked(sight.bus.api, putting)
        note = (sight, f"{made.taken_at} {folder.name}")
        safety = None
        if replaced:
            await _noted(*note)
            safety = await _saved(sight, folder, findings.others)
        async for one in restore(sight.bus.api, folder, putting):
            if progress:
                print(f"{one.name}: {one.messages:,} messages", file=progress, flush=True)
        await _noted(*note)
        return safety

    safety = see(done)
    _tell(wanted, findings, as_json=as_json, safety=safety)


async def _noted(sight: Sight, detail: str) -> None:
    """Before what is there goes, and after: the audit log itself is among what is restored."""
    names = sight.bus.names
    if await sight.bus.stream(f"KV_{names.bucket('DOCKET')}") is not None:
        await sight.audit.note("restore", names.namespace, detail)


async def _saved(sight: Sight, folder: Path, others: tuple[StreamInfo, ...]) -> Path:
    """What is about to be replaced, beside the backup."""
    place = folder.absolute().parent / f"before-restore-{_name(sight.bus.names.namespace)}"
    progress = _Progress(len(others))
    versions = (sight.server, __version__)
    await back_up(sight.shelf, place, others, versions=versions, told=progress.told)
    print(f"What is replaced is kept in {place}.", file=sys.stderr, flush=True)
    return place


def _tell(
    wanted: list[KeptStream], findings: Findings, *, as_json: bool, safety: Path | None
) -> None:
    present = {one.name for one in findings.present}
    others = {one.name for one in findings.others}

    def what(one: KeptStream) -> str:
        if one.name in present:
            return "there"
        return "replaced" if one.name in others else "restored"

    if as_json:
        rows = [{**_row(one), "what": what(one)} for one in wanted]
        print(json.dumps({"streams": rows, "before": str(safety) if safety else ""}))
        return
    for one in wanted:
        print(f"{one.name:<32}{one.messages:>10,} messages  {what(one)}")
    if safety:
        print(f"What was replaced is kept in {safety}.")


def _row(one: KeptStream) -> dict[str, object]:
    return {"name": one.name, "messages": one.messages, "bytes": one.size, "sha256": one.sha256}


def _name(namespace: str) -> str:
    """A folder's; in order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{namespace}"


def _thinned(place: Path, namespace: str, keep: int) -> list[Path]:
    """Remove old ones: complete, of this namespace, and made by us under such a name."""
    own = [one for one in complete_ones(place) if one.name.endswith(f"Z-{namespace}")]
    old = [one for one in own if not one.name.startswith("before-restore-")][:-keep]
    for one in old:
        shutil.rmtree(one)
    return old


class _Progress:
    """One line on a terminal that changes; nothing elsewhere."""

    def __init__(self, streams: int) -> None:
        self._streams = streams
        self._seen: set[str] = set()
        self._next = 0.0

    def told(self, stream: StreamInfo, size: int) -> None:
        self._seen.add(stream.name)
        now = time.monotonic()
        if not sys.stderr.isatty() or now < self._next:
            return
        self._next = now + _TELL_S
        line = (
            f"{len(self._seen)}/{self._streams} {stream.name}: {size:,} of {stream.bytes:,} bytes"
        )
        print(f"\r{line:<78}", end="\r", file=sys.stderr, flush=True)


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command("backup")(backup)
    app.command("restore")(restore_command)
