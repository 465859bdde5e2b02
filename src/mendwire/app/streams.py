"""The streams of a namespace, made by whoever comes first: worker, gateway or dashboard."""

from __future__ import annotations

from mendwire.errors import ConfigError
from mendwire.settings.config import Config
from mendwire.wire.apply import establish
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import Topology


async def make_streams(bus: JetStreamBus, config: Config) -> Topology:
    """Make what is missing and mend what drifted; raises ConfigError for what stands in the way."""
    wanted, left = await establish(
        bus.api, bus.names, config.worker.environments, days=config.retention.days
    )
    if left.obstacles:
        first = left.obstacles[0]
        raise ConfigError(
            f"{first.name} stands in the way: {first.reason} See mendwire streams plan."
        )
    return wanted
