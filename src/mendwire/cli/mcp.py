"""``mendwire mcp``: errors for an interactive coding agent, over standard input and output."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.logs import logged
from mendwire.app.looking import configured
from mendwire.app.session import Session
from mendwire.errors import ConfigError
from mendwire.execution.stopping import stopping

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="mendwire.toml; default: found upwards from here.")
]


def mcp(config: ConfigFile = None) -> None:
    """Serve errors to an interactive coding agent (MCP on standard input and output).

    `mendwire init` writes the slash command /process_nats_errors that uses it. For Claude Code:
    claude mcp add mendwire -- mendwire mcp
    """
    try:
        from mendwire.app.mcp_server import mcp_server  # noqa: PLC0415 - an extra of its own
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        raise ConfigError(
            f"The MCP server needs more packages: pip install 'mendwire[mcp]' ({absent.name})."
        ) from None
    settings, environment = configured(config)
    if sys.stdin.isatty():
        sys.stderr.write(
            "mendwire: this speaks MCP on standard input; a coding agent starts it. Ctrl-C ends.\n"
        )

    async def serve() -> None:
        with logged("json"), stopping() as stop:
            async with Session(settings, environment) as session:
                talk = asyncio.ensure_future(mcp_server(session).run_stdio_async())
                await asyncio.wait(
                    (talk, asyncio.ensure_future(stop.wait())),
                    return_when=asyncio.FIRST_COMPLETED,
                )
        if not talk.done():
            # What was held is given back. The thread that reads standard input cannot be woken,
            # and whoever sent the signal need not close it.
            sys.stderr.flush()
            os._exit(0)
        talk.result()

    asyncio.run(serve())


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("mcp")(mcp)
