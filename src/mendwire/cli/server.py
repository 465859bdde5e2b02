"""``mendwire server``: the embedded NATS server in the foreground."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.standalone import run_server
from mendwire.settings.config import find_config, read_config
from mendwire.settings.environment import read_environment
from mendwire.telemetry import subscribed
from mendwire.wire.server import EmbeddedServer
from mendwire.wire.store import CONTEXT


def server(
    store: Annotated[
        Path | None, typer.Option(help="Its folder; default: .mendwire/nats beside mendwire.toml.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Port on 127.0.0.1; default: chosen once and kept."),
    ] = None,
    sync: Annotated[
        str | None, typer.Option(help="When messages are flushed to disk: always, or e.g. 2m.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Run a NATS server with JetStream on this machine until Ctrl-C."""
    here = Path.cwd()
    config = read_config(find_config(here), here)
    named = store or (config.root / config.server.store if config.server.store else None)
    embedded = EmbeddedServer(
        named.absolute() if named else config.state / "nats",
        port=port or config.server.port or None,
        sync=sync or config.server.sync,
        program=read_environment(os.environ, here).server_program,
    )
    with subscribed(_say_restarts):
        asyncio.run(run_server(embedded, _print_json if as_json else _print))


def _print(embedded: EmbeddedServer) -> None:
    context = shlex.quote(str(embedded.store / CONTEXT))
    print(
        f"nats-server {embedded.version} with JetStream on {embedded.address.urls[0]}\n"
        f"  store        {embedded.store}\n"
        f"  credentials  {embedded.store / CONTEXT} (only you can read it)\n"
        "Mendwire's commands in this folder and below find it by themselves. With the nats "
        "command:\n"
        f"  nats --context {context} stream ls\n"
        "or, to keep it as a context of that name:\n"
        f"  install -Dm600 {context} ~/.config/nats/context/mendwire.json\n"
        "Ctrl-C ends it.",
        flush=True,
    )


def _print_json(embedded: EmbeddedServer) -> None:
    body = {
        "url": embedded.address.urls[0],
        "version": embedded.version,
        "pid": embedded.pid,
        "store": str(embedded.store),
        "context": str(embedded.store / CONTEXT),
    }
    print(json.dumps(body), flush=True)


def _say_restarts(event: str, fields: dict[str, object]) -> None:
    if event == "server.stopped":
        print(f"nats-server (pid {fields['pid']}) has ended.", file=sys.stderr)
    elif event == "server.started":
        print(f"nats-server runs (pid {fields['pid']}).", file=sys.stderr)


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command()(server)
