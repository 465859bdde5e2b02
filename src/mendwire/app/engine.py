"""The composition root: everything that makes a worker, built, wired together and run."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

from mendwire.agents import Agent
from mendwire.app.following import following, loop_of, passes_of
from mendwire.app.forgetting import forgetting
from mendwire.app.forging import forge_of
from mendwire.app.houses import houses_of
from mendwire.app.meter import metering
from mendwire.app.parts import Grounds, orchestrator_of, screener_of, specialists_of
from mendwire.app.project import project_commands
from mendwire.app.sending import elsewhere_of
from mendwire.app.serve import linked
from mendwire.app.stopping import first_of
from mendwire.app.streams import make_streams
from mendwire.app.traces import refuse_lost_docket
from mendwire.docket.cases import Docket
from mendwire.docket.roster import Roster
from mendwire.docket.slots import Slots
from mendwire.docket.switch import Halt, Switch
from mendwire.errors import Fenced
from mendwire.execution.process import reap_strays
from mendwire.execution.sandbox import detect
from mendwire.investigate.fate import Known, known_as
from mendwire.investigate.intake import Intake
from mendwire.investigate.listener import Listener
from mendwire.investigate.orchestrator import Orchestrator
from mendwire.investigate.ports import Screener, Specialists
from mendwire.investigate.sweeper import Sweeper
from mendwire.model.boundary import OnBoundary, pass_by
from mendwire.model.delivery import MessageRef, Received
from mendwire.screen import Screen
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.wire.connection import Link
from mendwire.wire.deadletters import DeadLetters, Fate
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.server import EmbeddedServer
from mendwire.wire.worker import Worker

RUNS: Final = ("mendwire", "mendwire-judge", "mendwire-git")
"""Markers of the children whose leavings are reaped at the start."""
_FATES: Final = {
    Known.ALIVE: Fate.ALIVE,
    Known.FINISHED: Fate.FINISHED,
    Known.STRANGER: Fate.REDRIVE,
    Known.UNREADABLE: Fate.BURY,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """A worker that runs while its ``engine`` block does."""

    grounds: Grounds
    """Of the first repository."""
    every: tuple[Grounds, ...]
    link: Link
    worker: Worker
    orchestrator: Orchestrator
    sweeper: Sweeper
    switch: Switch
    looked: asyncio.Event
    """Every fix on its way was looked at since the start."""
    agent: str
    notices: tuple[str, ...]
    """Sentences the operator should read."""

    @property
    def greeting(self) -> tuple[str, ...]:
        """What a person should know at the start, a line each."""
        grounds = self.grounds
        return (
            f"worker {grounds.roster.worker} for {self.link.names.namespace}",
            f"server {self.link.url}, version {self.link.server_version}",
            f"agent {self.agent}; sandbox {grounds.sandbox.describe()}",
            *(
                f"{f'{one.layout.name}: ' if one.layout.name else ''}tests: {one.commands.why}"
                for one in self.every
            ),
            *self.notices,
        )

    async def until_empty(self, stop: asyncio.Event | None = None) -> Halt | None:
        """Work until nothing waits, nothing is held and no unfinished case is left to take.

        Gives who stopped everything, if somebody did before.
        """
        return await self._unless_stopped(self._empty(), *([stop.wait()] if stop else []))

    async def forever(
        self, stop: asyncio.Event, server: EmbeddedServer | None = None
    ) -> Halt | None:
        """Work until ``stop`` is set, or until somebody stops everything, who is given then.

        Raises Fenced when our lease was lost, ServerError when our own server cannot be kept up.
        """
        return await self._unless_stopped(stop.wait(), *([server.watch()] if server else []))

    async def _empty(self) -> None:
        await self.sweeper.swept()
        await self.looked.wait()
        while True:
            await self.worker.until_empty()
            await self.sweeper.swept()
            if not self.orchestrator.busy and not self.worker.held:
                return

    async def _unless_stopped(self, *works: Coroutine[Any, Any, object]) -> Halt | None:
        """Whatever comes first, the switch and the loss of our lease included."""
        lost = self.grounds.roster.lost
        halts: list[Halt] = []

        async def watch() -> None:
            halts.append(await self.switch.until_thrown())

        await first_of(*(asyncio.ensure_future(work) for work in (*works, lost.wait(), watch())))
        if not lost.is_set() and not halts:
            return None
        # At once: no drain, no agent goes on, and each case is given back where it stands.
        await asyncio.gather(self.worker.stop(drain_s=0), self.sweeper.stop())
        if lost.is_set():
            raise Fenced(
                "This worker could not renew its lease in time, so it stopped before others take "
                "its cases over: check the connection to the NATS server, then start it again."
            )
        return halts[0]


@asynccontextmanager
async def engine(
    config: Config,
    environment: Environment,
    *,
    boundary: OnBoundary = pass_by,
    agent: Agent | None = None,
    specialists: Specialists | None = None,
    screener: Screener | None = None,
) -> AsyncIterator[Engine]:
    """Connect, make the streams, build the worker and let it run while the block does.

    ``agent`` investigates instead of the configured one; ``boundary``, ``specialists`` and
    ``screener`` are the seams of the crash tests and the benchmarks. Raises one sentence for
    whatever keeps a worker from starting.
    """
    async with AsyncExitStack() as stack:
        for run in RUNS:
            await asyncio.to_thread(reap_strays, run)
        houses = houses_of(config)
        opened = [await house.open() for house in houses]
        bases = [
            await repository.base_commit(house.config.project.base)
            for house, repository in zip(houses, opened, strict=True)
        ]
        link = await stack.enter_async_context(linked(config, environment, "mendwire-worker"))
        bus = JetStreamBus(link.client, link.names, link.denials)
        wanted = await make_streams(bus, config)
        docket, roster = await _docket(stack, bus, config)
        await refuse_lost_docket(docket, bus, opened, config.delivery.branch_prefix)
        sandbox = await detect(config.sandbox.kind)
        every = tuple(
            [
                Grounds(
                    config=house.config,
                    bus=bus,
                    docket=docket,
                    roster=roster,
                    repository=repository,
                    sandbox=sandbox,
                    commands=await project_commands(house.config, repository, house.layout.folder),
                    streams=wanted.error_streams,
                    tracked=frozenset(await repository.list_files(base.commit)),
                    forge=forge_of(house.config, environment.variables),
                    layout=house.layout,
                )
                for house, repository, base in zip(houses, opened, bases, strict=True)
            ]
        )
        grounds = every[0]
        remote = config.specialists.remote
        hears = config.forge.feedback and any(one.forge is not None for one in every)
        screen = await _screen(stack, config) if remote or hears or screener is None else None
        away = elsewhere_of(grounds, screen) if remote and screen else None
        crews: dict[str, Specialists] = {
            one.layout.name: specialists or specialists_of(one, agent, away) for one in every
        }
        judge = screener or screener_of(every, screen or await _screen(stack, config))
        orchestrator, worker = orchestrator_of(
            every, crews, judge, boundary, away.call_back if away else None
        )
        sweeper = Sweeper(
            bus=bus,
            docket=docket,
            roster=roster,
            orchestrator=orchestrator,
            streams=wanted.error_streams,
            occurrences=link.names.stream("OCCURRENCES"),
            holds=worker.holds,
        )
        orchestrator.later = sweeper.take
        if (joining := orchestrator.investigation.joining) is not None:
            joining.later = sweeper.take
        fate = _fate(orchestrator.intake)
        await stack.enter_async_context(DeadLetters(bus, wanted.error_streams, fate))
        await stack.enter_async_context(sweeper)
        windows = {
            stream.subjects[0]: stream.duplicate_s
            for stream in wanted.streams
            if stream.name in wanted.error_streams
        }
        scrub = orchestrator.intake.scrub
        listener = Listener(
            bus=bus, docket=docket, names=link.names, windows_s=windows, scrub=scrub
        )
        await stack.enter_async_context(listener)
        slots = Slots(bucket=bus.bucket(link.names.bucket("DOCKET")))
        await stack.enter_async_context(metering(docket, slots))
        await stack.enter_async_context(forgetting(docket, config.retention.cases))
        loops = [
            loop_of(
                one.config,
                bus,
                docket,
                one.repository,
                one.forge,
                one.layout.name,
                passes=passes_of(screen) if screen else None,
                later=sweeper.take,
            )
            for one in every
        ]
        looked = await stack.enter_async_context(following(loops, bus))
        await stack.enter_async_context(worker)
        yield Engine(
            grounds=grounds,
            every=every,
            link=link,
            worker=worker,
            orchestrator=orchestrator,
            sweeper=sweeper,
            switch=Switch(bucket=bus.bucket(link.names.bucket("DOCKET"))),
            looked=looked,
            agent=crews[grounds.layout.name].name,
            notices=tuple(notice for base in bases for notice in base.notices),
        )


async def _docket(
    stack: AsyncExitStack, bus: JetStreamBus, config: Config
) -> tuple[Docket, Roster]:
    bucket = bus.bucket(bus.names.bucket("DOCKET"))
    host = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())
    worker = f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
    roster = Roster(bucket, worker, heartbeat_s=config.worker.heartbeat_s)
    await stack.enter_async_context(roster)
    return Docket(bucket, worker), roster


async def _screen(stack: AsyncExitStack, config: Config) -> Screen:
    rules = config.screen.patterns
    screen = await Screen.load(
        config.root / rules if rules else None, seconds=config.screen.seconds
    )
    stack.push_async_callback(screen.close)
    return screen


def _fate(intake: Intake) -> Callable[[MessageRef, Received], Awaitable[Fate]]:
    async def ask(_ref: MessageRef, received: Received) -> Fate:
        return _FATES[await known_as(intake, received)]

    return ask
