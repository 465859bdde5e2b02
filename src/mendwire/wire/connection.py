"""One connection to a server: found, opened within a bound, kept for good, spoken of in words."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from mendwire.errors import ServerError, Unreachable
from mendwire.model.names import Names
from mendwire.settings.environment import Environment, ServerAddress
from mendwire.wire.client import LastingClient, Watch, next_server
from mendwire.wire.denials import Denials
from mendwire.wire.finding import (
    disk_trouble,
    explained,
    find_server,
    fit_version,
    lacks_jetstream,
    names_for,
    shown,
    without_jetstream,
)
from mendwire.wire.login import client_options, wants_tls

ASK_S: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """An open connection."""

    client: Client
    names: Names
    denials: Denials
    server_version: str
    url: str
    """Where it leads, without user or password."""
    embedded: bool
    """The server is Mendwire's own, on this machine."""


@asynccontextmanager
async def connected(
    environment: Environment,
    *,
    names: Names | None = None,
    name: str = "mendwire",
    store: Path | None = None,
) -> AsyncIterator[Link]:
    """A connection to the server that ``environment`` leads to; closed when the block ends.

    ``names`` overrides the namespace of the environment; ``name`` is shown in the server's
    monitoring; ``store`` is the embedded server's folder when it is not the default one. Raises
    ConfigError, InvalidName, Unreachable, AccessRefused, ServerUnfit; what the block leaves with
    Unreachable is told as the full disk where that is why our own server is silent.
    """
    address, embedded = find_server(environment, store)
    names = names or names_for(environment, embedded=embedded)
    options = {"name": name, **client_options(address, environment.variables)}
    client = LastingClient(encrypted=wants_tls(address))
    watch = Watch(shown(address), len(address.urls))
    try:
        await _open(client, watch, address, options)
        yield Link(
            client=client,
            names=names,
            denials=watch.denials,
            server_version=await _fit_version(client, watch),
            url=watch.url,
            embedded=embedded,
        )
    except Unreachable as problem:
        why = disk_trouble(environment, store) if embedded else None
        if why is None:
            raise
        raise ServerError(why) from problem
    finally:
        watch.closing()
        await client.leave()


async def _open(
    client: Client, watch: Watch, address: ServerAddress, options: dict[str, Any]
) -> None:
    try:
        async with asyncio.timeout(address.timeout_s):
            await client.connect(
                servers=list(address.urls),
                error_cb=watch.on_error,
                disconnected_cb=watch.on_lost,
                reconnected_cb=watch.on_restored,
                connect_timeout=address.timeout_s,  # type: ignore[arg-type]  # nats-py only waits by it
                max_reconnect_attempts=-1,
                reconnect_to_server_handler=next_server,
                ping_interval=20,
                **options,
            )
    except (OSError, NatsError, TimeoutError) as problem:
        is_late = isinstance(problem, TimeoutError | NatsTimeoutError)
        raise explained(problem, address, is_late=is_late) from None
    watch.opened()


async def _fit_version(client: Client, watch: Watch) -> str:
    """The server's version; raises ServerUnfit."""
    version = repr(client.connected_server_version).removeprefix("<nats server v").rstrip(">")
    fit_version(version, watch.url)
    if not await _has_jetstream(client, watch):
        raise without_jetstream(watch.url)
    return version


async def _has_jetstream(client: Client, watch: Watch) -> bool:
    """Asks for the account's limits; a login that may not ask is taken to have JetStream."""
    asked = asyncio.create_task(client.request("$JS.API.INFO", b"", timeout=ASK_S))
    denied = asyncio.create_task(watch.denied.wait())
    try:
        await asyncio.wait({asked, denied}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            return True
        return not lacks_jetstream(asked.result().data)
    except NoRespondersError:
        return False
    except (NatsError, OSError):
        return True
    finally:
        for task in (asked, denied):
            task.cancel()
        await asyncio.gather(asked, denied, return_exceptions=True)
