"""``mendwire streams rmm|purge|adopt``: each asks first and is written to the audit log."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from mendwire.app.looking import Sight
from mendwire.cli.asking import AsJson, Yes, confirm, see
from mendwire.cli.streams_look import Sequence_, StreamName, print_state
from mendwire.model.printable import printable
from mendwire.ops.hand import Hand, Obstacle, Portion
from mendwire.ops.streams import rows
from mendwire.wire.infos import StreamInfo

_STAND_IN_THE_WAY = 4


def purge(
    stream: StreamName,
    *,
    subject: Annotated[str, typer.Option(help="Only messages on subjects that match.")] = "",
    seq: Annotated[int, typer.Option(min=0, help="Only messages before this number.")] = 0,
    keep: Annotated[int, typer.Option(min=0, help="Keep the newest so many.")] = 0,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove messages from a stream for good.

    Their ids stay known to the server: within the duplicate window a repeat is still dropped. What
    belongs to a case stays with the case.
    """
    which = Portion(subject=subject, below=seq, keep=keep)

    async def found(sight: Sight) -> StreamInfo:
        return await sight.shelf.find(stream)

    there = see(found)
    confirm(f"Purge {_named(which)} from {there.name} ({there.messages:,} stored)?", yes=yes)

    async def purged(sight: Sight) -> tuple[int, StreamInfo]:
        hand = Hand(shelf=sight.shelf, audit=sight.audit)
        count = await hand.purge(there, which)
        return count, await sight.shelf.find(there.name)

    count, after = see(purged)
    if as_json:
        print(json.dumps({"stream": after.name, "purged": count, "state": after.raw["state"]}))
        return
    print(f"Purged {count:,} messages from {after.name}\n")
    print_state(after)


def remove(stream: StreamName, seq: Sequence_, yes: Yes = False, as_json: AsJson = False) -> None:
    """Erase one message of a stream, its bytes on the disk included."""
    there = see(lambda sight: sight.shelf.find(stream))
    confirm(f"Erase message {seq} of {there.name} for good?", yes=yes)
    see(lambda sight: Hand(shelf=sight.shelf, audit=sight.audit).remove(there, seq))
    if as_json:
        print(json.dumps({"stream": there.name, "seq": seq, "removed": True}))
    else:
        print(f"Message {seq} of {there.name} is gone.")


def adopt(yes: Yes = False, as_json: AsJson = False) -> None:
    """Show what stands in the way of our streams and consumers, ask, and replace it.

    Exits with 4 where something is left that only a person can clear.
    """
    obstacles = see(lambda sight: Hand(shelf=sight.shelf, audit=sight.audit).obstacles())
    removable = [one for one in obstacles if one.remedy]
    if not as_json or (removable and not yes):
        _print_obstacles(obstacles)
    if removable:
        confirm("Do this?", yes=yes)
    done = see(lambda sight: Hand(shelf=sight.shelf, audit=sight.audit).adopt(removable))
    left = done.left.obstacles
    if as_json:
        print(
            json.dumps({"adopted": _told(removable), "done": rows(done.done), "left": rows(left)})
        )
    elif not obstacles:
        print("Nothing stands in the way.")
    else:
        for item in done.done:
            print(f"{item.action:<8}{item.name}")
        for item in left:
            print(printable(f"left    {item.name}  {item.reason}", 500))
    raise typer.Exit(_STAND_IN_THE_WAY if left else 0)


def _print_obstacles(obstacles: list[Obstacle]) -> None:
    for obstacle in obstacles:
        item = obstacle.item
        print(printable(f"{item.name}: {item.reason}", 500), file=sys.stderr)
        for change in item.fields:
            differs = f"{change.field}: {change.actual} -> {change.wanted}"
            print(f"    {printable(differs, 500)}", file=sys.stderr)
        then = obstacle.remedy or (
            "left: back it up (nats stream backup), remove it (nats stream rm), then mendwire "
            "streams apply"
        )
        print(f"  -> {then}", file=sys.stderr)


def _told(obstacles: list[Obstacle]) -> list[dict[str, str]]:
    return [{"name": one.item.name, "remedy": one.remedy} for one in obstacles]


def _named(which: Portion) -> str:
    parts = ["messages" if which.subject or which.below or which.keep else "all messages"]
    parts += [f"on {which.subject}"] if which.subject else []
    parts += [f"before {which.below}"] if which.below else []
    parts += [f"but the newest {which.keep}"] if which.keep else []
    return " ".join(parts)


def register(streams: typer.Typer) -> None:
    """Add these commands to ``mendwire streams``."""
    streams.command("rmm")(remove)
    streams.command()(purge)
    streams.command()(adopt)
