"""A worker process from its start to its clean end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from mendwire.app.alerts import alerting
from mendwire.app.engine import engine
from mendwire.app.logs import Style, logged, tell
from mendwire.app.metrics import GatewayFigures, exposed
from mendwire.app.project import refuse_unfit
from mendwire.app.serve import linked, served
from mendwire.app.stopping import first_of
from mendwire.app.streams import make_streams
from mendwire.app.tracing import traced
from mendwire.docket.switch import Switch
from mendwire.errors import ConfigError
from mendwire.execution.stopping import stopping
from mendwire.model.printable import printable
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.telemetry import emit
from mendwire.wire.jetstream import JetStreamBus

_UNNAMED: Final = (
    "the namespace is 'default', since neither NATS_NAMESPACE nor PROJECT_NAME is set "
    "(.env.example shows where)"
)
_READY: Final = "waits for errors; Ctrl-C ends it, and nothing is lost"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a worker process is asked to do."""

    until_empty: bool
    """End once nothing waits and nothing is held."""
    own_server: bool
    """Start the embedded server where none is named and none runs."""


async def run_worker(config: Config, environment: Environment, wish: Wish, log: Style) -> int:
    """Run until a signal or the queue's end; the exit code.

    While somebody has stopped everything (``mendwire halt``) it waits, and goes on afterwards.
    Raises what keeps a worker from starting or going on: one sentence each.
    """
    with logged(log), stopping() as stop:
        await refuse_unfit(config)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(traced(config, environment, "worker"))
            server = await stack.enter_async_context(
                served(config, environment, own=wish.own_server)
            )
            gateway = await stack.enter_async_context(_gateway(config, environment, wish))
            hint: tuple[str, ...] = () if environment.namespace else (_UNNAMED,)
            hint += (gateway.hint,) if gateway else ()
            hint += await stack.enter_async_context(_dashboard(config, environment, wish))
            figures = gateway.figures if gateway else None
            await stack.enter_async_context(exposed(config, environment, figures))
            if not wish.until_empty:
                await stack.enter_async_context(alerting(config, environment))
            halted = True
            while halted and not stop.is_set():
                await _not_halted(config, environment, wish, stop, log)
                if stop.is_set():
                    break
                async with engine(config, environment) as machine:
                    ready = () if wish.until_empty else (_READY,)
                    tell((*machine.greeting, *hint, *ready), log)
                    empty = machine.until_empty(stop) if wish.until_empty else None
                    halt = await (empty or machine.forever(stop, server))
                    halted = halt is not None
                    if halt is not None:
                        emit("worker.halted", by=halt.by, note=halt.note)
    return 0


async def _not_halted(
    config: Config, environment: Environment, wish: Wish, stop: asyncio.Event, log: Style
) -> None:
    """Return once workers may work, or ``stop`` is set; the streams are there then."""
    async with linked(config, environment, "mendwire") as link:
        bus = JetStreamBus(link.client, link.names, link.denials)
        await make_streams(bus, config)
        switch = Switch(bucket=bus.bucket(link.names.bucket("DOCKET")))
        halt = await switch.thrown()
        if halt is None:
            return
        why = f": {halt.note}" if halt.note else ""
        told = printable(f"{halt.by} stopped everything at {halt.at}{why}", 300)
        if wish.until_empty:
            raise ConfigError(f"{told}. To go on: mendwire resume.")
        tell([f"{told}; waiting for mendwire resume."], log)
        works: tuple[Coroutine[Any, Any, object], ...] = (switch.until_released(), stop.wait())
        await first_of(*map(asyncio.ensure_future, works))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Beside:
    """A gateway within this process."""

    hint: str
    figures: GatewayFigures


@asynccontextmanager
async def _gateway(
    config: Config, environment: Environment, wish: Wish
) -> AsyncIterator[_Beside | None]:
    """The gateway runs within ``mendwire up`` where the configuration says so."""
    if not (wish.own_server and config.gateway.enabled):
        yield None
        return
    from mendwire.app.gateway import gateways  # noqa: PLC0415 - needs an extra of its own

    async with gateways(config, environment) as ours:
        hint = f"gateway {ours.url}; a DSN for an SDK: mendwire gateway keys add NAME"
        yield _Beside(hint=hint, figures=ours.figures)


@asynccontextmanager
async def _dashboard(
    config: Config, environment: Environment, wish: Wish
) -> AsyncIterator[tuple[str, ...]]:
    """The dashboard runs within ``mendwire up``, unless the configuration says no."""
    if not (wish.own_server and config.dashboard.enabled) or wish.until_empty:
        yield ()
        return
    try:
        from mendwire.app.dashboard import dashboard  # noqa: PLC0415 - needs an extra of its own
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        yield (f"no dashboard: pip install 'mendwire[dashboard]' ({absent.name})",)
        return
    async with dashboard(config, environment, any_port=True) as ours:
        how = "; its token: mendwire dashboard token" if ours.token_file else ""
        yield (f"dashboard {ours.url}{how}",)
