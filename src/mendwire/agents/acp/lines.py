"""The protocol's messages as lines of a conversation with a child."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from acp.connection import Connection, MethodHandler

from mendwire.errors import ExecutionError
from mendwire.execution.child import undisturbed
from mendwire.execution.dialogue import Dialogue


class Lines:
    """What the SDK calls a transport."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self.problem = ""
        """Why nothing more is heard, where that was our doing."""

    async def send(self, message: dict[str, Any]) -> None:
        """Write one message; an answer that nobody waits for any more is dropped."""
        try:
            await self._dialogue.say(json.dumps(message).encode())
        except ExecutionError as problem:
            if "method" in message:
                raise ConnectionError(str(problem)) from None

    async def receive(self) -> dict[str, Any] | None:
        """The next message; None at the end. Lines that are no JSON object are skipped."""
        while True:
            try:
                line = await self._dialogue.hear()
            except ExecutionError as problem:
                self.problem = str(problem)
                return None
            if line is None:
                return None
            try:
                message = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(message, dict):
                return message

    async def close(self) -> None:
        """The conversation ends where it began."""


@asynccontextmanager
async def connected(serve: MethodHandler, dialogue: Dialogue) -> AsyncIterator[Connection]:
    """The SDK's connection over a conversation, closed at the end."""
    connection = Connection(serve, Lines(dialogue))
    try:
        yield connection
    finally:
        # By itself: the SDK's close would take our cancellation for its own tasks' and drop it.
        if await undisturbed(asyncio.ensure_future(connection.close())):
            raise asyncio.CancelledError
