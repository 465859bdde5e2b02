"""Alerts, wired: what the watchman sees, where he writes, and who of several workers he is."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mendwire.app.beside import READ_S, Watch
from mendwire.app.looking import Sight, operator
from mendwire.app.stopping import first_of
from mendwire.docket.lease import Lease
from mendwire.docket.roster import DEAD_AFTER, presences
from mendwire.docket.slots import Slots
from mendwire.errors import AlertRefused, ConfigError, MendwireError, ServerError, Undecodable
from mendwire.model.case import Case
from mendwire.model.report import parse_report
from mendwire.model.scrub import scrub_policy
from mendwire.notify.book import Book
from mendwire.notify.facts import CaseFact, Facts, QueueFact, RateFact
from mendwire.notify.heartbeat import beat, checked
from mendwire.notify.letter import Letter
from mendwire.notify.outage import Outage
from mendwire.notify.rules import Rule, Rules, Watched
from mendwire.notify.watchman import Watchman, Wishes
from mendwire.ops.findings import aside
from mendwire.ops.pulse import kept_of, queue_depths, rates
from mendwire.ops.server_checks import server_now_ns
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment
from mendwire.settings.secret import Secret
from mendwire.settings.watching import Alerts
from mendwire.telemetry import emit
from mendwire.wire.contexts import is_named
from mendwire.wire.ending import ended
from mendwire.wire.finding import names_for

_S: Final = 10**9
_MINUTE_NS: Final = 60 * _S
_RATES_S: Final = 60.0
"""The week's counts are read anew so often."""
_WEEK_H: Final = 168
_BEATS_ON: Final = 6.0
"""A sign of life is given while the last good look is no older than so many looks."""
log = logging.getLogger(__name__)


class DocketScene:
    """``notify.watchman.Scene`` over one connection."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._slots = Slots(bucket=sight.bus.bucket(sight.bus.names.bucket("DOCKET")))
        self._rates: tuple[RateFact, ...] = ()
        self._rates_at = -_RATES_S

    async def facts(self) -> Facts:
        """How things stand, by the functions that `mendwire status` uses."""
        sight, shelf, config = self._sight, self._sight.shelf, self._sight.config
        now = await server_now_ns(shelf)
        bucket = sight.bus.bucket(sight.bus.names.bucket("DOCKET"))
        silence_ns = DEAD_AFTER * config.worker.heartbeat_s * _S
        day = f"{datetime.now(UTC):%Y%m%d}"
        return Facts(
            now_ns=now,
            queues=tuple(
                QueueFact(stream=queue.stream, waiting=queue.waiting, stuck=queue.stuck)
                for queue in await queue_depths(shelf, now)
            ),
            rates=await self._counted(now),
            dead=await kept_of(shelf, "DEAD"),
            quarantine=await kept_of(shelf, "QUARANTINE"),
            workers=sum(now - one.seen_ns < silence_ns for one in await presences(bucket)),
            spent_usd=await sight.docket.spent(day),
            day_usd=config.limits.day_usd,
            used_tokens=await sight.docket.used(day),
            day_tokens=config.limits.day_tokens,
        )

    async def cases(self, after: int) -> AsyncIterator[tuple[CaseFact, int]]:
        """Cases that changed after that revision."""
        async for filed in self._sight.docket.cases(after=after):
            yield _fact_of(filed.case), filed.revision

    async def revision(self) -> int:
        """The docket's newest revision."""
        info = await self._sight.bus.stream(f"KV_{self._sight.bus.names.bucket('DOCKET')}")
        return int(info["state"]["last_seq"]) if info else 0

    async def _counted(self, now: int) -> tuple[RateFact, ...]:
        if time.monotonic() - self._rates_at >= _RATES_S:
            found = await rates(self._slots, now, _WEEK_H)
            self._rates = tuple(
                RateFact(environment=one.environment, service=one.service, by_hour=one.by_hour)
                for one in found
            )
            self._rates_at = time.monotonic()
        return self._rates


