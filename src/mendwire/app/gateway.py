"""The gateway, alone or beside a worker."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mendwire.app.keys import key_file
from mendwire.app.logs import Style, logged
from mendwire.app.metrics import gateway_exposed
from mendwire.app.serve import linked, served
from mendwire.app.stopping import first_of
from mendwire.app.streams import make_streams
from mendwire.execution.fellows import fellows, until_alone
from mendwire.execution.stopping import stopping
from mendwire.gateway.delivery import Delivery, rooms_for
from mendwire.gateway.keyring import KeyRing
from mendwire.gateway.memory import Memory, own_memory, shared_file, shared_memory
from mendwire.gateway.otlp.routes import otlp_routes
from mendwire.gateway.quota import Capacity, Meters
from mendwire.gateway.service import MANNERS, connecting
from mendwire.gateway.site import figures_of, site
from mendwire.gateway.station import Bounds, Station
from mendwire.model.scrub import scrub_policy
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.telemetry import emit
from mendwire.web import address_of, listen, serving
from mendwire.wire.contexts import is_named
from mendwire.wire.finding import names_for


@dataclass(frozen=True, kw_only=True, slots=True)
class Gateway:
    """A gateway that serves while its ``gateway`` block runs."""

    url: str
    """Where it listens."""
    station: Station
    serving: asyncio.Task[None]
    """Ends only when something is wrong."""

    def figures(self) -> dict[str, Any]:
        """What all of its processes have counted."""
        return figures_of(self.station)


def spool_folder(config: Config) -> Path:
    """Where reports wait while the server is away."""
    return config.state / "gateway" / "spool"


@asynccontextmanager
async def gateway(
    config: Config, environment: Environment, listener: socket.socket, memory: Memory
) -> AsyncIterator[Gateway]:
    """Connect and serve while the block runs; at its end everything is told or spooled.

    ``memory`` is what it shares with its fellows. A server that is away is no error: reports go to
    the spool. Raises ConfigError.
    """
    wanted = config.gateway
    names = names_for(environment, embedded=not is_named(environment))
    ring = KeyRing(key_file(config))
    keys = ring.living()
    url = address_of(listener)
    spools = await asyncio.to_thread(rooms_for, spool_folder(config), wanted.spool)
    async with (
        Delivery(names, spools) as delivery,
        connecting(
            lambda: linked(config, environment, "mendwire-gateway"),
            delivery,
            lambda bus: make_streams(bus, config),
        ),
    ):
        station = Station(
            ring=ring,
            meters=Meters(
                Capacity(
                    bytes_hour=wanted.bytes_hour,
                    signatures_hour=wanted.signatures_hour,
                    reserve=wanted.reserve,
                ),
                time.monotonic,
                memory,
            ),
            delivery=delivery,
            bounds=Bounds(
                max_event=wanted.max_event,
                max_body=wanted.max_body,
                max_inflated=wanted.max_inflated,
                in_flight=wanted.in_flight,
            ),
            scrub=scrub_policy(config.scrub.model_dump()),
            memory=memory,
        )
        async with serving(site(station, otlp_routes(station)), listener, MANNERS) as task:
            emit("gateway.started", url=url, keys=len(keys), pid=os.getpid())
            tasks = [
                asyncio.create_task(station.tell_refusals()),
                asyncio.create_task(station.totals.write_forever()),
            ]
            try:
                yield Gateway(url=url, station=station, serving=task)
            finally:
                for one in tasks:
                    one.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
        await delivery.tell(is_last=True)
        station.totals.write()
        figures, waiting = delivery.figures, delivery.spooled_bytes
    emit(
        "gateway.stopped",
        stored=figures.stored,
        repeated=figures.repeated,
        spooled=figures.spooled,
        waiting=waiting,
    )


@asynccontextmanager
async def gateways(
    config: Config, environment: Environment, path: Path | None = None
) -> AsyncIterator[Gateway]:
    """One gateway in this process, and as many beside it as the configuration says.

    ``path`` is the configuration's file, for them to read.
    """
    wanted = config.gateway
    listener = listen(wanted.host, wanted.port, MANNERS, shared=wanted.workers > 1)
    host, port = listener.getsockname()[:2]
    arguments = ["gateway", "--fellow", "--host", host, "--port", str(port), "--log", "json"]
    arguments += ["--workers", str(wanted.workers), *(("--config", str(path)) if path else ())]
    if wanted.workers == 1:
        async with gateway(config, environment, listener, own_memory()) as ours:
            yield ours
        return
    file = shared_file()
    arguments += ["--memory", str(file)]
    try:
        async with (
            gateway(config, environment, listener, shared_memory(file)) as ours,
            fellows(arguments, wanted.workers - 1, keep=(file,)),
        ):
            yield ours
    finally:
        os.close(file)


async def run_gateway(
    config: Config,
    environment: Environment,
    ready: Callable[[Gateway], None],
    log: Style,
    *,
    path: Path | None = None,
    own_server: bool,
) -> int:
    """Run until a signal; the exit code. ``ready`` is called once it listens."""
    with logged(log), stopping() as stop:
        async with (
            served(config, environment, own=own_server),
            gateways(config, environment, path) as ours,
            gateway_exposed(config.metrics.gateway, ours.figures),
        ):
            ready(ours)
            await first_of(asyncio.ensure_future(stop.wait()), asyncio.shield(ours.serving))
    return 0


async def run_fellow(config: Config, environment: Environment, log: Style, memory: int) -> int:
    """One of several, until the first of them ends; ``memory`` is the file that they share."""
    listener = listen(config.gateway.host, config.gateway.port, MANNERS, shared=True)
    with logged(log), stopping() as stop:
        async with gateway(config, environment, listener, shared_memory(memory)) as ours:
            await first_of(
                asyncio.ensure_future(stop.wait()),
                asyncio.ensure_future(until_alone()),
                asyncio.shield(ours.serving),
            )
    return 0
