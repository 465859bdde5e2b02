"""``mendwire mcp``: errors for an interactive coding agent, over standard input and output."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from mendwire.app.logs import logged
from mendwire.app.looking import configured
from mendwire.app.session import Session
from mendwire.errors import ConfigError

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
        with logged("json"):
            async with Session(settings, environment) as session:
                await mcp_server(session).run_stdio_async()

    asyncio.run(serve())


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("mcp")(mcp)
