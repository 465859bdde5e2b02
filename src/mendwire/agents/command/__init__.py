"""Any program as an agent: one JSON task in, lines of JSON out."""

from __future__ import annotations

from mendwire.agents.command.agent import CommandAgent
from mendwire.agents.command.config import CommandConfig

__all__ = ["CommandAgent", "CommandConfig"]
