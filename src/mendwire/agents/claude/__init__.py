"""The ``claude`` agent: the user's own Claude Code program, run as a child without interaction."""

from __future__ import annotations

from mendwire.agents.claude.agent import ClaudeAgent
from mendwire.agents.claude.config import ClaudeConfig

__all__ = ["ClaudeAgent", "ClaudeConfig"]
