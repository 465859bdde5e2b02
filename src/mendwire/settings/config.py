"""``mendwire.toml``: what the operator decides, checked once and passed on.

The file is read from the operator's own checkout, never from a tree an agent worked in
(rules B8). Every field has a default, so that an empty file, or none, is valid.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Self

from pydantic import ValidationError, model_validator

from mendwire.errors import ConfigError
from mendwire.settings.section import Section
from mendwire.settings.serving import Dashboard, Delivery, Forge, Gateway, Retention, Server
from mendwire.settings.sorting import Cases, Repository
from mendwire.settings.watching import Alerts, Host, Metrics, Traces
from mendwire.settings.working import (
    Agent,
    Limits,
    Policy,
    Project,
    Sandbox,
    Screen,
    Scrub,
    Specialists,
    Worker,
)

FILE_NAME = "mendwire.toml"


class Config(Section):
    """All of ``mendwire.toml``."""

    root: Path = Path()
    """The folder the file is in, or the working directory without one."""
    project: Project = Project()
    repositories: tuple[Repository, ...] = ()
    worker: Worker = Worker()
    agent: Agent = Agent()
    specialists: Specialists = Specialists()
    cases: Cases = Cases()
    limits: Limits = Limits()
    policy: Policy = Policy()
    sandbox: Sandbox = Sandbox()
    scrub: Scrub = Scrub()
    screen: Screen = Screen()
    server: Server = Server()
    retention: Retention = Retention()
    delivery: Delivery = Delivery()
    forge: Forge = Forge()
    gateway: Gateway = Gateway()
    dashboard: Dashboard = Dashboard()
    metrics: Metrics = Metrics()
    traces: Traces = Traces()
    alerts: Alerts = Alerts()
    host: Host = Host()

    @model_validator(mode="after")
    def _has_a_forge(self) -> Self:
        said: set[str | None] = {self.delivery.autonomy}
        said |= {one.autonomy for one in self.delivery.environments.values()}
        if "request" in said | {one.autonomy for one in self.repositories}:
            named = self.repositories and all(one.forge for one in self.repositories)
            if not (self.forge.kind and (self.forge.repository or named)):
                message = 'autonomy "request" needs kind and repository under [forge]'
                raise ValueError(message)
            if not self.delivery.push:
                message = 'autonomy "request" needs push, the remote that the branch goes to'
                raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _repositories_are_told_apart(self) -> Self:
        names = [one.name for one in self.repositories]
        if twice := next((name for name in names if names.count(name) > 1), ""):
            message = f"[[repositories]] {twice} is there twice: give each a name of its own"
            raise ValueError(message)
        if self.repositories and self.specialists.remote:
            message = "specialists.remote works with one repository: leave out [[repositories]]"
            raise ValueError(message)
        return self

    def of(self, one: Repository) -> Self:
        """The configuration as it is for one of the repositories."""
        project = Project.model_validate({**self.project.model_dump(), **one.project})
        forge = self.forge.model_copy(
            update={"repository": one.forge or self.forge.repository},
        )
        delivery = self.delivery.nearer(one.autonomy)
        return self.model_copy(
            update={"project": project, "forge": forge, "delivery": delivery},
        )

    @property
    def repository(self) -> Path:
        """Absolute path of the repository that is mended."""
        return (self.root / self.project.repository).resolve()

    @property
    def state(self) -> Path:
        """Folder of ours beside the config file: trees, patches, the embedded server's store."""
        return self.root.resolve() / ".mendwire"


def find_config(start: Path) -> Path | None:
    """``mendwire.toml`` in ``start`` or the nearest folder above that has one."""
    for folder in (start, *start.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return None


def read_config(path: Path | None, start: Path) -> Config:
    """The configuration in ``path``, or the defaults rooted at ``start``; raises ConfigError."""
    if path is None:
        return Config(root=start)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        message = f"{path} cannot be read: {problem.strerror}."
        raise ConfigError(message) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        twice = " A section may stand there once: put your lines below its first line."
        hint = twice if re.match(r"Cannot (declare|overwrite)", str(problem)) else ""
        message = f"{path} is not valid TOML: {problem}.{hint}"
        raise ConfigError(message) from None
    try:
        return Config(**{**raw, "root": path.parent})
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{path}: {where}: {first['msg']} (see the comments mendwire init writes)."
        raise ConfigError(message) from None
