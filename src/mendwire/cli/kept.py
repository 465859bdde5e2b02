"""``mendwire results`` and ``dead``: what is kept for people, safely printed, and its replay."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from mendwire.app.looking import Sight
from mendwire.cli.asking import AsJson, Yes, confirm, print_fields, see
from mendwire.cli.tables import print_table
from mendwire.model.standing import Kept
from mendwire.ops import kept as desk
from mendwire.ops.kept import kept, shown

_results = typer.Typer(help="Published results.", no_args_is_help=True)
_dead = typer.Typer(help="Messages that could not be handled.", no_args_is_help=True)
Seqs = Annotated[list[int], typer.Argument(help="Their numbers in the list.", show_default=False)]
Seq = Annotated[int, typer.Argument(help="Its number in the list.")]


def show_one(kind: str, seq: int, *, as_json: bool) -> None:
    """One kept message whole, made safe to print; ``--json`` escapes all but ASCII."""
    item = see(lambda sight: shown(sight.bus, kind, seq))
    payload: object = item.payload.decode("utf-8", "replace")
    if as_json:
        print(json.dumps(_row(item) | {"payload": payload}, ensure_ascii=True))
        return
    if kind == "RESULTS":  # ours, so that its JSON may be laid out; what is foreign stays as it is
        with suppress(ValueError):
            payload = json.loads(item.payload)
    print_fields(_row(item) | {"payload": payload}, 12)


def _commands(group: typer.Typer, kind: str, columns: Sequence[str], none: str) -> None:
    """``list`` and ``show`` for a stream of kept messages."""

    @group.command("list")
    @group.command("ls", hidden=True)
    def list_kept(as_json: AsJson = False) -> None:
        rows = [_row(item) for item in see(lambda sight: kept(sight.bus, kind))]
        print_table(rows, columns, as_json, none)

    @group.command("show")
    def show_kept(seq: Seq, as_json: AsJson = False) -> None:
        show_one(kind, seq, as_json=as_json)

    list_kept.__doc__ = f"Everything in {kind.lower()}, oldest first."
    show_kept.__doc__ = "One message whole, made safe to print."


@_dead.command("replay")
def replay(seqs: Seqs, as_json: AsJson = False) -> None:
    """Let dead letters enter their streams again, each as it was sent; mend the cause first."""

    async def replayed(sight: Sight) -> None:
        for seq in dict.fromkeys(seqs):
            await sight.audit.note("dead replay", f"DEAD {seq}")
            ack = await desk.replay(sight.bus, sight.releases, seq)
            _tell({"seq": seq, "stream": ack.stream, "entered": ack.seq}, as_json)

    see(replayed)


@_dead.command("discard")
def discard(seqs: Seqs, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove dead letters for good."""
    confirm("Discard for good?", yes=yes)

    async def discarded(sight: Sight) -> None:
        for seq in dict.fromkeys(seqs):
            await sight.audit.note("dead discard", f"DEAD {seq}")
            await desk.discard(sight.bus, seq)
            _tell({"seq": seq, "discarded": True}, as_json)

    see(discarded)


def _tell(done: dict[str, object], as_json: bool) -> None:
    """At once, one line each, so that a failure half way leaves no doubt."""
    if as_json:
        print(json.dumps(done), flush=True)
    elif "entered" in done:
        print(f"{done['seq']} waits as {done['stream']} {done['entered']}.", flush=True)
    else:
        print(f"{done['seq']} is gone.", flush=True)


def _row(item: Kept) -> dict[str, object]:
    row = asdict(item)
    del row["payload"]
    return row


_commands(_results, "RESULTS", ("seq", "subject", "reason", "at"), "No result yet.")
_commands(_dead, "DEAD", ("seq", "origin", "reason", "message", "at"), "There are no dead letters.")


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.add_typer(_results, name="results")
    app.add_typer(_dead, name="dead")
