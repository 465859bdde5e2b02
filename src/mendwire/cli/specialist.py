"""``mendwire specialist``: play roles for orchestrators elsewhere."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from mendwire.app.looking import configured
from mendwire.app.specialist import engaged, serve_roles
from mendwire.cli.asking import AsJson
from mendwire.cli.options import ConfigFile, Logs, LogStyle


def specialist(
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="research, implementation, review, or a reviewer of your own; may be given "
            "several times. Default: specialists.remote in mendwire.toml.",
        ),
    ] = None,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="In results; default: this machine's name.")
    ] = "",
    at_once: Annotated[int, typer.Option(min=1, max=64, help="Cases worked on at once.")] = 1,
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End once nothing waits and nothing is held.")
    ] = False,
    config: ConfigFile = None,
    log: Logs = LogStyle.AUTO,
    as_json: AsJson = False,
) -> None:
    """Play roles for orchestrators elsewhere, with this machine's clone and agent.

    It needs a clone of the repository (the commit is fetched from its remote), an agent and the
    NATS server. At its end, with --json, what it did is printed.
    """
    settings, environment = configured(config)
    wanted = engaged(settings, role or (), name, at_once, until_empty=until_empty)
    tally = asyncio.run(serve_roles(settings, environment, wanted, log.value))
    done = asdict(tally) | {"cost_usd": round(tally.cost_usd, 6)}
    if as_json:
        print(json.dumps({"name": wanted.name, "roles": wanted.roles, **done}))


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command()(specialist)
