"""One connection to a server: found, opened within a bound, kept for good, spoken of in words."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NatsTimeoutError

from mendwire.errors import AccessRefused, ConfigError, ServerError, ServerUnfit, Unreachable
from mendwire.model.names import Names, namespace
from mendwire.settings.environment import Environment, ServerAddress
from mendwire.wire.client import LastingClient, Watch, next_server
from mendwire.wire.contexts import is_named, resolve
from mendwire.wire.denials import Denials
from mendwire.wire.login import client_options, wants_tls
from mendwire.wire.probe import trouble
from mendwire.wire.store import default_store, find_running

OLDEST: Final = (2, 12)
DEFAULT_NAMESPACE: Final = "default"
LOCAL_URL: Final = "nats://localhost:4222"
_REFUSALS: Final = ("authorization", "authentication", "nkey", "jwt")
_ASK_S: Final = 2.0
_NOT_ENABLED: Final = frozenset({10039, 10076})


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
    watch = Watch(_shown(address), len(address.urls))
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
        why = _disk_trouble(environment, store) if embedded else None
        if why is None:
            raise
        raise ServerError(why) from problem
    finally:
        watch.closing()
        await client.leave()


def find_server(environment: Environment, store: Path | None = None) -> tuple[ServerAddress, bool]:
    """The address to use, and whether it is the embedded server's.

    What the operator named; else the embedded server that runs on the project's store; else the
    selected context; else, with a namespace, this machine's port 4222. Raises Unreachable.
    """
    if not is_named(environment):
        running = map(find_running, [store] if store else stores_of(environment))
        ours = next(filter(None, running), None)
        if ours:
            return ours, True
    address = resolve(environment)
    if address.urls:
        return address, False
    if environment.namespace:
        return replace(address, urls=(LOCAL_URL,)), False
    raise Unreachable(
        "No NATS server is named and none of Mendwire's own runs here: start one with "
        "'mendwire up' or 'mendwire server', or set NATS_URL and NATS_NAMESPACE."
    )


def stores_of(environment: Environment) -> list[Path]:
    """Where an embedded server of this project may have its folder, nearest first."""
    here, named = environment.directory, environment.namespace
    above = (here, *here.parents)
    if environment.root in above:
        above = above[: above.index(environment.root) + 1]
    beside = [default_store(folder) for folder in above]
    apart = default_store(
        None,
        state_home=environment.state_home,
        namespace=namespace(named) if named else DEFAULT_NAMESPACE,
    )
    return [*beside, apart]


def _disk_trouble(environment: Environment, store: Path | None) -> str | None:
    stores = [store] if store else stores_of(environment)
    ours = next((place for place in stores if find_running(place)), None)
    return trouble(ours) if ours else None


def names_for(environment: Environment, *, embedded: bool) -> Names:
    """The names of the environment's namespace; raises InvalidName or ConfigError.

    Without one the embedded server is used as ``default``; on a shared server that could meet
    another project's streams, so it is refused.
    """
    if environment.namespace:
        return Names(namespace=namespace(environment.namespace))
    if embedded:
        return Names(namespace=DEFAULT_NAMESPACE)
    raise ConfigError(
        "This server may be shared, so Mendwire needs a name for the project: set NATS_NAMESPACE "
        "(or PROJECT_NAME), for example NATS_NAMESPACE=ai_tutor."
    )


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
        raise _explained(problem, address) from None
    watch.opened()


def _explained(problem: Exception, address: ServerAddress) -> Exception:
    where, said = _shown(address), str(problem).lower()
    if any(word in said for word in _REFUSALS):
        return AccessRefused(
            f"The NATS server at {where} refuses this login: check NATS_USER and NATS_PASSWORD, "
            "NATS_TOKEN, NATS_CREDS or the context that is used."
        )
    if isinstance(problem, TimeoutError | NatsTimeoutError):
        return Unreachable(
            f"The NATS server at {where} gives no answer within {address.timeout_s:g} s: check the "
            "address and the firewall, or raise NATS_TIMEOUT."
        )
    if "certificate" in said or "ssl" in said or "tls" in said:
        return Unreachable(
            f"The encrypted connection to {where} fails ({_short(problem)}): check NATS_CA, "
            "NATS_CERT and NATS_KEY, and that the name in the address is the certificate's."
        )
    return Unreachable(
        f"No NATS server answers at {where} ({_short(problem)}): start it, or check NATS_URL and "
        "the context that is used."
    )


def _short(problem: Exception) -> str:
    return (getattr(problem, "strerror", None) or str(problem) or type(problem).__name__)[:120]


def _shown(address: ServerAddress) -> str:
    return ", ".join(address.urls)


async def _fit_version(client: Client, watch: Watch) -> str:
    """The server's version; raises ServerUnfit."""
    version = repr(client.connected_server_version).removeprefix("<nats server v").rstrip(">")
    found = re.match(r"(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        raise ServerUnfit(
            f"The NATS server at {watch.url} is version {version}, but Mendwire needs "
            f"{OLDEST[0]}.{OLDEST[1]} or newer: update it."
        )
    if not await _has_jetstream(client, watch):
        raise ServerUnfit(
            f"The NATS server at {watch.url} has no JetStream for this login: start it with "
            "-js, or have JetStream enabled for the account."
        )
    return version


async def _has_jetstream(client: Client, watch: Watch) -> bool:
    """Asks for the account's limits; a login that may not ask is taken to have JetStream."""
    asked = asyncio.create_task(client.request("$JS.API.INFO", b"", timeout=_ASK_S))
    denied = asyncio.create_task(watch.denied.wait())
    try:
        await asyncio.wait({asked, denied}, return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            return True
        answer = json.loads(asked.result().data)
        return answer.get("error", {}).get("err_code") not in _NOT_ENABLED
    except NoRespondersError:
        return False
    except (NatsError, OSError, ValueError):
        return True
    finally:
        for task in (asked, denied):
            task.cancel()
        await asyncio.gather(asked, denied, return_exceptions=True)
