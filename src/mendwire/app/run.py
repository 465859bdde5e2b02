"""A worker process from its start to its clean end."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from mendwire.app.engine import engine
from mendwire.app.logs import Style, logged
from mendwire.app.serve import served
from mendwire.app.stopping import stopping
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a worker process is asked to do."""

    until_empty: bool
    """End once nothing waits and nothing is held."""
    own_server: bool
    """Start the embedded server where none is named and none runs."""


async def run_worker(config: Config, environment: Environment, wish: Wish, log: Style) -> int:
    """Run until a signal or the queue's end; the exit code.

    Raises what keeps a worker from starting or going on: one sentence each.
    """
    with logged(log), stopping() as stop:
        async with (
            served(config, environment, own=wish.own_server) as server,
            engine(config, environment) as machine,
            _gateway(config, environment, wish) as hint,
        ):
            sys.stderr.write("\n".join((*machine.greeting, *hint, "")))
            if wish.until_empty:
                await machine.until_empty(stop)
            else:
                await machine.forever(stop, server)
    return 0


@asynccontextmanager
async def _gateway(
    config: Config, environment: Environment, wish: Wish
) -> AsyncIterator[tuple[str, ...]]:
    """The gateway runs within ``mendwire up`` where the configuration says so."""
    if not (wish.own_server and config.gateway.enabled):
        yield ()
        return
    from mendwire.app.gateway import gateways  # noqa: PLC0415 - needs an extra of its own

    async with gateways(config, environment) as ours:
        yield (f"mendwire: gateway {ours.url}; a DSN for an SDK: mendwire gateway keys add NAME",)
