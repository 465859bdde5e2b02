"""The week as it happens: storms, outages, kills, three deployments, and a look at the end."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import nats

from benchmarks.week.bugs import SERVICES, Bug, Kind
from benchmarks.week.machines import ENVIRONMENT, NAMESPACE, Plant, Served
from benchmarks.week.project import (
    SUITE,
    WHO,
    argument_of,
    build,
    commit,
    git,
    module_text,
    put,
    put_live,
    shape_of,
)
from benchmarks.week.provider import Provider
from mendwire.docket.cases import Docket
from mendwire.model.case import AWAITED, UNFINISHED, Case, CaseState
from mendwire.model.names import Names
from mendwire.wire.denials import Denials
from mendwire.wire.jetstream import JetStreamBus

AGENT = Path(__file__).with_name("agent.py")
NAMES = Names(namespace=NAMESPACE)
ISSUE_USD = 2.5
RUN_USD = 1.0
SOAK_S = 3.0
SHARES = {"r1": 0.4, "r2": 0.3, "r3": 0.2, "r4": 0.1}
"""Of all occurrences, while a release runs."""
_CONFIG = """
[project]
repository = "project"
base = "main"
reruns = 0
test = {suite}
[worker]
environments = ["{environment}"]
concurrency = {concurrency}
heartbeat_s = 5
outage_waits_s = [0.5, 1, 2]
[agent]
kind = "command"
command = ["python3", "-c", {agent}, "{port}"]
seconds = 60
[limits]
run_usd = {run}
issue_usd = {issue}
day_usd = {day}
at_once = 1
[delivery]
soak_hours = {soak}
[sandbox]
kind = "{sandbox}"
"""


@dataclass(kw_only=True)
class Terms:
    """How large and how bad the week is."""

    bugs: int
    occurrences: int
    minutes: float
    at_most: float
    """Minutes after which nothing is waited for any more."""
    seed: int
    workers: int
    kills: int
    nats_outages: int
    provider_outages: int

    @property
    def day_usd(self) -> float:
        """Enough for what honest work costs, and for what is set aside meanwhile; no more."""
        return round(0.3 * self.bugs + 2 * RUN_USD * self.workers, 2)


@dataclass(kw_only=True)
class Story:
    """One week."""

    terms: Terms
    plant: Plant
    provider: Provider
    bugs: list[Bug]
    served: list[Served] = field(default_factory=list)
    deployments: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def say(self, what: str) -> None:
        """What happens, for those who watch."""
        self.told.append(f"{time.monotonic() - self.began:7.1f} s  {what}")
        print(self.told[-1], flush=True, file=sys.stderr)

    async def set_up(self) -> None:
        """The repository, the server, the provider, and the workers."""
        plant = self.plant
        for name in ("home", "project"):
            (plant.folder / name).mkdir(parents=True)
        await build(plant.repository, self.bugs)
        await put_live(plant.repository, plant.live, "r1")
        await plant.server.up()
        await self.provider.up()
        (plant.folder / "mendwire.toml").write_text(
            _CONFIG.format(
                suite=json.dumps(SUITE),
                environment=ENVIRONMENT,
                concurrency=2,
                agent=json.dumps(AGENT.read_text(encoding="utf-8")),
                port=self.provider.port,
                run=RUN_USD,
                issue=ISSUE_USD,
                day=self.terms.day_usd,
                soak=SOAK_S / 3600,
                sandbox="bwrap" if shutil.which("bwrap") else "none",
            ),
            encoding="utf-8",
        )
        await plant.mendwire("streams", "apply")
        await plant.hire(self.terms.workers)

    async def run(self) -> None:
        """All of it, until every case is at its end or nothing moves any more."""
        self.say(f"{len(self.bugs)} bugs, release r1")
        bad = asyncio.gather(self._bad_luck(), self.plant.supervise())
        try:
            storm = asyncio.create_task(self._storm("r1"))
            await self._late()
            for release, share in (("r2", 0.4), ("r3", 0.8), ("r4", 1.0)):
                await self._decided(share, returned=release == "r4")
                await storm
                await self._deploy(release)
                storm = asyncio.create_task(self._storm(release))
            await storm
            await self._decided(1.0, returned=True)
        finally:
            bad.cancel()
            with suppress(asyncio.CancelledError):
                await bad
        await self._verified()
        await self.plant.dismiss()
        await self.plant.mendwire("work", "--until-empty", "--log", "json")

    async def _storm(self, release: str) -> None:
        mended = await self._running() if release != "r1" else set()
        still = sum(bug.word not in mended for bug in self.bugs)
        each = -(-int(self.terms.occurrences * SHARES[release]) // still)
        bugs = [bug for bug in self.bugs if not (bug.is_late and release == "r1")]
        await self._raise(release, bugs, each, 60 * self.terms.minutes * SHARES[release] / 2)

    async def _raise(self, release: str, bugs: list[Bug], each: int, seconds: float) -> None:
        failing = {
            service: [(bug.word, argument_of(bug), each) for bug in bugs if bug.service == service]
            for service in SERVICES
        }
        done = await asyncio.gather(
            *(
                self.plant.serve(service, release, raised, seconds=seconds, flush_s=120)
                for service, raised in failing.items()
                if raised
            )
        )
        self.served += done
        total = sum(sum(one.raised.values()) for one in done)
        self.say(f"{release}: {total:,} occurrences were raised")

    async def _late(self) -> None:
        """Further errors of mistakes that are mended by now, and not deployed."""
        late = [bug for bug in self.bugs if bug.is_late]
        await self._mended({bug.cause for bug in late})
        await self._raise("r1", late, 100, 0)
        await self._mended({bug.word for bug in late})

    async def _mended(self, words: set[str]) -> None:
        """Return once all these have their fix; gives up with the time."""
        while time.monotonic() - self.began < 60 * self.terms.at_most:
            fixed = {word_of(case) for case in await self.cases() if case.state in AWAITED}
            if words <= fixed:
                return
            await asyncio.sleep(1)
        self.say("the time is over: not mended")

    async def _running(self) -> set[str]:
        """Bugs whose mend is deployed: they do not fail any more."""
        ways = AWAITED - {CaseState.FIXED, CaseState.MERGED}
        mended = {word_of(case) for case in await self.cases() if case.state in ways}
        return mended | {bug.word for bug in self.bugs if bug.kind is Kind.ALREADY}

    async def _deploy(self, release: str) -> None:
        """People merge what is fixed, tag and deploy; in r3 one of them breaks a bug again."""
        repository = self.plant.repository
        fixed = [case for case in await self.cases() if case.state is CaseState.FIXED]
        for case in fixed:
            assert case.delivered is not None
            words = ("merge", "-q", "--no-ff", "-m", f"Merge {case.delivered.branch}")
            await git(repository, *WHO, *words, case.delivered.branch)
        for bug in self.bugs:
            if release == "r3" and bug.kind is Kind.RETURNS:
                put(repository, bug.file, module_text(bug, shape_of(bug).broken))
                await commit(repository, "Simplify what looked long")
        await git(repository, "tag", release)
        await put_live(repository, self.plant.live, release)
        told = ("deploy", "--env", ENVIRONMENT, "--release", release, "--commit", release)
        while True:
            try:
                await self.plant.mendwire(*told)
                break
            except RuntimeError as problem:  # the server may just be away
                self.say(str(problem)[:200])
                await asyncio.sleep(1)
        self.deployments.append(release)
        self.say(f"{release}: deployed with {len(fixed)} merged fixes")

    async def _decided(self, share: float, *, returned: bool) -> None:
        """Return once so many cases are judged; gives up where nothing moves for long."""
        last, since = "", time.monotonic()
        while True:
            cases = await self.cases()
            done = [case for case in cases if case.state not in UNFINISHED]
            back = {bug.word for bug in self.bugs if bug.kind is Kind.RETURNS}
            mended = [
                case
                for case in cases
                if word_of(case) in back
                and case.state in AWAITED
                and case.episode >= (2 if returned else 1)
            ]
            if len(done) >= share * len(self.bugs) and len(mended) >= len(back):
                return
            now = f"{len(done)} of {len(cases)}"
            now += f", {len(mended)}" + str(sum(case.token for case in cases))
            if time.monotonic() - self.began > 60 * self.terms.at_most:
                self.say(f"the time is over: {len(done)} of {len(cases)} judged")
                return
            if now != last:
                last, since = now, time.monotonic()
            elif time.monotonic() - since > 90:
                self.say(f"nothing moved for two minutes: {len(done)} of {len(cases)} judged")
                return
            await asyncio.sleep(1)

    async def _verified(self) -> None:
        """Quiet for the time of soaking; then a worker that starts looks at every fix."""
        for _ in range(6):
            await asyncio.sleep(SOAK_S)
            states = [case.state for case in await self.cases()]
            if not {CaseState.FIXED, CaseState.SOAKING, CaseState.MERGED} & set(states):
                return
            await self.plant.dismiss()
            await self.plant.hire(self.terms.workers)
            await asyncio.sleep(10)

    async def _bad_luck(self) -> None:
        """Kills and outages at moments that the seed decides."""
        terms = self.terms
        dice = random.Random(terms.seed)  # noqa: S311 - the same week again
        what = ["worker"] * terms.kills
        what += ["nats"] * terms.nats_outages + ["provider"] * terms.provider_outages
        span = 60 * terms.minutes
        moments = sorted((dice.uniform(0.1, 0.8) * span, one) for one in what)
        for at, one in moments:
            await asyncio.sleep(max(0.0, self.began + at - time.monotonic()))
            if one == "worker":
                await self.plant.kill_worker(dice)
            elif one == "nats":
                self.say("the server is killed")
                await self.plant.server.outage(dice.uniform(1, 4))
            else:
                self.say("the provider is away")
                self.provider.down()
                await asyncio.sleep(dice.uniform(2, 8))
                await self.provider.up()

    async def cases(self) -> list[Case]:
        """Every case; asked again while the server is away."""
        while True:
            try:
                async with looking(self.plant) as bus:
                    docket = Docket(bus.bucket(NAMES.bucket("DOCKET")), "week")
                    return [filed.case async for filed in docket.cases()]
            except Exception:  # noqa: BLE001 - whatever a killed server makes of a question
                await asyncio.sleep(0.5)


@asynccontextmanager
async def looking(plant: Plant) -> AsyncIterator[JetStreamBus]:
    """A connection of our own."""
    client = await nats.connect(
        plant.server.url, connect_timeout=5, allow_reconnect=False, error_cb=_quiet
    )
    try:
        yield JetStreamBus(client, NAMES, Denials())
    finally:
        await client.close()


async def _quiet(_problem: Exception) -> None:
    """Of a server that was killed on purpose."""


def word_of(case: Case) -> str:
    """The bug's, as the outermost frame names its module, or else the title."""
    with suppress(ValueError):
        frames = json.loads(case.report).get("frames") or ()
        for told in (*(str(frame.get("file")) for frame in frames), case.title):
            _, found, rest = told.partition("mod_")
            if found:
                return rest[:5]
    return ""
