"""The project that is mended, as the judge and the agents are told of it."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from mendwire.app.houses import houses_of
from mendwire.errors import RepositoryUnfit
from mendwire.execution.commands import Bench
from mendwire.execution.git import CaseRepository
from mendwire.execution.origin import find_origin
from mendwire.execution.runners import runner_of
from mendwire.execution.sandbox import Sandbox
from mendwire.investigate.detect import CONFIG_FILES, detect_commands, find_interpreter
from mendwire.model.project import Policy, ProjectCommands
from mendwire.settings.config import Config


async def refuse_unfit(config: Config) -> None:
    """Raise RepositoryUnfit where no fix could start from; nothing runs yet."""
    for house in houses_of(config):
        origin = await find_origin(house.config.repository)
        await origin.commit_of(house.config.project.base)


async def project_commands(
    config: Config, repository: CaseRepository, folder: str = ""
) -> ProjectCommands:
    """The operator's commands, the rest detected at the base commit; raises RepositoryUnfit.

    With ``folder`` they are those of the service that lives there.
    """
    base = (await repository.base_commit(config.project.base)).commit
    inside = f"{folder}/" if folder else ""
    tracked = await repository.list_files(base)
    paths = tuple(path.removeprefix(inside) for path in tracked if path.startswith(inside))
    if folder and not paths:
        raise RepositoryUnfit(
            f"{repository.origin.top} has no folder {folder} at {config.project.base}: correct "
            "folder of this one of the [[repositories]] in mendwire.toml."
        )
    names = [name for name in CONFIG_FILES if name in paths]
    texts = {name: await repository.read_file(base, inside + name) for name in names}
    known = {name: text.decode("utf-8", "replace") for name, text in texts.items() if text}
    top = repository.origin.top
    own = find_interpreter(top / folder, sys.executable) if folder else None
    interpreter = (
        own if own and own.path != sys.executable else find_interpreter(top, sys.executable)
    )
    found = detect_commands(paths, known, interpreter)
    project = config.project
    if project.test:
        why = "project.test in mendwire.toml"
        found = replace(found, test=project.test, runner=runner_of(project.test), why=why)
    return replace(
        found,
        setup=project.setup or None,
        reproduce=project.reproduce or None,
        timeout_s=project.test_timeout_s,
        reruns=project.reruns,
    )


def policy_of(config: Config) -> Policy:
    """What a fix may change."""
    wanted = config.policy
    return Policy(
        max_files=wanted.max_files,
        max_lines=wanted.max_lines,
        allow_paths=wanted.allow_paths,
        deny_paths=wanted.deny_paths,
        allow_new_dependencies=wanted.allow_new_dependencies,
    )


def bench_of(config: Config, sandbox: Sandbox, commands: ProjectCommands, repo: Path) -> Bench:
    """Where the project's commands run."""
    scratch = config.state / "runs"
    scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    return Bench(
        repo=repo,
        sandbox=sandbox,
        scratch=scratch,
        python=commands.python or sys.executable,
        timeout_s=commands.timeout_s,
    )
