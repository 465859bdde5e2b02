"""``mendwire capacity``: how long the server's room lasts, and what to do about it."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer

from mendwire.app.looking import Sight
from mendwire.cli.asking import AsJson, see
from mendwire.cli.nats_words import size
from mendwire.cli.tables import print_table
from mendwire.docket.slots import Slots
from mendwire.ops.capacity import Capacity, Room
from mendwire.ops.capacity import capacity as read_capacity
from mendwire.ops.server_checks import server_now_ns


def capacity(as_json: AsJson = False) -> None:
    """How full streams and account are, how long that lasts, and what to do then.

    Exit code 1 where something is to be done.
    """
    found = see(_read)
    if as_json:
        print(json.dumps(asdict(found) | {"months": _months(found)}))
    else:
        _tell(found)
    raise typer.Exit(1 if found.advice else 0)


async def _read(sight: Sight) -> Capacity:
    slots = Slots(bucket=sight.bus.bucket(sight.bus.names.bucket("DOCKET")))
    return await read_capacity(sight.shelf, slots, await server_now_ns(sight.shelf))


def _tell(found: Capacity) -> None:
    rows = [_row(room) for room in (*found.streams, found.account)]
    print_table(rows, list(rows[0]), as_json=False, none="")
    print(f"Busiest ten minutes of the week: {found.per_second:.1f} errors a second.")
    for advice in found.advice:
        print(f"\n{advice.trigger}: {advice.found}\n  {advice.remedy}")
    if not found.advice:
        print("Nothing is to be done.")


def _row(room: Room) -> dict[str, str]:
    months = room.months
    return {
        "stream": room.name,
        "holds": size(room.bytes),
        "of": size(room.max_bytes) if room.max_bytes > 0 else "no limit",
        "full": f"{room.share:.0%}" if room.max_bytes > 0 else "",
        "a day": size(int(room.grows)) if room.grows else "",
        "lasts": "" if months is None else f"{months:.1f} months",
    }


def _months(found: Capacity) -> float | None:
    known = [room.months for room in (*found.streams, found.account) if room.months is not None]
    return min(known, default=None)


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("capacity")(capacity)
