"""The dashboard, alone or beside a worker."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mendwire.app.backstage import Judge, Operations
from mendwire.app.engine import make_streams
from mendwire.app.logs import Style, logged
from mendwire.app.looking import looking
from mendwire.app.stopping import first_of
from mendwire.dashboard.casebook import CaseBook
from mendwire.dashboard.door import Door
from mendwire.dashboard.guard import LOOPBACK, hosts_of
from mendwire.dashboard.history import History
from mendwire.dashboard.hub import Hub
from mendwire.dashboard.people import Proxy, Sessions, Tokens, checked_token, proxy_of
from mendwire.dashboard.routes import routes
from mendwire.dashboard.site import Glance, Site
from mendwire.dashboard.templates import static_files, templates
from mendwire.docket.deployments import Deployments
from mendwire.docket.slots import Slots
from mendwire.errors import AccessRefused, ConfigError
from mendwire.execution.stopping import stopping
from mendwire.ops.pulse import CaseBook as States
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.settings.secret import Secret
from mendwire.telemetry import emit
from mendwire.web import Manners, address_of, listen, serving

OPERATOR: Final = "MENDWIRE_DASHBOARD_TOKEN"
VIEWER: Final = "MENDWIRE_DASHBOARD_VIEWER_TOKEN"
_LONGEST: Final = 4_096
_MANNERS: Final = Manners(name="dashboard", backlog=128, drain_s=5, keep_alive_s=30, at_once=200)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dashboard:
    """A dashboard that serves while its ``dashboard`` block runs."""

    url: str
    """Where it listens."""
    token_file: Path | None
    """Where the operators' token is; None where it was given otherwise, or nobody has one."""
    serving: asyncio.Task[None]
    """Ends only when something is wrong."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entrance:
    """Who may come in, checked before anything listens."""

    tokens: Tokens
    proxy: Proxy
    token_file: Path | None


def token_file(config: Config) -> Path:
    """Where the token is kept that Mendwire makes by itself."""
    return config.state / "dashboard" / "token"


def entrance(config: Config, environment: Environment) -> Entrance:
    """Read the settings; a token is made where none is given and only this machine is served.

    Raises ConfigError.
    """
    wanted = config.dashboard
    proxy = proxy_of(
        peers=wanted.proxy_peers,
        header=wanted.proxy_header,
        operators=wanted.operators,
        viewers=wanted.viewers,
    )
    if wanted.url and urlsplit(wanted.url).scheme not in {"http", "https"}:
        raise ConfigError("dashboard.url must begin with https:// (or http://).")
    operator, path = _token(config, environment, wanted.token_file, OPERATOR)
    viewer, _ = _token(config, environment, wanted.viewer_token_file, VIEWER)
    if not operator and not proxy.peers:
        if wanted.host not in LOOPBACK:
            raise ConfigError(
                f"The dashboard would be open to others on {wanted.host}: name a file with a token "
                "in dashboard.token_file, or the reverse proxy in dashboard.proxy_peers."
            )
        path = token_file(config)
        operator = _own_token(path)
    if operator and operator == viewer:
        raise ConfigError("Operators and viewers of the dashboard need different tokens.")
    tokens = Tokens(operator=operator, viewer=viewer)
    return Entrance(tokens=tokens, proxy=proxy, token_file=path)


@asynccontextmanager
async def dashboard(
    config: Config, environment: Environment, *, any_port: bool = False
) -> AsyncIterator[Dashboard]:
    """Connect and serve while the block runs; ``any_port`` takes a free one where ours is in use.

    Raises ConfigError, ServerError.
    """
    wanted = config.dashboard
    way_in = entrance(config, environment)
    listener = _listener(wanted.host, wanted.port, any_port=any_port)
    try:
        async with looking(config, environment) as sight:
            with suppress(AccessRefused):  # a login may be for looking alone
                await make_streams(sight.bus, config)
            rules = config.screen.patterns
            judge = Judge(
                rules=config.root / rules if rules else None, seconds=config.screen.seconds
            )
            backstage = Operations(
                sight=sight,
                environment=environment,
                judge=judge,
                states=States(docket=sight.docket),
            )
            bucket = sight.bus.bucket(sight.bus.names.bucket("DOCKET"))
            files = static_files()
            site = Site(
                door=Door(
                    tokens=way_in.tokens,
                    proxy=way_in.proxy,
                    sessions=Sessions(lasts_s=wanted.session_hours * 3_600),
                    url=wanted.url.rstrip("/"),
                    port=listener.getsockname()[1],
                ),
                backstage=backstage,
                bus=sight.bus,
                book=CaseBook(docket=sight.docket),
                history=History(
                    slots=Slots(bucket=bucket),
                    deployments=Deployments(bucket=bucket),
                    docket=sight.docket,
                ),
                hub=Hub(bus=sight.bus, names=sight.bus.names),
                templates=templates(files, sight.bus.names.namespace),
                glance=Glance(backstage=backstage),
                traces=config.traces,
            )
            hosts = hosts_of(host=wanted.host, url=wanted.url, further=wanted.hosts)
            url = address_of(listener)
            async with (
                judge.at_hand(),
                site.hub.running(),
                serving(
                    routes(site, files, hosts), listener, _MANNERS, closing=site.hub.close
                ) as task,
            ):
                emit("dashboard.started", url=url, pid=os.getpid())
                yield Dashboard(url=url, token_file=way_in.token_file, serving=task)
        emit("dashboard.stopped")
    finally:
        listener.close()


async def run_dashboard(
    config: Config, environment: Environment, ready: Callable[[Dashboard], None], log: Style
) -> int:
    """Run until a signal; the exit code. ``ready`` is called once it listens."""
    with logged(log), stopping() as stop:
        async with dashboard(config, environment) as ours:
            ready(ours)
            await first_of(asyncio.ensure_future(stop.wait()), asyncio.shield(ours.serving))
    return 0


def _listener(host: str, port: int, *, any_port: bool) -> socket.socket:
    try:
        return listen(host, port, _MANNERS)
    except ConfigError:
        if not any_port:
            raise
        return listen(host, 0, _MANNERS)


def _token(
    config: Config, environment: Environment, file: str, variable: str
) -> tuple[Secret, Path | None]:
    """The variable's, else the file's; empty where there is neither. Raises ConfigError."""
    if given := environment.variables.get(variable, "").strip():
        return checked_token(given, variable), None
    if not file:
        return Secret(""), None
    path = config.root / file
    return checked_token(_read(path), str(path)), path


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(_LONGEST)
    except (OSError, UnicodeDecodeError) as problem:
        why = getattr(problem, "strerror", None) or "it is no text"
        raise ConfigError(f"The token file {path} cannot be read: {why}.") from None


def _own_token(path: Path) -> Secret:
    """Made once, at random, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(f"{secrets.token_urlsafe(32)}\n")
    return checked_token(_read(path), str(path))
