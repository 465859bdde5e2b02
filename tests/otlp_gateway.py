"""What OTLP's journeys share: a gateway with keys, and what has come to its stream since."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.gateway_stage import ENV, NAMES, GatewayStage, gateway_stage


@asynccontextmanager
async def otlp_stage(folder: Path, *names: str, small: str = "") -> AsyncIterator[GatewayStage]:
    """A started gateway with a trusted key of each of these names, for the service of its name.

    ``small`` names one that may send two events a minute.
    """
    async with gateway_stage(folder) as made:
        for name in names:
            made.key(name, "--env", ENV, "--trust", "trusted")
        if small:
            made.key(small, "--env", ENV, "--trust", "trusted", "--events", "2,0,0")
        made.start()
        yield made


async def drain(stage: GatewayStage) -> list[dict[str, Any]]:
    """Every report in the stream, in their order; the stream is empty afterwards."""
    stream = NAMES.error_stream(ENV)
    found = [one.body for one in await stage.messages(stream)]
    async with stage.server.client() as client:
        await client.jetstream(timeout=20).purge_stream(stream)
    return found
