"""Codex, run as ``codex exec``."""

from __future__ import annotations

from mendwire.agents.codex.agent import CodexAgent
from mendwire.agents.codex.config import CodexConfig

__all__ = ["CodexAgent", "CodexConfig"]
