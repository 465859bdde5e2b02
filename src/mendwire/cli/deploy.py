"""``mendwire deploy``: say what runs where, so that fixes are followed to where they run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer

from mendwire.app.following import loop_of
from mendwire.app.houses import house_named, house_serving
from mendwire.app.looking import Sight, configured
from mendwire.app.tracing import traced
from mendwire.cli.asking import AsJson, see
from mendwire.cli.tables import print_table
from mendwire.deliver.loop import Landing
from mendwire.docket.deployments import Deployments
from mendwire.errors import ConfigError, InvalidName, RepositoryUnfit
from mendwire.execution.git import CaseRepository
from mendwire.model.deployment import Deployment, whole
from mendwire.model.names import environment
from mendwire.model.report import UNKNOWN_RELEASE

_COLUMNS = ("environment", "service", "release", "commit", "order", "at")


def deploy(
    env: Annotated[str, typer.Option("--env", help="Environment, as reports name it.")],
    release: Annotated[str, typer.Option(help="Release, as reports name it.")],
    commit: Annotated[
        str, typer.Option(help="What runs: a commit, tag or branch. Default: the release's name.")
    ] = "",
    service: Annotated[
        str, typer.Option(help="Service, as reports name it. Default: all of them.")
    ] = "",
    repository: Annotated[
        str,
        typer.Option(help="Of several repositories: all services of this one.", metavar="NAME"),
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Say that a release was deployed. Run it at the end of every deployment.

    Fixes that it brings begin to soak: they are verified when they stay quiet.

    They are opened again when their error comes back in this release or a later one.
    """
    if not release or release == UNKNOWN_RELEASE:
        raise ConfigError("A deployment needs the release that its reports will name.")
    checked_environment(env)

    async def told(sight: Sight) -> tuple[Deployment, list[Landing]]:
        config = sight.config
        house = house_named(config, repository) if repository else house_serving(config, service)
        ours = await house.open()
        runs = await _commit(ours, commit or release)
        loop = loop_of(house.config, sight.bus, sight.docket, ours, name=house.name)
        place = service or whole(repository)
        async with traced(*configured(None), "deploy"):
            new = await loop.deployments.add(env, place, release, runs)
            return new, await loop.deployed(new)

    new, landings = see(told)
    if as_json:
        print(json.dumps({"deployment": _row(new), "fixes": [asdict(one) for one in landings]}))
        return
    place = f"{new.environment}{f' {new.service}' if new.service else ''}"
    print(f"{new.release} ({new.commit[:12]}) is deployment {new.order} of {place}.")
    for one in landings:
        what = "has the fix" if one.has_fix else "has not the fix"
        print(f"{one.case}  {one.state:<9} {what}: {one.title}")


def deployments(as_json: AsJson = False) -> None:
    """What was deployed where, oldest first within each service."""

    async def known(sight: Sight) -> Sequence[Deployment]:
        bucket = sight.bus.bucket(sight.bus.names.bucket("DOCKET"))
        return [one async for one in Deployments(bucket=bucket).all()]

    rows = [_row(one) for one in see(known)]
    print_table(rows, _COLUMNS, as_json, "No deployment yet: mendwire deploy --help.")


def checked_environment(name: str) -> None:
    """Raises ConfigError for what is no environment's name (rules B10)."""
    try:
        environment(name)
    except InvalidName as problem:
        raise ConfigError(str(problem)) from None


async def _commit(repository: CaseRepository, revision: str) -> str:
    try:
        return await repository.origin.commit_of(revision)
    except RepositoryUnfit:
        raise ConfigError(
            f"{revision[:60]!r} is no commit, tag or branch of {repository.origin.top}: say "
            "with --commit what runs."
        ) from None


def _row(one: Deployment) -> dict[str, object]:
    at = datetime.fromtimestamp(one.at_ns / 1e9, tz=UTC).isoformat(timespec="seconds")
    row = asdict(one) | {"at": at}
    del row["at_ns"]
    return row


def register(app: typer.Typer) -> None:
    """Add these commands to the command line."""
    app.command("deploy")(deploy)
    app.command("deployments")(deployments)
