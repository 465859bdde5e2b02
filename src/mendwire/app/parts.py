"""The parts of a worker, each built from the configuration and what it stands on."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from mendwire.agents import Agent
from mendwire.agents.claude import ClaudeAgent, ClaudeConfig
from mendwire.agents.codex import CodexAgent, CodexConfig
from mendwire.agents.codex.config import KEYS as CODEX_KEYS
from mendwire.agents.command import CommandAgent, CommandConfig
from mendwire.agents.crew import Crew
from mendwire.agents.rollback import RollbackAgent
from mendwire.app.evidence import kept_evidence
from mendwire.app.following import teller
from mendwire.app.forging import requested
from mendwire.app.houses import Houses, rooms_of
from mendwire.app.project import bench_of, policy_of
from mendwire.app.protocol import protocol_agent
from mendwire.deliver.branch import deliver, deliver_again
from mendwire.deliver.requests import Forge, RequestState, patiently
from mendwire.docket.cases import Docket
from mendwire.docket.deployments import Deployments
from mendwire.docket.releases import Releases
from mendwire.docket.roster import Roster
from mendwire.errors import GitError, RepositoryUnfit
from mendwire.execution.commands import reproductions_on
from mendwire.execution.git import CaseRepository
from mendwire.execution.remote import fetch, push
from mendwire.execution.sandbox import Sandbox, SandboxKind
from mendwire.investigate.budget import Bounds
from mendwire.investigate.intake import Intake
from mendwire.investigate.investigation import Investigation
from mendwire.investigate.joining import Joining
from mendwire.investigate.orchestrator import Orchestrator
from mendwire.investigate.outages import Outages
from mendwire.investigate.ports import CallBack, Elsewhere, Screener, Specialists
from mendwire.investigate.proof import Judge
from mendwire.investigate.reviewers import Reviewer, checked
from mendwire.investigate.specialists import AgentSpecialists
from mendwire.investigate.workshop import Workshop
from mendwire.model.boundary import OnBoundary
from mendwire.model.case import Case, Delivered
from mendwire.model.delivery import Outcome, Received
from mendwire.model.layout import WHOLE, Layout
from mendwire.model.letter import called
from mendwire.model.project import ProjectCommands
from mendwire.model.report import ErrorReport, Trust
from mendwire.model.screening import Screening
from mendwire.model.scrub import find_secret, scrub_policy
from mendwire.model.work import Limits, Proof
from mendwire.screen import Screen, Screened
from mendwire.screen.quarantine import quarantine
from mendwire.screen.stage import let_through
from mendwire.settings.config import Config
from mendwire.settings.working import AgentChoice
from mendwire.telemetry import emit
from mendwire.wire.jetstream import JetStreamBus
from mendwire.wire.worker import Pace, Worker


@dataclass(frozen=True, kw_only=True, slots=True)
class Grounds:
    """What the parts stand on."""

    config: Config
    bus: JetStreamBus
    docket: Docket
    roster: Roster
    repository: CaseRepository
    sandbox: Sandbox
    commands: ProjectCommands
    streams: tuple[str, ...]
    """The error streams."""
    tracked: frozenset[str]
    """Files at the base commit."""
    forge: Forge | None = None
    """Where requests are made, if anywhere."""
    layout: Layout = WHOLE
    """Of several repositories, what lives where in this one."""


def specialists_of(
    grounds: Grounds, agent: Agent | None = None, elsewhere: Elsewhere | None = None
) -> AgentSpecialists:
    """The roles on ``agent``, else on the one that the operator chose, or ``elsewhere``."""
    config = grounds.config
    judge = judge_of(grounds)
    return AgentSpecialists(
        agent=agent or crew_of(grounds, judge),
        workshop=workshop_of(grounds),
        judge=judge,
        base_revision=config.project.base,
        reproduce=config.project.reproduce,
        may_run=grounds.sandbox.may_run,
        limits=limits_of(config),
        elsewhere=elsewhere,
        further=own_reviewers(config),
        layout=grounds.layout,
    )


def judge_of(grounds: Grounds) -> Judge:
    """What proves changes, on this machine."""
    config = grounds.config
    bench = bench_of(config, grounds.sandbox, grounds.commands, grounds.repository.origin.top)
    bench = replace(bench, folder=grounds.layout.folder)
    return Judge(
        repository=grounds.repository,
        state=config.state,
        bench=bench,
        commands=grounds.commands,
        policy=policy_of(config),
    )


def workshop_of(grounds: Grounds) -> Workshop:
    """Where agents work, on this machine."""
    return Workshop(
        repository=grounds.repository,
        state=grounds.config.state,
        walled=grounds.sandbox.kind is SandboxKind.BWRAP,
    )


def limits_of(config: Config) -> Limits:
    """What one run may use."""
    return Limits(
        cost_usd=config.limits.run_usd,
        turns=config.agent.turns,
        seconds=config.agent.seconds,
        tokens=config.limits.run_tokens,
    )


def own_reviewers(config: Config) -> tuple[Reviewer, ...]:
    """Those that mendwire.toml names; raises ConfigError for a name that cannot be one."""
    return tuple(
        Reviewer(
            called=checked(name), instructions=one.instructions.strip(), paths=one.paths or ("**",)
        )
        for name, one in config.specialists.reviewers.items()
    )


def crew_of(grounds: Grounds, judge: Judge) -> Agent:
    """The operator's agent, with another for each role that has one of its own."""
    config = grounds.config
    usual = _agent_of(config.agent, grounds, judge)
    chosen = config.agent.roles.chosen()
    others = {called(role): _agent_of(one, grounds, judge) for role, one in chosen.items()}
    return Crew(usual, others) if others else usual


