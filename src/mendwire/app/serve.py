"""Which server is used: the one the environment names, ours that runs, or ours started now."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.wire.connection import Link, connected
from mendwire.wire.contexts import is_named
from mendwire.wire.server import EmbeddedServer, find_running


def store_of(config: Config) -> Path:
    """The embedded server's folder for this project."""
    store = config.server.store
    return (config.root / store).resolve() if store else config.state / "nats"


@asynccontextmanager
async def served(
    config: Config, environment: Environment, *, own: bool = True
) -> AsyncIterator[EmbeddedServer | None]:
    """A server runs while the block does: with ``own`` the embedded one when no other is there.

    Gives that one when it was started here, else None.
    """
    if not own or is_named(environment) or find_running(store_of(config)):
        yield None
        return
    server = EmbeddedServer(
        store_of(config),
        port=config.server.port or None,
        sync=config.server.sync,
        program=environment.server_program,
    )
    async with server:
        yield server


@asynccontextmanager
async def linked(config: Config, environment: Environment, name: str) -> AsyncIterator[Link]:
    """A connection to the server in use."""
    async with connected(environment, name=name, store=store_of(config)) as link:
        yield link
