"""``mendwire streams plan`` and ``apply``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.table import Table

from mendwire.model.printable import printable
from mendwire.ops.streams import Applied, applied, planned, rows
from mendwire.settings.config import find_config, read_config
from mendwire.settings.environment import read_environment
from mendwire.wire.connection import connected
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.plan import Action, FieldChange, Item, Plan

NOT_EQUAL: Final = 4
"""The exit code when the server is not as it should be."""
_DURATIONS: Final = frozenset({"max_age", "duplicate_window", "ack_wait"})
_SIZES: Final = frozenset({"max_bytes"})
_COLOURS: Final = {
    Action.CREATE: "green",
    Action.CHANGE: "yellow",
    Action.UNOWNED: "cyan",
    Action.FOREIGN: "red",
    Action.EQUAL: "dim",
}

T = TypeVar("T")

Environments = Annotated[
    list[str] | None,
    typer.Option("--env", help="An environment; repeat it. Default: those of mendwire.toml."),
]
Replicas = Annotated[int, typer.Option(min=1, max=5, help="Copies of each stream on a cluster.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def show_plan(env: Environments = None, replicas: Replicas = 1, as_json: AsJson = False) -> None:
    """Show what is missing or differs, field by field; exits with 4 unless all is as it should."""
    found = _run(lambda bus, known, days: planned(bus, known, replicas, days), env)
    _print_plan(found, as_json=as_json)
    raise typer.Exit(NOT_EQUAL if found.changes or found.obstacles else 0)


def make_true(env: Environments = None, replicas: Replicas = 1, as_json: AsJson = False) -> None:
    """Create what is missing and mend what drifted; touches only what Mendwire made itself."""
    result = _run(lambda bus, known, days: applied(bus, known, replicas, days), env)
    if as_json:
        print(json.dumps({"done": rows(result.done), "left": rows(_notable(result.left))}))
    else:
        _print_applied(result)
    raise typer.Exit(NOT_EQUAL if result.left.obstacles else 0)


def register(streams: typer.Typer) -> None:
    """Add these commands to ``mendwire streams``."""
    streams.command("plan")(show_plan)
    streams.command("apply")(make_true)


def _run(
    ask: Callable[[JetStreamBus, Sequence[str], Mapping[str, float]], Awaitable[T]],
    env: Sequence[str] | None,
) -> T:
    here = Path.cwd()
    config = read_config(find_config(here), here)
    store = config.root / config.server.store if config.server.store else config.state / "nats"
    environment = read_environment(os.environ, here)

    async def work() -> T:
        async with connected(environment, name="mendwire streams", store=store) as link:
            bus = JetStreamBus(link.client, link.names, link.denials)
            return await ask(bus, env or config.worker.environments, config.retention.days)

    return asyncio.run(work())


def _print_plan(found: Plan, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(rows(found.items)))
        return
    _print_items(_notable(found))
    if not found.changes and not found.obstacles:
        print(f"All {len(found.items)} streams and consumers are as they should be.")
    elif found.changes:
        print(f"{len(found.changes)} to make or change: mendwire streams apply")


def _print_applied(result: Applied) -> None:
    _print_items((*result.done, *_notable(result.left)))
    if not result.done:
        print("Nothing was left to do.")


def _print_items(items: Sequence[Item]) -> None:
    if not items:
        return
    if not sys.stdout.isatty():
        for item in items:
            for line in _lines(item):
                print(line)
        return
    table = Table("action", "stream", "field", "is", "should be", box=None)
    for item in items:
        colour = _COLOURS[item.action]
        action = f"[{colour}]{item.action}[/{colour}]"
        table.add_row(action, item.name, *([item.reason, "", ""] if item.reason else []))
        for change in item.fields:
            table.add_row("", "", *_cells(change))
    Console().print(table)


def _lines(item: Item) -> list[str]:
    told = f"  {item.reason}" if item.reason else ""
    lines = [f"{item.action:<8}{item.name}{told}"]
    for change in item.fields:
        name, actual, wanted = _cells(change)
        lines.append(f"{'':<8}  {name}: {actual} -> {wanted}")
    return lines


def _cells(change: FieldChange) -> tuple[str, str, str]:
    fixed = "" if change.changeable else " (fixed)"
    actual, wanted = (_shown(change.field, value) for value in (change.actual, change.wanted))
    return change.field + fixed, actual, wanted


def _notable(found: Plan) -> tuple[Item, ...]:
    return tuple(item for item in found.items if item.action is not Action.EQUAL)


def _shown(name: str, value: Any) -> str:  # noqa: ANN401 - any value of the server's JSON
    if value is None:
        return "not set"
    if name in _DURATIONS and isinstance(value, int):
        return _duration(value)
    if name in _SIZES and isinstance(value, int) and value > 0:
        return f"{value / 2**20:,.1f} MiB"
    return printable(value, 500) if isinstance(value, str) else json.dumps(value)


def _duration(nanoseconds: int) -> str:
    seconds = nanoseconds / 1e9
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"
