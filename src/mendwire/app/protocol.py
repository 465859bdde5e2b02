"""The agent that speaks the Agent Client Protocol, where its extra is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from mendwire.agents import Agent
from mendwire.errors import ConfigError
from mendwire.execution.sandbox import Sandbox
from mendwire.settings.working import AgentChoice

_MISSING: Final = 'The agent "acp" needs an extra: pip install "mendwire[acp]".'
_GREETED_S: Final = 20.0


async def who_answers(command: tuple[str, ...], program: Path) -> str:
    """Name and version that the agent tells; raises ConfigError or AgentFailed with the reason."""
    try:
        from mendwire.agents.acp.greeting import look_up  # noqa: PLC0415 - an extra brings it
    except ModuleNotFoundError:
        raise ConfigError(_MISSING) from None
    return await look_up(command, program, within_s=_GREETED_S)


def protocol_agent(choice: AgentChoice, sandbox: Sandbox, state: Path, *, test: str) -> Agent:
    """Built and found on this machine; raises ConfigError with what to install."""
    try:
        from mendwire.agents.acp import AcpAgent, AcpConfig  # noqa: PLC0415 - an extra brings it
    except ModuleNotFoundError:
        raise ConfigError(_MISSING) from None
    agent = AcpAgent(
        AcpConfig(
            sandbox=sandbox,
            command=choice.command,
            model=choice.model,
            pass_names=choice.environment,
            hidden=(state,),
            unknown_usd=choice.unknown_usd,
            test_command=test,
        )
    )
    agent.find_program()
    return agent
