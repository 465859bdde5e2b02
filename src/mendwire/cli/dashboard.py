"""``mendwire dashboard``: pages that show how things stand, and let operators act."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Annotated

import typer

from mendwire.app.dashboard import Dashboard, entrance, run_dashboard
from mendwire.app.looking import configured
from mendwire.cli.options import ConfigFile, Logs, LogStyle
from mendwire.errors import ConfigError

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_app = typer.Typer(help="Show how things stand on pages, and let operators act.")


@_app.callback(invoke_without_command=True)
def dashboard(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on; default: dashboard.host.")] = "",
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port; default: dashboard.port; 0: any.")
    ] = None,
    as_json: AsJson = False,
    config: ConfigFile = None,
    log: Logs = LogStyle.AUTO,
) -> None:
    """Show how things stand on pages, and let operators act, until Ctrl-C."""
    if context.invoked_subcommand:
        return
    settings, surroundings = configured(config)
    given = {"host": host or None, "port": port}
    changed = {name: value for name, value in given.items() if value is not None}
    settings = settings.model_copy(
        update={"dashboard": settings.dashboard.model_copy(update=changed)}
    )
    ready = _print_json if as_json else _print
    raise typer.Exit(asyncio.run(run_dashboard(settings, surroundings, ready, log.value)))


@_app.command("token")
def token(config: ConfigFile = None) -> None:
    """Print the operators' token, by which one logs in; it is made where there is none."""
    settings, surroundings = configured(config)
    found = entrance(settings, surroundings).tokens.operator
    if not found:
        raise ConfigError("Nobody logs in by a token here: the proxy says who they are.")
    print(found.reveal())


def _print(ours: Dashboard) -> None:
    how = "; log in with the token of: mendwire dashboard token" if ours.token_file else ""
    print(f"mendwire: the dashboard is at {ours.url}{how}\nCtrl-C ends it.", flush=True)


def _print_json(ours: Dashboard) -> None:
    print(json.dumps({"url": ours.url, "pid": os.getpid()}), flush=True)


def register(app: typer.Typer) -> None:
    """Add this group to the command line."""
    app.add_typer(_app, name="dashboard")
