"""Any agent that speaks the Agent Client Protocol on its standard input and output."""

from __future__ import annotations

from mendwire.agents.acp.agent import AcpAgent
from mendwire.agents.acp.config import AcpConfig

__all__ = ["AcpAgent", "AcpConfig"]