def screener_of(every: Sequence[Grounds], screen: Screen) -> Screener:
    """The screen, told which files are tracked, in any of the repositories."""

    def resolves(file: str) -> bool:
        return any(grounds.layout.find(file, grounds.tracked) for grounds in every)

    async def screened(report: ErrorReport, payload: bytes, trust: Trust) -> Screened:
        return await screen.screen(report, payload, trust, resolves=resolves)

    return screened


def orchestrator_of(
    every: Sequence[Grounds],
    crews: Mapping[str, Specialists],
    screener: Screener,
    boundary: OnBoundary,
    call_back: CallBack | None = None,
) -> tuple[Orchestrator, Worker]:
    """What handles messages, and the worker that brings them; each is told of the other.

    ``crews`` are the specialists of each repository, by its name; with ``call_back`` some of them
    work in other processes.
    """
    grounds, by_name = every[0], {one.layout.name: one for one in every}
    config, bus, names = grounds.config, grounds.bus, grounds.bus.names
    houses = Houses(layouts=tuple(one.layout for one in every), crews=crews)
    releases = Releases(bus.bucket(names.bucket("DOCKET")))

    async def withheld(received: Received, reason: str, screening: Screening | None) -> None:
        await quarantine(bus, names, releases, received, reason, screening)

    async def released(
        sha256: str, report: ErrorReport, payload: bytes, trust: Trust
    ) -> Screened | None:
        release = await releases.find(sha256)
        if release is None:
            return None
        emit("report.released", sha256=sha256, by=release.by)
        return let_through(report, payload, trust)

    async def shares(case: Case, fix: Case) -> Proof | None:
        crew = houses.of(case) if config.repositories else crews[grounds.layout.name]
        return await crew.shares(case, fix)

    async def handled(received: Received) -> Outcome:
        return await orchestrator.handle(received)

    worker = Worker(
        bus,
        grounds.streams,
        handled,
        name=grounds.roster.worker,
        environments=config.worker.environments,
        pace=Pace(concurrency=config.worker.concurrency),
    )
    intake = Intake(
        names=names,
        docket=grounds.docket,
        roster=grounds.roster,
        deployments=Deployments(bucket=bus.bucket(names.bucket("DOCKET"))),
        tell=teller(bus),
        screen=screener,
        quarantine=withheld,
        released=released,
        boundary=boundary,
        rate=config.cases.rate,
        home=houses.home,
        scrub=scrub_policy(config.scrub.model_dump()),
    )
    investigation = Investigation(
        bus=bus,
        names=names,
        docket=grounds.docket,
        specialists=crews[grounds.layout.name],
        deliver=partial(_delivered, by_name),
        homes=houses if config.repositories else None,
        joining=Joining(docket=grounds.docket, shares=shares),
        call_back=call_back,
        bounds=Bounds(
            attempts=config.worker.attempts,
            rounds=config.worker.rounds,
            run_usd=config.limits.run_usd,
            issue_usd=config.limits.issue_usd,
            day_usd=config.limits.day_usd,
            run_tokens=config.limits.run_tokens,
            issue_tokens=config.limits.issue_tokens,
            day_tokens=config.limits.day_tokens,
            at_once=config.limits.at_once,
        ),
        autonomy=partial(_autonomy, by_name),
        boundary=boundary,
        outages=Outages(
            pause=worker.pause,
            resume=worker.resume,
            waits_s=config.worker.outage_waits_s,
        ),
        keep=partial(kept_evidence, bus, scrub_policy(config.scrub.model_dump())),
    )
    orchestrator = Orchestrator(
        bus=bus,
        intake=intake,
        docket=grounds.docket,
        investigation=investigation,
        concurrency=config.worker.concurrency,
        rooms=rooms_of(config),
    )
    return orchestrator, worker


def _autonomy(by_name: Mapping[str, Grounds], case: Case) -> str:
    """How far a case's fix may go, by its repository, its environment and a person's word."""
    grounds = by_name.get(case.repository) or next(iter(by_name.values()))
    return grounds.config.delivery.up_to(case.environment, case.approved)


