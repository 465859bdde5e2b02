"""Where a project's keys for the gateway are."""

from __future__ import annotations

from mendwire.gateway.keyring import KeyFile
from mendwire.settings.config import Config


def key_file(config: Config) -> KeyFile:
    """The keys of the project."""
    return KeyFile(config.state / "gateway" / "keys.json")
