"""Spans sent to a backend that speaks OpenTelemetry, where somebody says which.

Else nothing of it is loaded.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import unquote

from mendwire.errors import ConfigError
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.telemetry import emit

PATH: Final = "/v1/traces"
_EXTRA: Final = "pip install 'mendwire[traces]'"


def endpoint_of(config: Config, environment: Environment) -> str:
    """Where spans are sent; empty where nobody said, or somebody switched it off."""
    found = environment.variables
    off = found.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    if off or found.get("OTEL_TRACES_EXPORTER", "").strip() == "none":
        return ""
    if whole := found.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "").strip():
        return whole
    base = config.traces.endpoint or found.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip()
    return base.rstrip("/") + PATH if base else ""


def headers_of(environment: Environment) -> dict[str, str]:
    """What the backend wants beside the spans, e.g. a token: from variables alone."""
    found = environment.variables
    text = found.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or found.get("OTEL_EXPORTER_OTLP_HEADERS")
    pairs = (pair.partition("=") for pair in (text or "").split(","))
    return {name.strip().lower(): unquote(text.strip()) for name, _, text in pairs if name.strip()}


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
