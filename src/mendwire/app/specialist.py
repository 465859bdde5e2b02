"""A specialist's process from its start to its clean end: letters in, replies out."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

from mendwire.app.engine import RUNS
from mendwire.app.logs import Style, logged, tell
from mendwire.app.parts import Grounds, crew_of, judge_of, limits_of, workshop_of
from mendwire.app.project import project_commands
from mendwire.app.serve import linked
from mendwire.app.stopping import first_of
from mendwire.app.tracing import traced
from mendwire.away.service import Service, Tally
from mendwire.docket.cases import Docket
from mendwire.docket.letters import Letters
from mendwire.docket.roster import SPECIALIST, Roster
from mendwire.docket.switch import Switch
from mendwire.errors import ConfigError, MendwireError
from mendwire.execution.git import CaseRepository
from mendwire.execution.process import reap_strays
from mendwire.execution.sandbox import detect
from mendwire.execution.stopping import stopping
from mendwire.model.letter import called, task_type
from mendwire.model.printable import printable
from mendwire.model.scrub import find_secret
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.tasks.calls import handler_of
from mendwire.tasks.worker import TaskWorker
from mendwire.telemetry import emit
from mendwire.wire.connection import Link
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import JetStreamBus

_FURTHER_TRIES: Final = 3
_AGAIN_S: Final = 2.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Engagement:
    """What a specialist's process is asked to do."""

    roles: tuple[str, ...]
    name: str
    """In results; tasks that are assigned to it come here alone."""
    at_once: int = 1
    """Letters worked on at the same time."""
    until_empty: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Desk:
    """One connection's work."""

    bus: JetStreamBus
    service: Service
    switch: Switch
    wanted: Engagement
    silence_s: float
    presence: str

    def worker(self) -> TaskWorker:
        """Takes letters for the roles."""
        worker = TaskWorker(
            agent=self.wanted.name,
            concurrency=self.wanted.at_once,
            ack_wait_s=self.silence_s,
            drain_s=0.0,  # an agent takes minutes: what runs is given back, to be done by others
        )
        for role in self.wanted.roles:
            attempts = _FURTHER_TRIES + 2
            worker.add(handler_of(task_type(role), self.service.answer, attempts=attempts))
        return worker

    async def work(self, stop: asyncio.Event) -> bool:
        """Work until ``stop``, the end of the queue, or a halt; whether it was a halt."""
        halted = False

        async def watch() -> None:
            nonlocal halted
            halt = await self.switch.until_thrown()
            halted = True
            emit("worker.halted", by=halt.by, note=halt.note)

        async with self.worker().on(self.bus) as worker:
            works: list[Coroutine[Any, Any, object]] = [stop.wait(), watch()]
            if self.wanted.until_empty:
                works.append(worker.until_empty())
            await first_of(*map(asyncio.ensure_future, works))
        return halted


async def serve_roles(
    config: Config, environment: Environment, wanted: Engagement, log: Style
) -> Tally:
    """Play the roles until a signal or the end of the queue; what was done.

    While somebody has stopped everything (``mendwire halt``) nothing is done. Raises what keeps it
    from starting: one sentence each.
    """
    with logged(log), stopping() as stop:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(traced(config, environment, "specialist"))
            link = await stack.enter_async_context(linked(config, environment, "mendwire-agent"))
            desk, greeting = await _desk(config, link, wanted)
            tell(greeting, log)
            await stack.enter_async_context(_present(desk, config))
            while await desk.work(stop) and not stop.is_set():
                if wanted.until_empty:
                    raise ConfigError("Somebody stopped everything. To go on: mendwire resume.")
                waits: list[Coroutine[Any, Any, object]] = [desk.switch.until_released()]
                await first_of(*map(asyncio.ensure_future, [*waits, stop.wait()]))
    return desk.service.tally


@asynccontextmanager
async def _present(desk: _Desk, config: Config) -> AsyncIterator[None]:
    """Our record among the specialists, made anew whenever it was lost; raises where it may not."""

    def record() -> Roster:
        return Roster(
            desk.bus.bucket(desk.bus.names.bucket("TASK_STATES")),
            desk.presence,
            heartbeat_s=config.worker.heartbeat_s,
            kind=SPECIALIST,
            roles=desk.wanted.roles,
            name=desk.wanted.name,
            hands=desk.service.hands,
        )

    async def keep(first: Roster) -> None:
        await first.lost.wait()
        while True:
            with suppress(MendwireError):  # the server is away: others think us gone, rightly
                async with record() as roster:
                    await roster.lost.wait()
            await asyncio.sleep(_AGAIN_S)

    async with record() as first:
        keeping = asyncio.create_task(keep(first))
        try:
            yield
        finally:
            await ended(keeping)


async def _desk(config: Config, link: Link, wanted: Engagement) -> tuple[_Desk, Sequence[str]]:
    for run in RUNS:
        await asyncio.to_thread(reap_strays, run)
    repository = await CaseRepository.open(config.repository, config.state)
    bus = JetStreamBus(link.client, link.names, link.denials)
    if await bus.stream(bus.names.stream("TASKS")) is None:
        # Not ours to make: streams are as the worker's configuration says, with its retention.
        raise ConfigError(
            f"There is no queue of tasks for {link.names.namespace} yet: start the worker first "
            "(mendwire work), or run mendwire streams apply with its configuration."
        )
    bucket = bus.bucket(bus.names.bucket("DOCKET"))
    presence = f"{wanted.name}-{os.getpid()}-{secrets.token_hex(4)}"
    grounds = Grounds(
        config=config,
        bus=bus,
        docket=Docket(bucket, presence),
        roster=Roster(bucket, presence),
        repository=repository,
        sandbox=await detect(config.sandbox.kind),
        commands=await project_commands(config, repository),
        streams=(),
        tracked=frozenset(),
    )
    agent = crew_of(grounds, judge_of(grounds))
    desk = _Desk(
        bus=bus,
        service=Service(
            agent=agent,
            workshop=workshop_of(grounds),
            letters=Letters(bucket=bucket),
            limits=limits_of(config),
            may_run=grounds.sandbox.may_run,
            by=f"{wanted.name}-{os.getpid()}",
            remote=config.specialists.fetch,
            has_secret=find_secret,
        ),
        switch=Switch(bucket=bucket),
        wanted=wanted,
        silence_s=config.specialists.silence_s,
        presence=presence,
    )
    greeting = (
        f"specialist {desk.service.by} plays {', '.join(wanted.roles)} for {link.names.namespace}",
        f"server {link.url}, version {link.server_version}",
        f"agent {agent.name}; sandbox {grounds.sandbox.describe()}",
        *(() if wanted.until_empty else ("waits for letters; Ctrl-C gives back what runs",)),
    )
    return desk, greeting


def engaged(
    config: Config, roles: Sequence[str], name: str, at_once: int, *, until_empty: bool
) -> Engagement:
    """Checked; without roles those that the configuration sends away. Raises ConfigError."""
    wanted = tuple(dict.fromkeys(called(role) for role in roles or config.specialists.remote))
    if not wanted:
        raise ConfigError(
            "Which role? Name it with --role research (or implementation, review, one of your "
            "own), or in specialists.remote of mendwire.toml."
        )
    host = "".join(c if c.isascii() and c.isalnum() else "-" for c in socket.gethostname())
    return Engagement(
        roles=wanted,
        name=printable(name or host.strip("-") or "specialist", 60),
        at_once=at_once,
        until_empty=until_empty,
    )
