"""``mendwire cases``, ``results``, ``quarantine`` and ``dead``: what happened, safely printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mendwire.app.looking import Sight, configured, looking
from mendwire.app.traces import rebuild
from mendwire.execution.git import CaseRepository
from mendwire.model.codec import encode
from mendwire.model.printable import printable
from mendwire.ops import cases as desk
from mendwire.ops.kept import Kept, kept, shown

T = TypeVar("T")
_PIPE_WIDTH = 400
"""Columns where no terminal sets the width."""
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CaseId = Annotated[str, typer.Argument(help="Case id, issue key, or the beginning of one.")]

_cases = typer.Typer(help="Cases: one for each bug.", no_args_is_help=True)
_results = typer.Typer(help="Published results.", no_args_is_help=True)
_quarantine = typer.Typer(help="Reports that the screen held back.", no_args_is_help=True)
_dead = typer.Typer(help="Messages that could not be handled.", no_args_is_help=True)


@_cases.command("list")
@_cases.command("ls", hidden=True)
def list_cases(as_json: AsJson = False) -> None:
    """Every case, the one changed last at the end."""
    rows = _see(lambda sight: desk.listing(sight.docket))
    columns = ("case", "state", "verdict", "title", "environment", "occurrences", "branch")
    _table([asdict(row) for row in rows], columns, as_json, "No case yet.")


@_cases.command("show")
def show_case(case: CaseId, as_json: AsJson = False) -> None:
    """One case whole: report, finding, proof, delivery."""
    filed = _see(lambda sight: desk.find(sight.docket, case))
    body = json.loads(encode(filed.case))
    body["report"] = filed.case.report.decode("utf-8", "replace")
    if as_json:
        print(json.dumps(body, ensure_ascii=True))
        return
    for name, value in body.items():
        if value not in (None, "", [], {}, 0):
            text = value if isinstance(value, str) else json.dumps(value, indent=2)
            Console().print(Text(f"{name:>16}  ", "bold"), Text(_safe(text)), sep="")


@_cases.command("retry")
def retry_case(case: CaseId, as_json: AsJson = False) -> None:
    """Investigate a finished case again, as its next episode."""
    opened = _see(lambda sight: desk.retry(sight.docket, case))
    if as_json:
        print(json.dumps({"case": opened.case_id, "state": opened.state}))
    else:
        print(f"{opened.case_id} is open; the next free worker takes it.")


@_cases.command("rebuild")
def rebuild_cases(as_json: AsJson = False) -> None:
    """File the cases that branches and results tell of, after the docket was lost."""

    async def rebuilt(sight: Sight) -> int:
        repository = await CaseRepository.open(sight.config.repository, sight.config.state)
        prefix = sight.config.delivery.branch_prefix
        return await rebuild(sight.docket, sight.bus, repository, prefix)

    count = _see(rebuilt)
    print(json.dumps({"filed": count}) if as_json else f"{count} cases filed; start the worker.")


def _kept_commands(group: typer.Typer, kind: str, columns: Sequence[str], none: str) -> None:
    """``list`` and ``show`` for a stream of kept messages."""

    @group.command("list")
    @group.command("ls", hidden=True)
    def list_kept(as_json: AsJson = False) -> None:
        rows = [_row(item) for item in _see(lambda sight: kept(sight.bus, kind))]
        _table(rows, columns, as_json, none)

    @group.command("show")
    def show_kept(
        seq: Annotated[int, typer.Argument(help="Its number in the list.")], as_json: AsJson = False
    ) -> None:
        item = _see(lambda sight: shown(sight.bus, kind, seq))
        row = _row(item) | {"payload": item.payload.decode("utf-8", "replace")}
        if as_json:
            print(json.dumps(row, ensure_ascii=True))
            return
        for name, value in row.items():
            Console().print(Text(f"{name:>12}  ", "bold"), Text(_safe(str(value))), sep="")

    list_kept.__doc__ = f"Everything in {kind.lower()}, oldest first."
    show_kept.__doc__ = "One message whole, made safe to print."


def _row(item: Kept) -> dict[str, object]:
    row = asdict(item)
    del row["payload"]
    return row


def _see(ask: Callable[[Sight], Awaitable[T]]) -> T:
    config, environment = configured(None)

    async def asked() -> T:
        async with looking(config, environment) as sight:
            return await ask(sight)

    return asyncio.run(asked())


def _table(rows: list[dict[str, Any]], columns: Sequence[str], as_json: bool, none: str) -> None:
    if as_json:
        print(json.dumps(rows, ensure_ascii=True))
        return
    if not rows:
        print(none)
        return
    table = Table(box=None, header_style="bold")
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "case")
    for row in rows:
        table.add_row(*(Text(printable(str(row[name]), 200)) for name in columns))
    console = Console()
    console.print(table, width=console.width if console.is_terminal else _PIPE_WIDTH)


def _safe(text: str) -> str:
    return printable(text, 20_000, lines=True)


_kept_commands(_results, "RESULTS", ("seq", "subject", "reason", "at"), "No result yet.")
_kept_commands(
    _quarantine, "QUARANTINE", ("seq", "origin", "reason", "message", "at"), "Nothing is held back."
)
_kept_commands(
    _dead, "DEAD", ("seq", "origin", "reason", "message", "at"), "There are no dead letters."
)


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for name, group in (
        ("cases", _cases),
        ("results", _results),
        ("quarantine", _quarantine),
        ("dead", _dead),
    ):
        app.add_typer(group, name=name)
