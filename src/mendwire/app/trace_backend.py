"""The backend that spans are sent to: where it is, and what it wants beside them."""

from __future__ import annotations

from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from mendwire.model.printable import printable
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment

PATH: Final = "/v1/traces"
_HIDDEN: Final = "***"


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


def shown(url: str) -> str:
    """An endpoint as people may read it: a login and what is asked for may be secrets."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a password with a slash in it looks like a port that is no number
    except ValueError:
        return f"an address that cannot be read ({_HIDDEN})"
    login, _, host = parts.netloc.rpartition("@")
    _, at, path = ("", "", parts.path) if host else parts.path.rpartition("@")
    whole = (
        parts.scheme,
        f"{_HIDDEN}@{host}" if login else host,
        f"{_HIDDEN}@{path}" if at else path,
        _HIDDEN if parts.query else "",
        "",
    )
    return printable(urlunsplit(whole), 200)


def headers_of(environment: Environment) -> dict[str, str]:
    """What the backend wants beside the spans, e.g. a token: from variables alone."""
    found = environment.variables
    text = found.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or found.get("OTEL_EXPORTER_OTLP_HEADERS")
    pairs = (pair.partition("=") for pair in (text or "").split(","))
    return {name.strip().lower(): unquote(text.strip()) for name, _, text in pairs if name.strip()}
