"""Spans sent to a backend that speaks OpenTelemetry, where somebody says which.

Else nothing of it is loaded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from mendwire.app.trace_backend import endpoint_of, headers_of
from mendwire.errors import ConfigError
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.telemetry import emit

_EXTRA: Final = "pip install 'mendwire[traces]'"


@asynccontextmanager
async def traced(config: Config, environment: Environment, role: str) -> AsyncIterator[None]:
    """Send spans while the block runs; ``role`` says what this process does.

    Raises ConfigError where mendwire.toml asks for it and the extra is missing.
    """
    url = endpoint_of(config, environment)
    if not url:
        yield
        return
    try:
        from mendwire.app.otlp import Sender, sending  # noqa: PLC0415 - needs an extra of its own
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        message = f"Traces need an extra: {_EXTRA} ({absent.name} is missing)."
        if config.traces.endpoint:
            raise ConfigError(message) from None
        emit("traces.lost", count=0, reason=message)  # the variable may be meant for others
        yield
        return
    async with sending(Sender(url, headers_of(environment), role, environment)):
        yield
