"""Several repositories in one namespace: which there are, and which one a case belongs to."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mendwire.errors import ConfigError, Homeless
from mendwire.execution.git import CaseRepository
from mendwire.investigate.ports import Specialists
from mendwire.model.case import Case
from mendwire.model.codec import kept_report
from mendwire.model.layout import WHOLE, Layout, home_of, homeless, serving
from mendwire.model.report import ErrorReport
from mendwire.settings.config import Config
from mendwire.settings.sorting import Repository


@dataclass(frozen=True, kw_only=True, slots=True)
class House:
    """One repository, or one service's folder in it, and the configuration as it is there."""

    config: Config
    layout: Layout

    @property
    def name(self) -> str:
        """In mendwire.toml; empty where there is only one."""
        return self.layout.name

    async def open(self, state: Path | None = None) -> CaseRepository:
        """Our copy of it, in ``state`` instead of our own folder; raises RepositoryUnfit."""
        return await CaseRepository.open(self.config.repository, state or self.config.state)


def houses_of(config: Config) -> tuple[House, ...]:
    """Every one, in the order of the file; the one of [project] where no others are named."""
    if not config.repositories:
        return (House(config=config, layout=WHOLE),)
    return tuple(House(config=config.of(one), layout=_layout(one)) for one in config.repositories)


def house_named(config: Config, name: str) -> House:
    """Raises ConfigError."""
    houses = houses_of(config)
    found = next((house for house in houses if house.name == name), None)
    if found is None:
        known = ", ".join(filter(None, (house.name for house in houses))) or "none has a name"
        raise ConfigError(f"There is no repository {name[:40]!r} in mendwire.toml ({known}).")
    return found


def house_serving(config: Config, service: str) -> House:
    """Where a service lives by its name; raises ConfigError."""
    houses = houses_of(config)
    if len(houses) == 1:
        return houses[0]
    if not service:
        raise ConfigError(
            "There are several repositories: say which service with --service, or which "
            "repository with --repository."
        )
    named = serving([house.layout for house in houses], service)
    if not named:
        raise ConfigError(
            f"No repository has the service {service[:60]!r}: add it to services of one of the "
            "[[repositories]] in mendwire.toml, or say --repository."
        )
    return house_named(config, named[0].name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Houses:
    """``investigate.ports.Homes`` by the layouts of the configuration."""

    layouts: tuple[Layout, ...]
    crews: Mapping[str, Specialists]

    def home(self, report: ErrorReport) -> str:
        """The name of the repository in which a report's service lives; empty where none is."""
        return (home_of(self.layouts, report) or WHOLE).name

    def name_of(self, case: Case) -> str:
        """The case's own, once it has one; raises Homeless with what to add to the settings."""
        if case.repository in self.crews:
            return case.repository
        if case.base:
            raise Homeless(
                f"The repository {case.repository[:40]} of this case is no longer in "
                "mendwire.toml: add it again, then say mendwire cases retry."
            )
        report = kept_report(case).report
        found = home_of(self.layouts, report)
        if found is None:
            raise Homeless(homeless(report))
        return found.name

    def of(self, case: Case) -> Specialists:
        """Raises Homeless."""
        return self.crews[self.name_of(case)]


def rooms_of(config: Config) -> dict[str, asyncio.Semaphore]:
    """Places in each repository that has fewer than the worker."""
    return {
        one.name: asyncio.Semaphore(one.concurrency)
        for one in config.repositories
        if one.concurrency is not None and one.concurrency < config.worker.concurrency
    }


def _layout(one: Repository) -> Layout:
    return Layout(
        name=one.name,
        services=one.services,
        paths=tuple(one.paths.items()),
        folder=one.folder.strip("/"),
    )
