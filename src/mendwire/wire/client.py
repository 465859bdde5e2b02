"""nats-py's client, made to last: it comes back after every error and tells of it by events."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any, Final

from nats.aio.client import Client, Server
from nats.errors import Error as NatsError

from mendwire.telemetry import emit
from mendwire.wire.denials import Denials

_FIRST_WAIT_S: Final = 0.05
_LONGEST_WAIT_S: Final = 1.5
_CLOSE_S: Final = 3.0


class LastingClient(Client):
    """A client that comes back after every error of the server, where nats-py would close itself.

    It also sends no login in the clear where encryption was asked for and the server, or somebody
    between, offers none; nats-py would.
    """

    def __init__(self, *, encrypted: bool) -> None:
        super().__init__()
        self._encrypted = encrypted

    async def leave(self) -> None:
        """Close what stands, within ``_CLOSE_S`` seconds, and drop what does not.

        nats-py's own ``close`` waits for ever where the TLS handshake failed.
        """
        if self.is_connected or self.is_reconnecting:
            with suppress(NatsError, OSError, TimeoutError):
                async with asyncio.timeout(_CLOSE_S):
                    await self.close()
        self._status = Client.CLOSED
        # Between two attempts to reconnect nats-py is neither; what it leaves running would be
        # complained of on the host's standard error when it is collected.
        for subscription in tuple(self._subs.values()):
            subscription._stop_processing()  # noqa: SLF001 - there is no other way to end it
        if self._reconnection_task is not None:
            self._reconnection_task.cancel()
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # nats-py leaves it bare
            await asyncio.sleep(0)

    def _connect_command(self) -> bytes:
        first = bool(self.options["tls_handshake_first"])
        if self._encrypted and not (first or self._server_info.get("tls_required")):
            raise NatsError("nats: tls was asked for, but the server offers none")
        return super()._connect_command()

    async def _process_err(self, err_msg: str) -> None:
        said = f"nats: {err_msg.strip(chr(39))}"
        if "permissions violation" in said or "stale connection" in said:
            await super()._process_err(err_msg)
            return
        await self._error_cb(NatsError(said))
        await self._process_op_err(NatsError(said))


class Watch:
    """What happens to one client: the callbacks of nats-py turned into events."""

    def __init__(self, url: str, attempts: int) -> None:
        self.denials = Denials()
        self.denied = asyncio.Event()
        self.denials.listen(lambda _action, _subject: self.denied.set())
        self.url = url
        self._attempts = attempts
        self._opening = True
        self._closing = False
        self._lost = False

    def opened(self) -> None:
        self._opening = False

    def closing(self) -> None:
        self._closing = True

    async def on_error(self, error: Exception) -> None:
        if self._opening:
            self._attempts -= 1
            if self._attempts <= 0:
                raise error  # leaves Client.connect, which would try for ever
        else:
            self.denials.note(error)

    async def on_lost(self) -> None:
        if not self._opening and not self._closing and not self._lost:
            self._lost = True
            emit("connection.lost", url=self.url)

    async def on_restored(self) -> None:
        self._lost = False
        emit("connection.restored", url=self.url)


def next_server(servers: list[Server], _info: dict[str, Any]) -> tuple[Server, float]:
    """The least tried server, after a wait that doubles up to ``_LONGEST_WAIT_S`` seconds."""
    server = min(servers, key=lambda one: one.reconnects)
    if not server.reconnects:
        return server, 0.0
    return server, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** min(server.reconnects, 10))
