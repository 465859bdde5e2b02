"""Kept reports investigated anew, by today's agent or another one, delivering nothing."""

from __future__ import annotations

import asyncio
import tempfile
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mendwire.app.engine import Engine, engine
from mendwire.app.serve import linked, served
from mendwire.app.streams import make_streams
from mendwire.errors import RepositoryUnfit
from mendwire.model.case import HELD, Case
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment, ServerAddress
from mendwire.settings.serving import Forge, Gateway, Server
from mendwire.settings.working import AgentChoice, Roles
from mendwire.wire.ending import ended
from mendwire.wire.jetstream import JetStreamBus

NAMESPACE: Final = "replay"
_PREFIX: Final = "mendwire-replay"
"""Of branches that are never made: the worker must not take the real ones for its own."""
UNTRIED: Final = "not tried"
_UNOPENED: Final = "today's screen holds it, or today's signature gives it another key"
_LOOK_S: Final = 1.0
"""Between two looks at how far the cases are."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rerun:
    """One case's verdict then and now."""

    case: str
    title: str
    base: str
    """The commit that both worked from."""
    verdict_then: str
    verdict_now: str
    """Where there is none: the state that the case stopped in, ``not opened`` or ``not tried``."""
    reason_then: str
    reason_now: str
    cost_then_usd: float
    cost_now_usd: float
    patch: str
    """What was proposed now; empty where nothing was."""

    @property
    def changed(self) -> bool:
        """Whether the verdict is another one."""
        return self.verdict_now not in {self.verdict_then, UNTRIED}


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """What a case is at."""

    case: str
    step: str


def replayable(case: Case) -> bool:
    """Whether an agent can be tried on it: judged, whole, and not restricted."""
    return bool(case.verdict and case.report and case.base and not case.restricted)


async def rerun(
    config: Config,
    environment: Environment,
    cases: Sequence[Case],
    agent: AgentChoice | None,
    stop: asyncio.Event,
) -> AsyncGenerator[Rerun | Progress, None]:
    """Investigate the kept reports anew, each from its case's own commit, until ``stop`` is set.

    On a server and a docket of its own that are gone afterwards. The limits of the configuration
    hold for all of it together, as for one day. What cannot be tried says why.
    """
    by_base = defaultdict[str, list[Case]](list)
    for case in cases:
        by_base[case.base].append(case)
    spent = 0.0
    with tempfile.TemporaryDirectory(prefix="mendwire-replay-") as folder:
        for number, (base, group) in enumerate(by_base.items()):
            if stop.is_set():
                return
            own = Path(folder) / str(number)
            own.mkdir()
            left = max(0.0, config.limits.day_usd - spent)
            apart = _apart(config, own, base, agent, group, left)
            async with aclosing(_rerun(apart, environment, group, stop)) as telling:
                try:
                    async for told in telling:
                        spent += told.cost_now_usd if isinstance(told, Rerun) else 0.0
                        yield told
                except RepositoryUnfit as problem:  # its commit is gone; others' may be there
                    for case in group:
                        yield _untried(case, str(problem))


async def _rerun(
    config: Config, environment: Environment, cases: Sequence[Case], stop: asyncio.Event
) -> AsyncGenerator[Rerun | Progress, None]:
    apart = replace(
        environment,
        namespace=NAMESPACE,
        server=ServerAddress(),
        directory=config.root,
        root=None,
        config_home=config.root,
    )
    async with served(config, apart):
        await _publish(config, apart, cases)
        async with engine(config, apart) as machine:
            waiting = {case.issue: case for case in cases}
            async with aclosing(_followed(machine, waiting, stop)) as telling:
                async for told in telling:
                    yield told
            if stop.is_set():
                # At once: no agent goes on.
                await asyncio.gather(machine.worker.stop(drain_s=0), machine.sweeper.stop())


async def _followed(
    machine: Engine, waiting: dict[str, Case], stop: asyncio.Event
) -> AsyncGenerator[Rerun | Progress, None]:
    """Each case as soon as its verdict is there; at the end those that have none."""
    docket, seen, steps = machine.grounds.docket, 0, dict[str, str]()
    work = asyncio.ensure_future(machine.until_empty(stop))
    try:
        while waiting:
            is_over = work.done()
            async for filed in docket.cases(after=seen):
                seen = max(seen, filed.revision)
                now = filed.case
                if now.issue not in waiting:
                    continue
                if now.verdict and now.state not in HELD:
                    yield _compared(waiting.pop(now.issue), now)
                elif now.step and steps.get(now.issue) != now.step:
                    steps[now.issue] = now.step
                    yield Progress(case=waiting[now.issue].case_id, step=now.step)
            if is_over:
                break
            await asyncio.wait({work}, timeout=_LOOK_S)
        await work
    finally:
        await ended(work)
    for then in [] if stop.is_set() else list(waiting.values()):
        last = await docket.get(then.issue)
        yield _compared(then, last.case if last is not None else None)


async def _publish(config: Config, environment: Environment, cases: Sequence[Case]) -> None:
    async with linked(config, environment, "mendwire-replay") as link:
        bus = JetStreamBus(link.client, link.names, link.denials)
        await make_streams(bus, config)
        for case in cases:
            subject = link.names.errors(case.environment or None)
            headers = {"Mendwire-Trust": case.trust.value}
            await bus.publish(subject, case.report, msg_id=case.case_id, headers=headers)


def _apart(
    config: Config,
    folder: Path,
    base: str,
    agent: AgentChoice | None,
    cases: Sequence[Case],
    day_usd: float,
) -> Config:
    """The operator's configuration, with everything that has an effect taken away."""
    chosen = config.agent
    if agent is not None:
        chosen = chosen.model_copy(update=agent.model_dump() | {"roles": Roles()})
    rules = config.screen.patterns
    known = dict.fromkeys((*config.worker.environments, *(case.environment for case in cases)))
    changes: Mapping[str, Mapping[str, object]] = {
        "project": {"repository": config.repository, "base": base},
        "worker": {"environments": tuple(filter(None, known))},
        "screen": {"patterns": (config.root / rules).resolve() if rules else None},
        "limits": {"day_usd": day_usd, "at_once": 1.0},
        "specialists": {"remote": ()},
        "delivery": {"autonomy": "propose", "push": "", "branch_prefix": _PREFIX},
    }
    sections = {
        name: getattr(config, name).model_copy(update=update) for name, update in changes.items()
    }
    alone = {"server": Server(sync="2m"), "forge": Forge(), "gateway": Gateway()}
    return config.model_copy(update={"root": folder, "agent": chosen, **sections, **alone})


def _untried(then: Case, why: str) -> Rerun:
    return replace(_compared(then, None), verdict_now=UNTRIED, reason_now=why)


def _compared(then: Case, now: Case | None) -> Rerun:
    verdict = now.verdict if now else None
    parked = now.parking.note if now and now.parking else ""
    return Rerun(
        case=then.case_id,
        title=then.title,
        base=then.base,
        verdict_then=then.verdict.value if then.verdict else "",
        verdict_now=verdict.value if verdict else (now.state.value if now else "not opened"),
        reason_then=then.reason,
        reason_now=(now.reason or parked) if now else _UNOPENED,
        cost_then_usd=round(then.cost_usd, 4),
        cost_now_usd=round(now.cost_usd, 4) if now else 0.0,
        patch=now.change.patch if now and now.change else "",
    )
