"""Tables of ``mendwire.toml`` about when an error is investigated, and in which repository."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from mendwire.settings.autonomy import Autonomy
from mendwire.settings.rate import per_hour
from mendwire.settings.section import Seconds, Section
from mendwire.settings.working import Command, Project


def _rate(text: str) -> str:
    if text:
        per_hour(text)
    return text


Rate = Annotated[str, AfterValidator(_rate)]
"""``20/h``; empty for none."""


class Repository(Section):
    """One of several repositories, or a service's folder in one; else it is as under [project]."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")
    """Of your choice; cases and commands name it."""
    repository: Path | None = None
    """Relative to the file's own folder."""
    services: tuple[str, ...] = ()
    """As reports name them; ``*`` stands for any characters: ``billing-*``."""
    paths: dict[str, str] = Field(default_factory=dict)
    """Folders on servers and what they are in the repository."""
    folder: str = ""
    """Where the service lives in the repository, if it is not the whole: its commands run there."""
    base: str | None = None
    test: Command | None = None
    reproduce: Command | None = None
    setup: Command | None = None
    test_timeout_s: Seconds | None = None
    reruns: Annotated[int, Field(ge=0, le=20)] | None = None
    concurrency: Annotated[int, Field(ge=1, le=64)] | None = None
    """Cases of it that one worker works on at once."""
    autonomy: Autonomy | None = None
    """Instead of that under [delivery]; of it and an environment's the more careful counts."""
    forge: str = Field(default="", pattern=r"^[\w.-]*(/[\w.-]+)*$", max_length=200)
    """Its ``owner/name`` or path on the forge; empty: as under [forge]."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        for server in self.paths:
            if not server.strip("/"):
                message = f"paths: {server!r} is no folder on a server, like /app"
                raise ValueError(message)
        for inner in (self.folder, *self.paths.values()):
            if inner.startswith("/") or ".." in inner.split("/"):
                message = f"{inner!r} is no folder in the repository: write it relative to its top"
                raise ValueError(message)
        return self

    @property
    def project(self) -> dict[str, object]:
        """What it says otherwise than [project]."""
        said = self.model_dump(exclude_none=True)
        return {name: value for name, value in said.items() if name in Project.model_fields}


class Observe(Section):
    """Where new errors are only counted at first."""

    environment: str = ""
    """Empty: each."""
    service: str = "*"
    """``*`` stands for any characters: ``billing-*``."""
    until: Rate = ""
    """Empty: investigated at once."""


class Cases(Section):
    """When the case of a new error is investigated."""

    observe_until: Rate = ""
    """``20/h``: only once it came so often within an hour; until then it is counted. Empty: at
    once."""
    observe: tuple[Observe, ...] = ()
    """The first that fits counts instead."""

    def rate(self, environment: str, service: str) -> int:
        """Occurrences within an hour before a new error is investigated; 0 is at once."""
        fits = (
            one.until
            for one in self.observe
            if one.environment in {"", environment} and fnmatchcase(service, one.service)
        )
        until = next(fits, self.observe_until)
        return per_hour(until) if until else 0
