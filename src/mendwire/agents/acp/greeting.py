"""The first words with an agent: whether it speaks our version, and who it is."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

from acp import PROTOCOL_VERSION
from acp.connection import Connection
from acp.exceptions import RequestError
from acp.schema import InitializeResponse
from pydantic import ValidationError

from mendwire.agents.acp.lines import connected
from mendwire.errors import AgentFailed
from mendwire.execution.dialogue import converse
from mendwire.execution.environment import allowed_environment

_GREETING: Final = {
    "protocolVersion": PROTOCOL_VERSION,
    "clientCapabilities": {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": False},
    "clientInfo": {"name": "mendwire", "version": "1"},
}


async def greet(connection: Connection) -> InitializeResponse:
    """What it says of itself; raises AgentFailed for another version of the protocol."""
    hello = InitializeResponse.model_validate(
        await connection.send_request("initialize", _GREETING)
    )
    if hello.protocol_version != PROTOCOL_VERSION:
        raise AgentFailed(
            f"The agent speaks version {hello.protocol_version} of the Agent Client Protocol, and "
            f"not {PROTOCOL_VERSION}; update it."
        )
    return hello


async def look_up(command: tuple[str, ...], program: Path, *, within_s: float) -> str:
    """Start it, greet it and end it: its name and version; raises AgentFailed with the reason.

    It gets no task, no tree and nothing of the operator's environment.
    """
    with tempfile.TemporaryDirectory(prefix="mendwire-", ignore_cleanup_errors=True) as folder:
        place = Path(folder)
        try:
            async with converse(
                [program, *command[1:]],
                cwd=place,
                env=allowed_environment(private=place),
                timeout_s=within_s,
            ) as dialogue:
                async with connected(_nothing, dialogue) as connection:
                    hello = await greet(connection)
                await dialogue.end(within_s=0.5)
        except (RequestError, ConnectionError, ValidationError, TimeoutError):
            message = f"{program.name} does not answer as an agent of the Agent Client Protocol."
            raise AgentFailed(message) from None
    info = hello.agent_info
    return f"{info.name} {info.version}" if info else "no name"


async def _nothing(method: str, params: object, is_notification: bool) -> None:  # noqa: ARG001, FBT001 - the SDK's own signature
    if not is_notification:
        raise RequestError.method_not_found(method)
