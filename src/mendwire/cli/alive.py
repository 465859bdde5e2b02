"""``mendwire alive``: say that a release answers, where it has no error that would show it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Annotated

import typer

from mendwire.app.following import loop_of
from mendwire.app.houses import house_named, house_serving
from mendwire.app.looking import Sight
from mendwire.cli.asking import AsJson, see
from mendwire.cli.deploy import checked_environment
from mendwire.errors import ConfigError
from mendwire.model.case import CaseState
from mendwire.model.deployment import whole


@dataclass(frozen=True, kw_only=True, slots=True)
class _Soaking:
    """A fix in the place that answers."""

    case: str
    title: str
    state: str


def alive(
    env: Annotated[str, typer.Option("--env", help="Environment, as in `mendwire deploy`.")],
    release: Annotated[str, typer.Option(help="Release that answers.")],
    service: Annotated[
        str, typer.Option(help="Service, as in `mendwire deploy`. Default: all of them.")
    ] = "",
    repository: Annotated[
        str,
        typer.Option(help="Of several repositories: all services of this one.", metavar="NAME"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say that a deployed release runs and answers, for example from your health check.

    A fix counts as verified when it stayed quiet while its service was heard from.

    Any report of the release shows that; where nothing fails at all, this does.
    """
    checked_environment(env)

    async def noted(sight: Sight) -> list[_Soaking]:
        config = sight.config
        house = house_named(config, repository) if repository else house_serving(config, service)
        loop = loop_of(house.config, sight.bus, sight.docket, await house.open(), name=house.name)
        deployments, place = loop.deployments, service or whole(repository)
        if not await deployments.hear(env, place, release, house.name):
            wider = [await deployments.of(env, name) for name in (place, whole(house.name), "")]
            newest = next((known[-1].release for known in wider if known), "")
            told = f"its newest is {newest}" if newest else "it has no deployment"
            raise ConfigError(
                f"{release} is not the newest release of {f'{env} {place}'.strip()}: {told} "
                "(mendwire deployments). Nothing was noted."
            )
        before = await _soaking(sight, env, service, house.name)
        await loop.round()
        return [await _now(sight, issue) for issue in before]

    fixes = see(noted)
    if as_json:
        print(json.dumps({"fixes": [asdict(one) for one in fixes]}))
        return
    print(f"{release} answers; that is noted.")
    for one in fixes:
        print(f"{one.case}  {one.state:<9} {one.title}")


async def _soaking(sight: Sight, env: str, service: str, repository: str) -> list[str]:
    cases = [filed.case async for filed in sight.docket.cases()]
    return [
        case.issue
        for case in cases
        if (case.state, case.environment) == (CaseState.SOAKING, env)
        and (case.service == service or "" in {case.service, service})
        and (not repository or case.repository in {"", repository})
    ]


async def _now(sight: Sight, issue: str) -> _Soaking:
    filed = await sight.docket.get(issue)
    assert filed is not None, "a case is never taken out of the docket"
    case = filed.case
    return _Soaking(case=case.case_id, title=case.title, state=case.state.value)


def register(app: typer.Typer) -> None:
    """Add this command to the command line."""
    app.command("alive")(alive)
