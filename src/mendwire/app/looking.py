"""A docket and a bus for commands that look or steer."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from mendwire.app.serve import linked, served, store_of
from mendwire.docket.audit import Audit
from mendwire.docket.cases import Docket
from mendwire.docket.releases import Releases
from mendwire.ops.shelf import Shelf
from mendwire.settings.config import Config, find_config, read_config
from mendwire.settings.environment import Environment, read_environment
from mendwire.wire.connection import Link
from mendwire.wire.jetstream import JetStreamBus


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """What an operator's command works with."""

    config: Config
    bus: JetStreamBus
    docket: Docket
    releases: Releases
    server: str
    """Address and version of the server."""
    embedded: bool
    """The server is ours, on this machine."""
    audit: Audit
    """Where what is destroyed is written down first."""

    @property
    def shelf(self) -> Shelf:
        """The namespace's streams."""
        config = self.config
        days = config.retention.days
        return Shelf(bus=self.bus, environments=config.worker.environments, days=days)


def configured(path: Path | None) -> tuple[Config, Environment]:
    """The configuration and environment of the working directory; raises ConfigError."""
    here = Path.cwd()
    environment = read_environment(os.environ, here)
    return read_config(path or find_config(here), environment.root or here), environment


@asynccontextmanager
async def looking(config: Config, environment: Environment) -> AsyncIterator[Sight]:
    """Connect; where only a store of ours lies here, its server runs for this one command."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(served(config, environment, own=store_of(config).is_dir()))
        link = await stack.enter_async_context(linked(config, environment, "mendwire"))
        yield sight_by(link, config)


def sight_by(link: Link, config: Config) -> Sight:
    """What is seen over an open connection."""
    bus = JetStreamBus(link.client, link.names, link.denials)
    bucket = bus.bucket(link.names.bucket("DOCKET"))
    return Sight(
        config=config,
        bus=bus,
        docket=Docket(bucket, "operator"),
        releases=Releases(bucket),
        server=f"{link.url} ({link.server_version})",
        embedded=link.embedded,
        audit=Audit(bucket=bucket, by=operator()),
    )


def operator() -> str:
    """Who decides, for those who read it later: ``user@host``; proves nothing."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return f"{user}@{socket.gethostname()}"
