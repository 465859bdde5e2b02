"""``mendwire replay agent``: kept cases investigated anew, for comparison alone."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
from collections import deque
from contextlib import aclosing
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Final

import typer

from mendwire.app.looking import configured, looking
from mendwire.app.rerunning import UNTRIED, Progress, Rerun, replayable, rerun
from mendwire.cli.asking import AsJson, Yes, confirm, safe
from mendwire.cli.tables import print_table
from mendwire.errors import ConfigError
from mendwire.execution.stopping import stopping
from mendwire.model.case import Case
from mendwire.ops.cases import find
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.settings.working import AgentChoice

CHANGED: Final = 4
_COLUMNS: Final = ("case", "verdict", "cost", "reason", "title")
_STOPPED: Final = 130


class Kind(StrEnum):
    """Who investigates."""

    AUTO = "auto"
    CLAUDE = "claude"
    ROLLBACK = "rollback"
    COMMAND = "command"
    ACP = "acp"
    CODEX = "codex"


def agent(
    wanted: Annotated[
        list[str] | None, typer.Argument(help="Cases, by id or its beginning.", metavar="CASE")
    ] = None,
    *,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Without CASE: so many that changed last.")
    ] = 10,
    kind: Annotated[
        Kind | None, typer.Option(help="Another agent than the one of mendwire.toml.")
    ] = None,
    command: Annotated[
        str,
        typer.Option(help="Of kinds command and acp: program and arguments: 'my-agent {task}'."),
    ] = "",
    model: Annotated[str, typer.Option(help="Of that agent; default: its own.")] = "",
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Investigate judged cases anew.

    Each from its own commit, with the agent of mendwire.toml or another one: what would it have
    made of these errors, and at what cost? It works on a server of its own that is gone
    afterwards, and delivers nothing.

    A model costs money: limits.day_usd holds for all of it together, beside what the workers
    spend. Restricted cases are left out. Exits with 4 if a verdict differs.
    """
    chosen = _chosen(kind, command, model)
    config, environment = configured(None)
    rows, is_stopped = asyncio.run(_again(config, environment, wanted or [], limit, chosen, yes))
    changed = sum(row.changed for row in rows)
    if as_json:
        print(json.dumps([asdict(row) | {"changed": row.changed} for row in rows]))
    else:
        none = "Nothing was tried." if is_stopped else "There is no case that can be tried."
        print_table([_row(row) for row in rows], _COLUMNS, as_json=False, none=none)
        tried = sum(row.verdict_now != UNTRIED for row in rows)
        print(f"{tried} cases tried, {changed} differ.")
    raise typer.Exit(_STOPPED if is_stopped else CHANGED if changed else 0)


def _chosen(kind: Kind | None, command: str, model: str) -> AgentChoice | None:
    if command and kind is None:
        kind = Kind.COMMAND
    if kind is None:
        if model:
            raise ConfigError("--model goes with --kind: say which agent it is for.")
        return None
    if (kind in {Kind.COMMAND, Kind.ACP}) != bool(command) and kind is not Kind.CODEX:
        raise ConfigError("--kind command and --command go together.")
    try:
        words = tuple(shlex.split(command))
    except ValueError as problem:
        raise ConfigError(f"--command is not quoted as a shell would: {problem}.") from None
    return AgentChoice(kind=kind.value, command=words, model=model)


async def _again(
    config: Config,
    environment: Environment,
    wanted: list[str],
    limit: int,
    chosen: AgentChoice | None,
    yes: bool,
) -> tuple[list[Rerun], bool]:
    """What became of each, and whether it was stopped before the end."""
    cases = await _cases(config, environment, wanted, limit)
    if not cases:
        return [], False
    day = config.limits.day_usd
    confirm(f"Investigate {len(cases)} cases anew, for at most {day:.2f} US dollars?", yes=yes)
    rows: list[Rerun] = []
    with stopping() as stop:
        async with aclosing(rerun(config, environment, cases, chosen, stop)) as telling:
            async for one in telling:
                print(_line(one), file=sys.stderr, flush=True)
                if isinstance(one, Rerun):
                    rows.append(one)
        return rows, stop.is_set()


async def _cases(
    config: Config, environment: Environment, wanted: list[str], limit: int
) -> list[Case]:
    async with looking(config, environment) as sight:
        if not wanted:
            newest = deque[Case](maxlen=limit)
            async for filed in sight.docket.cases():
                if replayable(filed.case):
                    newest.append(filed.case)
            return list(newest)
        named = [(await find(sight.docket, one)).case for one in dict.fromkeys(wanted)]
    for case in named:
        if not replayable(case):
            raise ConfigError(
                f"Case {case.case_id} cannot be tried: it is restricted, has no verdict yet, or "
                "its report is past its retention."
            )
    return list({case.issue: case for case in named}.values())


def _line(told: Rerun | Progress) -> str:
    if isinstance(told, Progress):
        return safe(f"{told.case}: {told.step}")
    return safe(f"{told.case}: {_verdict(told)}")


def _row(row: Rerun) -> dict[str, str]:
    return {
        "case": row.case,
        "verdict": _verdict(row),
        "cost": f"{row.cost_then_usd:.2f} -> {row.cost_now_usd:.2f}",
        "reason": row.reason_now if row.verdict_now != row.verdict_then else "",
        "title": row.title,
    }


def _verdict(row: Rerun) -> str:
    if row.verdict_now == row.verdict_then:
        return row.verdict_then
    return f"{row.verdict_then} -> {row.verdict_now}"


def register(replay: typer.Typer) -> None:
    """Add the command to its group."""
    replay.command("agent")(agent)
