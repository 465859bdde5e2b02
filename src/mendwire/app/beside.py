"""A connection beside the worker's, for those who watch it: it comes back whatever happens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

from mendwire.app.looking import Sight, sight_by
from mendwire.app.serve import linked
from mendwire.app.uptime import uptime
from mendwire.ops.pulse import CaseBook, Pulse, pulse
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment

READ_S: Final = 10.0
"""How long one reading may take, seconds."""


class Watch:
    """Opens its connection when it is first asked, and again when that was lost for good."""

    def __init__(self, config: Config, environment: Environment, name: str) -> None:
        self._config = config
        self._environment = environment
        self._name = name
        self._open = AsyncExitStack()
        self._sight: Sight | None = None
        self._book: CaseBook | None = None
        """Where every case stands, so that only what changed is read again."""
        self._lock = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _problem: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._open.aclose()

    async def sight(self) -> Sight:
        """The connection; raises ServerError while the server is away."""
        async with self._lock:
            if self._sight is not None and self._sight.bus.api.client.is_closed:
                await self._open.aclose()
                self._sight = None
            if self._sight is None:
                link = await self._open.enter_async_context(
                    linked(self._config, self._environment, self._name)
                )
                self._sight = sight_by(link, self._config)
                self._book = CaseBook(docket=self._sight.docket)
            return self._sight

    async def pulse(self) -> tuple[Sight, CaseBook, Pulse]:
        """What `mendwire status` says; raises what the bus raises."""
        sight = await self.sight()
        assert self._book is not None, "opened with the connection"
        found = await pulse_of(sight, self._environment, self._book)
        return sight, self._book, found


async def pulse_of(sight: Sight, environment: Environment, book: CaseBook) -> Pulse:
    """How things stand, over an open connection."""
    config = sight.config
    return await pulse(
        sight.shelf,
        book,
        server=sight.server,
        uptime=await uptime(config, environment, embedded=sight.embedded),
        heartbeat_s=config.worker.heartbeat_s,
        day_usd=config.limits.day_usd,
        day_tokens=config.limits.day_tokens,
    )