async def _delivered(by_name: Mapping[str, Grounds], case: Case) -> Delivered:
    if len(by_name) > 1 and case.repository not in by_name:
        raise RepositoryUnfit(
            f"The repository {case.repository[:40]!r} of case {case.case_id} is not in "
            "mendwire.toml: add it again, then say mendwire cases retry."
        )
    grounds = by_name.get(case.repository) or next(iter(by_name.values()))
    wanted = grounds.config.delivery
    level = _autonomy(by_name, case)
    if case.rework is not None:
        if level != "request" or not wanted.push:
            raise GitError(
                f"The settings no longer let the request of case {case.case_id} be moved on."
            )
        return await _moved_on(grounds, case)
    delivered = await deliver(
        case,
        grounds.repository,
        grounds.config.state,
        contains_secret=find_secret,
        identity=f"{wanted.author_name} <{wanted.author_email}>",
        branch_prefix=wanted.branch_prefix,
        propose_only=level == "propose",
    )
    if not (wanted.push and delivered.branch and case.trust is Trust.TRUSTED):
        return delivered
    top = grounds.repository.origin.top
    await push(top, wanted.push, delivered.branch, delivered.commit)
    delivered = replace(delivered, remote=wanted.push)
    if grounds.forge is None or level != "request":
        return delivered
    return await requested(grounds.forge, grounds.config, case, delivered)


async def _moved_on(grounds: Grounds, case: Case) -> Delivered:
    """The fix made anew, on the branch that people review; raises ExecutionError."""
    before = case.delivered
    if before is None or not before.remote or grounds.forge is None:
        raise GitError(f"Case {case.case_id} has no request any more that could be moved on.")
    forge, top, wanted = grounds.forge, grounds.repository.origin.top, grounds.config.delivery
    number = before.request_number
    request = await patiently(lambda: asyncio.to_thread(forge.look, number))
    if request.state is not RequestState.OPEN:
        raise GitError(f"The request {number} is {request.state} meanwhile.")
    if await grounds.repository.origin.names_of(before.commit) is None:
        await fetch(top, before.remote, before.commit)

    async def pushed(commit: str) -> None:
        await push(top, before.remote, before.branch, commit, after=before.commit)

    return await deliver_again(
        case,
        grounds.repository,
        grounds.config.state,
        hand_on=pushed,
        contains_secret=find_secret,
        identity=f"{wanted.author_name} <{wanted.author_email}>",
    )


def _agent_of(choice: AgentChoice, grounds: Grounds, judge: Judge) -> Agent:
    kind = choice.kind
    if kind == "auto":
        kind = "claude" if shutil.which(choice.program) else "rollback"
    if kind == "claude":
        return ClaudeAgent(_claude_config(choice, grounds))
    if kind == "command":
        agent = CommandAgent(_command_config(choice, grounds))
        agent.find_program()  # said at the start rather than by the first case
        return agent
    if kind == "codex":
        codex = CodexAgent(_codex_config(choice, grounds))
        codex.find_program()
        return codex
    if kind == "acp":
        test = grounds.commands.test
        words = _shell_words(grounds, test) if test else ""
        return protocol_agent(choice, grounds.sandbox, grounds.config.state, test=words)
    return RollbackAgent(
        repository=grounds.repository,
        state=grounds.config.state,
        judge=reproductions_on(judge.bench),
        layout=grounds.layout,
    )


def _command_config(choice: AgentChoice, grounds: Grounds) -> CommandConfig:
    return CommandConfig(
        sandbox=grounds.sandbox,
        command=choice.command,
        model=choice.model,
        pass_names=choice.environment,
        hidden=(grounds.config.state,),
    )


def _codex_config(choice: AgentChoice, grounds: Grounds) -> CodexConfig:
    return CodexConfig(
        sandbox=grounds.sandbox,
        command=choice.command or ("codex",),
        model=choice.model,
        # Its key comes by a file: named here, too, its shell would see it.
        pass_names=tuple(name for name in choice.environment if name not in CODEX_KEYS),
        hidden=(grounds.config.state,),
        unknown_usd=choice.unknown_usd,
        token_usd=choice.token_usd,
    )


def _claude_config(choice: AgentChoice, grounds: Grounds) -> ClaudeConfig:
    test = grounds.commands.test
    return ClaudeConfig(
        sandbox=grounds.sandbox,
        program=choice.program,
        model=choice.model,
        test_commands=(_shell_words(grounds, test),) if test else (),
        hidden=(grounds.config.state,),
    )


def _shell_words(grounds: Grounds, command: tuple[str, ...]) -> str:
    places = {"{python}": grounds.commands.python, "{repo}": str(grounds.repository.origin.top)}
    return " ".join(places.get(word, word) for word in command)
