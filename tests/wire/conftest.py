from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats.aio.client import Client

from mendwire.model.names import Names
from mendwire.wire.apply import ensure
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.topology import Topology, topology
from tests.nats_server import RealServer, running


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RealServer]:
    async with running(tmp_path / "nats") as started:
        yield started


@pytest.fixture
def names() -> Names:
    return Names(namespace="ai_tutor")


@pytest.fixture
async def link(server: RealServer) -> AsyncIterator[Client]:
    """A raw connection."""
    async with server.client() as client:
        yield client


@pytest.fixture
def wanted(names: Names) -> Topology:
    return topology(names, ["staging", "production"])


@pytest.fixture
async def empty_bus(link: Client, names: Names) -> JetStreamBus:
    """A bus on a server without streams."""
    return JetStreamBus(link, names, Denials())


@pytest.fixture
async def bus(empty_bus: JetStreamBus, wanted: Topology) -> JetStreamBus:
    """A bus on a server with the whole topology."""
    await ensure(empty_bus.api, wanted)
    return empty_bus
