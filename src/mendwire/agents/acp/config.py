"""What the operator decides about the ``acp`` agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mendwire.agents.command import CommandConfig

FIRST_WORD_S: Final = 180.0


@dataclass(frozen=True, kw_only=True, slots=True)
class AcpConfig(CommandConfig):
    """As of a command: program, environment, sandbox; and what only this protocol knows."""

    unknown_usd: float = 1.0
    """US dollars that a run counts as when the agent does not tell its cost."""
    test_command: str = ""
    """The project's tests: the only command that is permitted to an agent that asks."""
    first_word_s: float = FIRST_WORD_S
    """How long the model behind the agent may be silent before that is an outage, in seconds."""