def _fact_of(case: Case) -> CaseFact:
    level = "error"
    with suppress(Undecodable):
        level = parse_report(case.report).level
    return CaseFact(
        issue=case.issue,
        case_id=case.case_id,
        title=case.title,
        environment=case.environment,
        service=case.service,
        level=level,
        state=case.state,
        came_back=case.came_back,
        occurrences=case.occurrences,
        opened_ns=case.opened_ns,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What the configuration asks for, read and checked."""

    to: tuple[Secret, ...]
    routes: dict[Rule, tuple[Secret, ...]]
    rules: Rules
    heartbeat: Secret

    @property
    def all(self) -> tuple[Secret, ...]:
        """Every destination once."""
        return tuple(dict.fromkeys((*self.to, *(url for to in self.routes.values() for url in to))))


def plan_of(config: Config, environment: Environment) -> Plan:
    """Raises ConfigError for what cannot be used."""
    wanted = config.alerts

    def address(text: str) -> Secret:
        kind, _, name = text.partition(":")
        if kind != "env":
            return Secret(text)
        found = environment.variables.get(name, "")
        if not found:
            raise ConfigError(
                f"[alerts] names the environment variable {name!r}, which is not set."
            )
        return Secret(found)

    beat_at = address(wanted.heartbeat) if wanted.heartbeat else Secret("")
    return Plan(
        to=tuple(map(address, wanted.to)),
        routes={Rule(rule): tuple(map(address, to)) for rule, to in wanted.routes.items()},
        rules=_rules(config, wanted),
        heartbeat=checked(beat_at) if beat_at else beat_at,
    )


def _rules(config: Config, wanted: Alerts) -> Rules:
    return Rules(
        on=frozenset(Rule) - {Rule(name) for name in wanted.off},
        environments=frozenset(wanted.environments),
        spike_times=wanted.spike_times,
        spike_least=wanted.spike_least,
        stuck_ns=int(wanted.stuck_minutes * _MINUTE_NS),
        budget_share=wanted.budget_share,
        quiet=tuple(map(_watched, wanted.quiet)),
        scrub=scrub_policy(config.scrub.model_dump()),
    )


def _watched(item: str) -> Watched:
    place, _, hours = item.rpartition("=")
    environment, _, service = place.partition("/")
    return Watched(environment=environment, service=service, hours=int(hours))


class AlertService:
    """Runs beside a worker or alone; tells only while it leads."""

    def __init__(self, config: Config, environment: Environment) -> None:
        from mendwire.notify.post import apprise_post, name_of  # noqa: PLC0415 - an extra's

        self._config = config
        self._environment = environment
        self._plan = plan_of(config, environment)
        self._post = apprise_post(self._plan.all, aside)
        self._namespace = names_for(environment, embedded=not is_named(environment)).namespace
        self._wishes = Wishes(
            namespace=self._namespace,
            every_ns=int(config.alerts.every_minutes * _MINUTE_NS),
            cap_hour=config.alerts.cap_hour,
            resolved=config.alerts.resolved,
            to=tuple(map(name_of, self._plan.to)),
            routes={rule: tuple(map(name_of, to)) for rule, to in self._plan.routes.items()},
        )
        self._outage = Outage(
            config.state / "alerts" / "outage.json",
            self._post,
            self._wishes.destinations(Rule.SERVER),
            namespace=self._namespace,
            after_s=config.alerts.down_minutes * 60,
        )
        self._holder = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._led: bool | None = None
        """At the last look; None before the first: who begins in an outage may tell of it, too."""
        self._well_at = -float("inf")

    async def run(self) -> None:
        """Until cancelled."""
        heartbeat = asyncio.create_task(self._beat_forever(), name="dead-man's switch")
        try:
            async with Watch(self._config, self._environment, "mendwire-alerts") as watch:
                while True:
                    try:
                        await self._led_over(await watch.sight())
                    except (MendwireError, OSError) as problem:
                        await self._away(problem)
                    await asyncio.sleep(self._config.alerts.look_s)
        finally:
            await ended(heartbeat)

    async def until(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set."""
        await first_of(asyncio.ensure_future(self.run()), asyncio.ensure_future(stop.wait()))

    async def try_out(self) -> dict[str, str]:
        """Send each destination a test; why it was not taken, empty where it was."""
        letter = Letter(
            id=f"{self._namespace}.test.{secrets.token_hex(4)}",
            title=f"[{self._namespace}] test: Alerts arrive here",
            body=f"Asked for by {operator()}.",
            urgent=False,
        )

        async def one(destination: str) -> str:
            try:
                await self._post.send(destination, letter)
            except AlertRefused as problem:
                return str(problem)
            return ""

        names = self._post.destinations
        return dict(zip(names, await asyncio.gather(*map(one, names)), strict=True))

    async def _led_over(self, sight: Sight) -> None:
        """Look and tell while this connection lasts."""
        bucket = sight.bus.bucket(sight.bus.names.bucket("DOCKET"))
        beat_s = self._config.worker.heartbeat_s
        async with Lease(bucket, "alerts", self._holder, beat_s=beat_s) as lease:
            watchman = Watchman(
                book=Book(bucket=bucket),
                scene=DocketScene(sight),
                post=self._post,
                rules=self._plan.rules,
                wishes=self._wishes,
                leads=lambda: lease.held,
            )
            while not sight.bus.api.client.is_closed:
                try:
                    await self._look(watchman, lease)
                except (MendwireError, OSError, TimeoutError) as problem:
                    await self._away(problem)
                except Exception:
                    log.exception("a look of the alerts failed; the next one tries again")
                await asyncio.sleep(self._config.alerts.look_s)

    async def _look(self, watchman: Watchman, lease: Lease) -> None:
        if not lease.held:
            # Nobody can renew what the server does not take: whether it answers is asked apart.
            await watchman.ask()
            self._lead(is_leading=False)
            return
        self._lead(is_leading=True)
        await watchman.round()
        self._well_at = time.monotonic()
        await self._outage.back(resolved=self._config.alerts.resolved)

    def _lead(self, *, is_leading: bool) -> None:
        if is_leading != self._led:
            if is_leading:
                emit("alerts.leading", holder=self._holder)
            else:
                emit("alerts.following")
        self._led = is_leading

    async def _away(self, problem: Exception) -> None:
        if isinstance(problem, ServerError | OSError | TimeoutError):
            may_tell = self._led is not False and Rule.SERVER in self._plan.rules.on
            await self._outage.away(str(problem), may_tell=may_tell)
        else:
            log.warning("alerts wait: %s", problem)

    async def _beat_forever(self) -> None:
        """Only while all works: the silence is what tells."""
        wanted = self._config.alerts
        if not self._plan.heartbeat:
            return
        while True:
            fresh_s = max(_BEATS_ON * wanted.look_s, READ_S)
            if time.monotonic() - self._well_at < fresh_s:
                try:
                    await aside(lambda: beat(self._plan.heartbeat))
                except AlertRefused as problem:
                    emit("heartbeat.failed", reason=str(problem))
                await asyncio.sleep(wanted.heartbeat_s)
            else:
                await asyncio.sleep(min(1.0, wanted.heartbeat_s))


def alert_service(config: Config, environment: Environment) -> AlertService:
    """Raises ConfigError where something is missing or cannot be used."""
    try:
        return AlertService(config, environment)
    except ModuleNotFoundError as absent:
        if absent.name and absent.name.startswith("mendwire"):
            raise
        message = f"Alerts need more packages: pip install 'mendwire[alerts]' ({absent.name})."
        raise ConfigError(message) from None


@asynccontextmanager
async def alerting(config: Config, environment: Environment) -> AsyncIterator[None]:
    """Alerts beside a worker while the block runs, where the configuration has destinations."""
    if not (config.alerts.to or config.alerts.routes or config.alerts.heartbeat):
        yield
        return
    task = asyncio.create_task(alert_service(config, environment).run(), name="alerts")
    try:
        yield
    finally:
        await ended(task)
