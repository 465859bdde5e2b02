"""``mendwire halt`` and ``resume``: one switch that stops every worker of the namespace."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime

import typer

from mendwire.app.looking import Sight, operator
from mendwire.cli.asking import AsJson, Note, see
from mendwire.docket.switch import LOOK_S, Halt, Switch


def halt(note: Note = "", as_json: AsJson = False) -> None:
    """Stop everything now: agents end, cases wait where they stand, errors wait in their streams.

    Nothing is lost and nothing is spent until `mendwire resume`. Workers that start wait, too.
    """
    thrown = Halt(by=operator(), at=datetime.now(UTC).isoformat(timespec="seconds"), note=note)

    async def stopped(sight: Sight) -> None:
        await _switch(sight).throw(thrown)  # first: whatever keeps the line from being written
        await sight.audit.note("halt", "all workers", note)

    see(stopped)
    if as_json:
        print(json.dumps(asdict(thrown)))
    else:
        print(f"Every worker stops within {LOOK_S:.0f} seconds. To go on: mendwire resume")


def resume(as_json: AsJson = False) -> None:
    """Let workers go on after `mendwire halt`."""

    async def let_go(sight: Sight) -> Halt | None:
        if await _switch(sight).thrown():
            await sight.audit.note("resume", "all workers")
        return await _switch(sight).release()

    released = see(let_go)
    if as_json:
        print(json.dumps({"halt": asdict(released) if released else None}))
    elif released is None:
        print("Nobody has stopped anything.")
    else:
        print("Workers go on.")


def _switch(sight: Sight) -> Switch:
    return Switch(bucket=sight.bus.bucket(sight.bus.names.bucket("DOCKET")))


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command("halt")(halt)
    app.command("resume")(resume)
