"""What the operator decides about the ``codex`` agent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mendwire.agents.command import CommandConfig

KEYS: Final = ("CODEX_API_KEY", "OPENAI_API_KEY")
"""Variables that its key is taken from, in this order."""
BASE_URL: Final = "OPENAI_BASE_URL"
_USUAL_URL: Final = "https://api.openai.com/v1"


@dataclass(frozen=True, kw_only=True, slots=True)
class CodexConfig(CommandConfig):
    """As of a command: program, environment, sandbox; and what only Codex knows."""

    unknown_usd: float = 1.0
    """US dollars that a run counts as while the prices of its tokens are not set."""
    token_usd: tuple[float, ...] = ()
    """US dollars for a million tokens each: read, read from the provider's cache, written."""
    api_timeout_s: float = 300.0
    """How long the model may be silent, in seconds."""
    api_retries: int = 3
    """How often the program itself repeats a request that failed."""

    @property
    def key(self) -> str:
        """The operator's; empty where none is set."""
        return next((key for name in KEYS if (key := self.environ.get(name, "").strip())), "")

    @property
    def base_url(self) -> str:
        """Where its models are."""
        return self.environ.get(BASE_URL, "").strip() or _USUAL_URL
