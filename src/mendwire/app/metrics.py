"""Figures for Prometheus: what the server says, what this process counted, its gateway's."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any, Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.exposition import choose_encoder, generate_latest
from prometheus_client.registry import Collector

from mendwire import __version__
from mendwire.app.beside import READ_S, Watch
from mendwire.app.looking import Sight
from mendwire.app.plain_http import Answer, Page, answering
from mendwire.errors import MendwireError
from mendwire.ops.counters import Counters
from mendwire.ops.pulse import CaseBook, Pulse
from mendwire.ops.readings import Reading, readings, standing, up
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.settings.watching import host_and_port
from mendwire.telemetry import emit, subscribed
from mendwire.wire.ending import ended

AGAIN_S: Final = 15.0
"""Between two tries to have an address that another process has."""
_REUSE_S: Final = 2.0
"""Whoever asks within so many seconds is told the same."""
PATH: Final = "/metrics"


class Gathered(Collector):
    """Everything, ready to be written."""

    def __init__(self, families: Iterable[Metric], registries: Iterable[Collector]) -> None:
        self._families = list(families)
        self._registries = list(registries)

    def collect(self) -> Iterator[Metric]:
        yield from self._families
        for registry in self._registries:
            yield from registry.collect()


class State:
    """What the NATS server and the docket say; read at most every few seconds."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._lock = asyncio.Lock()
        self._read: list[Reading] = []
        self._at = -_REUSE_S

    async def read(self) -> list[Reading]:
        """Every family; while the server is away only that it is."""
        async with self._lock:
            if time.monotonic() - self._at >= _REUSE_S:
                self._read = await self._fresh()
                self._at = time.monotonic()
            return self._read

    async def _fresh(self) -> list[Reading]:
        try:
            async with asyncio.timeout(READ_S):
                found = await readings_of(*await self._watch.pulse())
        except (MendwireError, OSError, TimeoutError):
            return [up(is_up=False)]
        return found


async def readings_of(sight: Sight, book: CaseBook, found: Pulse) -> list[Reading]:
    """Every family, over an open connection."""
    stand = await standing(sight.shelf, book, found)
    tasks = sight.bus.names.stream("TASKS")
    waiting = sum(stream.messages for stream in stand.streams if stream.name == tasks)
    return [up(is_up=True), *readings(stand, waiting)]


def families(read: Iterable[Reading]) -> Iterator[Metric]:
    """As Prometheus' client wants them."""
    yield InfoMetricFamily("mendwire_build", "What runs.", {"version": __version__})
    for reading in read:
        family = GaugeMetricFamily(reading.name, reading.help, labels=reading.labels)
        for values, value in reading.samples.items():
            family.add_metric(values, value)
        yield family


def written(made: Iterable[Metric]) -> str:
    """In Prometheus' own text."""
    return generate_latest(Gathered(made, ())).decode()


_GATEWAY_COUNTS: Final = {
    "requests": "Requests that were read.",
    "reports": "Reports that were accepted.",
    "bytes": "Bytes that were read, decompressed.",
    "stored": "Reports that the server stored.",
    "repeated": "Repeats that were counted instead of stored.",
    "spooled": "Reports put on disk while the server was away.",
    "drained": "Spooled reports that were settled.",
    "undeliverable": "Spooled reports that no server takes.",
}
_GATEWAY_NOW: Final = {
    "spooled_bytes": "Bytes that wait on disk.",
    "in_flight_bytes": "Bytes of requests that wait for their answer.",
    "repeats_untold": "Repeats that were not told yet.",
}


def gateway_families(figures: Mapping[str, Any]) -> Iterator[Metric]:
    """What all processes of one gateway counted, as its statistics say."""
    for name, help_ in _GATEWAY_COUNTS.items():
        yield CounterMetricFamily(f"mendwire_gateway_{name}", help_, value=figures[name])
    for name, help_ in _GATEWAY_NOW.items():
        yield GaugeMetricFamily(f"mendwire_gateway_{name}", help_, value=figures[name])
    refused = CounterMetricFamily(
        "mendwire_gateway_refused", "Requests and reports refused.", labels=("reason",)
    )
    for reason, count in figures["refused"].items():
        refused.add_metric((reason,), count)
    yield refused
    yield GaugeMetricFamily(
        "mendwire_gateway_connected",
        "1 while every process of the gateway has its server.",
        value=float(figures["connected"]),
    )


GatewayFigures = Callable[[], Mapping[str, Any]]
"""What all processes of a gateway have counted by now."""


class Exposition:
    """Makes the page. Of ``state`` and ``gateway`` each may be absent."""

    def __init__(
        self, state: State | None, counters: Counters, gateway: GatewayFigures | None
    ) -> None:
        self._gateway = gateway
        self._state = state
        self._counters = counters
        self._process = CollectorRegistry()
        ProcessCollector(registry=self._process)

    async def page(self, accept: str = "") -> Page:
        """In the form that was asked for, Prometheus' text by default."""
        read = await self._state.read() if self._state else []
        made = [*families(read)]
        if self._gateway is not None:
            made += gateway_families(self._gateway())
        encode, content_type = choose_encoder(accept)
        return Page(
            body=encode(Gathered(made, (self._counters.registry, self._process))),
            content_type=content_type,
        )

    async def answer(self, path: str, headers: Mapping[str, str]) -> Page | None:
        """For ``answering``."""
        if path == PATH:
            return await self.page(headers.get("accept", ""))
        return Page(body=b"ok\n") if path == "/healthz" else None


@asynccontextmanager
async def exposed(
    config: Config, environment: Environment, gateway: GatewayFigures | None = None
) -> AsyncIterator[None]:
    """Serve a worker's figures while the block runs, where the configuration says so."""
    if not config.metrics.listen:
        yield
        return
    async with AsyncExitStack() as stack:
        counters = Counters()
        stack.enter_context(subscribed(counters.hear))
        watch = await stack.enter_async_context(Watch(config, environment, "mendwire-metrics"))
        page = Exposition(State(watch), counters, gateway)
        await stack.enter_async_context(_serving(config.metrics.listen, page.answer))
        yield


@asynccontextmanager
async def gateway_exposed(address: str, gateway: GatewayFigures) -> AsyncIterator[None]:
    """Serve a gateway's figures while the block runs; nothing where there is no address."""
    if not address:
        yield
        return
    counters = Counters()
    with subscribed(counters.hear):
        async with _serving(address, Exposition(None, counters, gateway).answer):
            yield


@asynccontextmanager
async def _serving(address: str, answer: Answer) -> AsyncIterator[None]:
    """Another process of this machine may have the address: then it is taken once that ends."""
    task = asyncio.create_task(_serve_forever(*host_and_port(address), answer), name="metrics")
    try:
        yield
    finally:
        await ended(task)


async def _serve_forever(host: str, port: int, answer: Answer) -> None:
    said = False
    while True:
        with suppress(OSError):
            async with answering(host, port, answer) as url:
                emit("metrics.started", url=f"{url}{PATH}")
                await asyncio.Event().wait()
        if not said:
            emit("metrics.waiting", reason=f"{host} port {port} cannot be had; trying again")
            said = True
        await asyncio.sleep(AGAIN_S)
