"""Several repositories in one namespace: places in each, deployments of each, cases without one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mendwire.deliver.following import Requests
from mendwire.deliver.gitlab import GitLabForge
from mendwire.deliver.loop import ClosedLoop
from mendwire.deliver.requests import Wanted
from mendwire.demo.shop import build_repository
from mendwire.docket.cases import Docket
from mendwire.docket.deployments import Deployments
from mendwire.errors import Homeless
from mendwire.execution.git import CaseRepository
from mendwire.investigate.ports import Specialists
from mendwire.model.case import Case, CaseState, Delivered, Verdict
from mendwire.model.delivery import DeliveryState
from mendwire.model.deployment import whole
from mendwire.model.report import ErrorReport
from mendwire.ops.cases import retry
from mendwire.settings.secret import Secret
from mendwire.wire.jetstream import JetStreamBus
from tests.forges import REPOSITORY, TOKEN, GitLab, serving
from tests.wire.test_rules import Crew, Shift, eventually, publish, shift, untold


@dataclass
class Street:
    """Homes by the report's service; whatever is in ``known`` has one."""

    crew: Crew
    known: set[str] = field(default_factory=lambda: {"shop", "billing"})

    def home(self, report: ErrorReport) -> str:
        return report.service if report.service in self.known else ""

    def name_of(self, case: Case) -> str:
        if case.service not in self.known:
            raise Homeless(f"No repository is known for service {case.service}.")
        return case.service

    def of(self, case: Case) -> Specialists:
        self.name_of(case)
        return self.crew


def settle_in(mine: Shift, street: Street, **places: int) -> None:
    object.__setattr__(mine.orchestrator.intake, "home", street.home)
    mine.investigation.homes = street
    mine.orchestrator.rooms = {name: asyncio.Semaphore(n) for name, n in places.items()}
    mine.orchestrator.later = mine.sweeper.take


async def case_of(mine: Shift, kind: str) -> Case:
    cases = [filed.case async for filed in mine.docket.cases()]
    return next(case for case in cases if case.title.startswith(kind))


async def test_one_repositorys_errors_do_not_hold_the_places_of_all(bus: JetStreamBus) -> None:
    await publish(bus)
    await publish(bus, type="ValueError", error="ValueError: y")
    await publish(bus, type="OSError", error="OSError: z", service="billing")
    crew = Crew()
    crew.going.clear()
    async with shift(bus, crew) as mine:
        settle_in(mine, Street(crew), shop=1)
        first = asyncio.create_task(mine.orchestrator.handle(await mine.message(1)))
        await eventually(lambda: crew.calls == ["research"])
        second = await mine.orchestrator.handle(await mine.message(2))
        assert second.state is DeliveryState.PARKED, "its message is settled, its report is kept"
        assert (await case_of(mine, "ValueError")).report
        third = asyncio.create_task(mine.orchestrator.handle(await mine.message(3)))
        await eventually(lambda: crew.calls == ["research", "research"])
        assert mine.orchestrator.busy
        crew.going.set()
        assert {(await first).state, (await third).state} == {DeliveryState.SETTLED}
        async with mine.sweeper:
            await asyncio.wait_for(mine.sweeper.swept(), 20)
        assert (await case_of(mine, "ValueError")).state is CaseState.FIXED
        assert (await case_of(mine, "OSError")).repository == "billing"


async def test_a_case_without_a_repository_waits_for_a_person_and_not_in_vain(
    bus: JetStreamBus,
) -> None:
    await publish(bus, service="mail")
    crew = Crew()
    async with shift(bus, crew) as mine:
        street = Street(crew)
        settle_in(mine, street)
        assert (await mine.orchestrator.handle(await mine.message())).state is DeliveryState.SETTLED
        case = await mine.only()
        assert (case.verdict, case.repository, crew.calls) == (Verdict.NEEDS_HUMAN, "", [])
        assert case.reason == "No repository is known for service mail."
        street.known.add("mail")  # the settings were mended
        await retry(mine.docket, case.case_id)
        async with mine.sweeper:
            await eventually(lambda: is_fixed(mine))
        assert (await mine.only()).repository == "mail"


async def is_fixed(mine: Shift) -> bool:
    return (await mine.only()).state is CaseState.FIXED


async def test_a_deployment_of_a_whole_repository_is_told_from_another_ones(
    bus: JetStreamBus,
) -> None:
    async with shift(bus) as mine:
        deployments = mine.orchestrator.intake.deployments
        await deployments.add("production", whole("shop"), "r1", "a" * 40)
        await deployments.add("production", whole("billing"), "r1", "b" * 40)
        await deployments.hear("production", "web", "r1", "shop")
        assert await deployments.heard("production", whole("shop")) > 0
        assert await deployments.heard("production", whole("billing")) == 0
        assert whole("") == ""


@pytest.mark.parametrize(
    ("repository", "state"),
    [("", CaseState.FIXED), ("billing", CaseState.WITHDRAWN), ("shop", CaseState.FIXED)],
)
async def test_a_request_of_that_number_in_another_repository_says_nothing(
    bus: JetStreamBus, tmp_path: Path, repository: str, state: CaseState
) -> None:
    """Also of a case from before there were several: it knows the number alone."""
    (tmp_path / "billing").mkdir()
    await build_repository(tmp_path / "billing")
    ours = await CaseRepository.open(tmp_path / "billing", tmp_path / "state")
    bucket = bus.bucket(bus.names.bucket("DOCKET"))
    docket = Docket(bucket, "w1")
    delivered = Delivered(branch="b", commit="a" * 40, request_number=1)
    case = Case(
        issue="0" * 32,
        repository=repository,
        state=CaseState.FIXED,
        verdict=Verdict.FIXED,
        base=(await ours.base_commit("HEAD")).commit,
        delivered=delivered,
    )
    await docket.file(case)
    with serving(GitLab()) as there:
        forge = GitLabForge(repository=REPOSITORY, token=Secret(TOKEN), url=there.url)
        wanted = Wanted(
            case="x-e1", branch="b", commit="", base="main", title="", text="", draft=True
        )
        forge.close(forge.open(wanted).number)
        loop = ClosedLoop(
            docket=docket,
            deployments=Deployments(bucket=bucket),
            repository=ours,
            tell=untold,
            base="HEAD",
            soak_s=1.0,
            name="billing",
            requests=Requests(forge=forge),
        )
        await loop.round()
        assert len(there.comments) == int(state is CaseState.WITHDRAWN)
    now = await docket.get(case.issue)
    assert now is not None
    assert now.case.state is state
