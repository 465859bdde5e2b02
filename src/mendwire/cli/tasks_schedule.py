"""``mendwire tasks schedule``: tasks that come again and again."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from mendwire.cli.asking import AsJson, see
from mendwire.cli.tables import print_table
from mendwire.tasks.queue import TaskQueue
from mendwire.tasks.schedule import Schedule, schedule_of

app = typer.Typer(help="Tasks that come again and again.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The schedule's name.", show_default=False)]


@app.command("ls")
@app.command("list", hidden=True)
def list_schedules(as_json: AsJson = False) -> None:
    """Every schedule, and when it is due next."""
    rows = [_row(one) for one in see(lambda sight: TaskQueue(sight.bus).schedules.all())]
    columns = ("name", "cron", "zone", "type", "priority", "to", "next", "last")
    print_table(rows, columns, as_json, "No schedule.")


@app.command("add")
def add(
    name: Name,
    cron: Annotated[str, typer.Argument(help="Minute hour day month weekday: '30 7 * * 1-5'.")],
    kind: Annotated[str, typer.Argument(metavar="TYPE", help="The tasks' type.")],
    description: Annotated[str, typer.Argument(help="What is to be done.")],
    priority: Annotated[str, typer.Option(help="high, normal or low.")] = "normal",
    to: Annotated[str, typer.Option(metavar="AGENT", help="An agent or role; else anyone.")] = "",
    zone: Annotated[str, typer.Option(help="Time zone, e.g. Europe/Berlin.")] = "UTC",
    as_json: AsJson = False,
) -> None:
    """Publish such a task whenever it is due, while a worker of tasks runs."""
    made = schedule_of(
        name,
        cron,
        kind,
        description=description,
        level=priority,
        to=to,
        zone=zone,
        now=datetime.now(UTC),
    )
    see(lambda sight: TaskQueue(sight.bus).schedules.add(made))
    print(json.dumps(_row(made)) if as_json else f"{name} is due next at {_iso(made.next_ns)}.")


@app.command("rm")
def remove(name: Name, as_json: AsJson = False) -> None:
    """Publish it no more; what was published stays."""
    see(lambda sight: TaskQueue(sight.bus).schedules.remove(name))
    print(json.dumps({"name": name, "removed": True}) if as_json else f"{name} is gone.")


def _row(schedule: Schedule) -> dict[str, object]:
    return {
        "name": schedule.name,
        "cron": schedule.cron,
        "zone": schedule.zone,
        "type": schedule.type,
        "priority": schedule.priority,
        "to": schedule.assigned_to,
        "description": schedule.description,
        "next": _iso(schedule.next_ns),
        "last": _iso(schedule.fired_ns) if schedule.fired_ns else "",
    }


def _iso(nanoseconds: int) -> str:
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC).isoformat(timespec="seconds")
