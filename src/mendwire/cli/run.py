"""``mendwire init``, ``work``, ``up`` and ``demo``."""

from __future__ import annotations

import asyncio
import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.init import initialise, namespace_from
from mendwire.app.looking import configured
from mendwire.app.run import Wish, run_worker
from mendwire.cli.options import ConfigFile, Logs, LogStyle
from mendwire.demo.story import play
from mendwire.model.names import namespace


class DemoAgent(StrEnum):
    """Who investigates in the demo."""

    ROLLBACK = "rollback"
    CLAUDE = "claude"


def init(
    folder: Annotated[Path, typer.Argument(help="The project's folder.")] = Path(),
    name: Annotated[str, typer.Option("--namespace", help="The project's name on the wire.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write mendwire.toml, .env.example, ignore rules and /process_nats_errors.

    Nothing that is there is overwritten.
    """
    root = folder.resolve()
    root.mkdir(parents=True, exist_ok=True)
    written = initialise(root, namespace(name) if name else namespace_from(root.name))
    if as_json:
        print(json.dumps([{"path": str(w.path), "what": w.what} for w in written]))
        return
    for item in written:
        print(f"{item.what:<9} {item.path}")
    print(
        "\nNext: commit these files, then `mendwire up` here runs server and worker.\n"
        "Errors reach it by `mendwire report`, by `mendwire.init()` in your service, or by the\n"
        "`nats` command (go install github.com/nats-io/natscli/nats@latest; then\n"
        "`nats context save NAME --server nats://... --user ...` and NATS_CONTEXT=NAME in .env).\n"
        "Or handle them yourself with Claude Code: /process_nats_errors in a session here."
    )


def work(
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End once nothing waits and nothing is held.")
    ] = False,
    config: ConfigFile = None,
    log: Logs = LogStyle.AUTO,
) -> None:
    """Take errors from the queue of a running server and investigate them."""
    _work(Wish(until_empty=until_empty, own_server=False), config, log)


def up(
    until_empty: Annotated[
        bool, typer.Option("--until-empty", help="End once nothing waits and nothing is held.")
    ] = False,
    config: ConfigFile = None,
    log: Logs = LogStyle.AUTO,
) -> None:
    """Run everything in one process: server (unless one is named), streams and worker."""
    _work(Wish(until_empty=until_empty, own_server=True), config, log)


def _work(wish: Wish, config: Path | None, log: LogStyle) -> None:
    settings, environment = configured(config)
    raise typer.Exit(asyncio.run(run_worker(settings, environment, wish, log.value)))


def demo(
    agent: Annotated[DemoAgent, typer.Option(help="Who investigates.")] = DemoAgent.ROLLBACK,
    keep: Annotated[
        Path | None, typer.Option(help="An empty folder to play in; default: a temporary one.")
    ] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Plain lines, also on a terminal.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the published results as JSON at the end.")
    ] = False,
) -> None:
    """Watch a real error in a real process become a proven commit, in half a minute."""
    raise typer.Exit(asyncio.run(play(agent.value, keep, plain=plain, as_json=as_json)))


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    for command in (init, up, work, demo):
        app.command()(command)
