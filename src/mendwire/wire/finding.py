"""From the surroundings to a server: where it is, and in words why it cannot be used.

Known without nats-py, since a publisher's thread needs it where that is not loaded.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from mendwire.errors import AccessRefused, ConfigError, ServerUnfit, Unreachable
from mendwire.model.names import Names, namespace
from mendwire.settings.environment import Environment, ServerAddress
from mendwire.wire.contexts import is_named, resolve
from mendwire.wire.probe import trouble
from mendwire.wire.store import default_store, find_running

OLDEST: Final = (2, 12)
DEFAULT_NAMESPACE: Final = "default"
LOCAL_URL: Final = "nats://localhost:4222"
_REFUSALS: Final = ("authorization", "authentication", "nkey", "jwt")
_NOT_ENABLED: Final = frozenset({10039, 10076})


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


def disk_trouble(environment: Environment, store: Path | None = None) -> str | None:
    """Why our own server is silent, where that is a full disk."""
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


def shown(address: ServerAddress) -> str:
    """The address as people may read it; it has no login in it."""
    return ", ".join(address.urls)


def explained(problem: Exception, address: ServerAddress, *, is_late: bool) -> Exception:
    """Why no connection came about, as our error; ``is_late`` where nothing answered in time."""
    where, said = shown(address), str(problem).lower()
    if any(word in said for word in _REFUSALS):
        return AccessRefused(
            f"The NATS server at {where} refuses this login: check NATS_USER and NATS_PASSWORD, "
            "NATS_TOKEN, NATS_CREDS or the context that is used."
        )
    if is_late:
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
    # asyncio writes the call and its arguments where the system's word for it belongs.
    if isinstance(problem, ConnectionError) and problem.errno:
        return os.strerror(problem.errno)
    return (getattr(problem, "strerror", None) or str(problem) or type(problem).__name__)[:120]


def fit_version(version: str, url: str) -> None:
    """Raises ServerUnfit for a server that is too old."""
    found = re.match(r"(\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < OLDEST:
        raise ServerUnfit(
            f"The NATS server at {url} is version {version}, but Mendwire needs "
            f"{OLDEST[0]}.{OLDEST[1]} or newer: update it."
        )


def lacks_jetstream(answer: bytes) -> bool:
    """Whether the server's answer about the account says so; one that cannot be read does not."""
    try:
        said = json.loads(answer)
    except ValueError:
        return False
    error = said.get("error") if isinstance(said, dict) else None
    return isinstance(error, dict) and error.get("err_code") in _NOT_ENABLED


def without_jetstream(url: str) -> ServerUnfit:
    """The sentence about a login without JetStream."""
    return ServerUnfit(
        f"The NATS server at {url} has no JetStream for this login: start it with "
        "-js, or have JetStream enabled for the account."
    )
