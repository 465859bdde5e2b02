"""The program's command line, environment and task for one assignment."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from mendwire.agents.command.config import CommandConfig
from mendwire.agents.running import traced_environment
from mendwire.errors import AgentFailed, ConfigError, SandboxUnavailable
from mendwire.execution.environment import allowed_environment
from mendwire.execution.sandbox import EMPTIED, Sandbox, SandboxKind
from mendwire.model.errand import Errand
from mendwire.model.work import Assignment, Role

PASSED_ON: Final = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
)
"""Of the operator's environment: how the outside is reached."""


def find_program(config: CommandConfig) -> Path:
    """Where the program is; raises ConfigError with what to do."""
    if not config.command:
        raise ConfigError(
            'The agent "command" has no command: set agent.command in mendwire.toml to the '
            "program and its arguments."
        )
    name = config.command[0]
    found = shutil.which(name, path=config.environ.get("PATH"))
    if found:
        path = Path(found).absolute()  # not resolved: a virtual environment's python is a link
        empty = any(path.is_relative_to(place) for place in EMPTIED)
        return path.resolve() if empty else path
    message = (
        f"The agent's program {name} was not found: install it, put it on PATH, or name it with "
        "its whole path in agent.command of mendwire.toml."
    )
    raise ConfigError(message)


def read_only(assignment: Assignment) -> bool:
    """Whether the specialist may only look."""
    return assignment.restricted or assignment.role is not Role.IMPLEMENTATION


def refuse_unwalled(assignment: Assignment, sandbox: Sandbox) -> None:
    """Nobody can keep a program that we do not know from its shell but a wall (rules B6).

    Raises SandboxUnavailable, or AgentFailed for a restricted case.
    """
    if sandbox.kind is SandboxKind.NONE and not sandbox.may_run:
        raise SandboxUnavailable(
            "This agent has a shell of its own, so it needs a sandbox; install bubblewrap, or "
            "set sandbox.kind = 'none' in mendwire.toml to run it unconfined."
        )
    if sandbox.kind is SandboxKind.NONE and assignment.restricted:
        raise AgentFailed(
            "A restricted case is given to this agent inside a sandbox only; install "
            "bubblewrap, or look at the case yourself."
        )


def errand_of(assignment: Assignment, config: CommandConfig) -> Errand:
    """The task as the program is told it."""
    known, limits = assignment.reproduction, assignment.limits
    return Errand(
        case_id=assignment.case_id,
        role=assignment.role,
        called=assignment.called or assignment.role.value,
        system=assignment.system,
        prompt=assignment.prompt,
        answer_schema=assignment.answer_schema,
        tree=str(assignment.tree),
        scratch=str(assignment.scratch),
        base=assignment.base,
        read_only=read_only(assignment),
        may_run=assignment.may_run and not assignment.restricted,
        reproduction=known.command if known and not known.files else (),
        model=config.model,
        cost_usd=limits.cost_usd,
        tokens=limits.tokens,
        turns=limits.turns,
        seconds=limits.seconds,
    )


def environment(assignment: Assignment, config: CommandConfig) -> dict[str, str]:
    """The whole environment of the program."""
    return {
        **allowed_environment(
            (*PASSED_ON, *config.pass_names),
            private=assignment.scratch / "private",
            source=config.environ,
        ),
        **traced_environment(),
        # The tree's code must win over an editable install of the operator's checkout.
        "PYTHONPATH": f"{assignment.tree / 'src'}:{assignment.tree}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def wrapped(assignment: Assignment, config: CommandConfig, program: Path) -> list[str]:
    """The operator's command inside the sandbox, its places filled in."""
    scratch = assignment.scratch
    places = {
        "{task}": str(scratch / "task.json"),
        "{answer}": str(scratch / "answer.json"),
        "{tree}": str(assignment.tree),
        "{scratch}": str(scratch),
        "{role}": assignment.called or assignment.role.value,
    }
    words = [str(program), *(_filled(word, places) for word in config.command[1:])]
    return walled(words, assignment, config, program)


def walled(
    words: list[str], assignment: Assignment, config: CommandConfig, program: Path
) -> list[str]:
    """The words inside the sandbox, if there is one: who only looks has the tree read-only."""
    if config.sandbox.kind is SandboxKind.NONE:
        return words
    scratch = assignment.scratch
    looks = read_only(assignment)
    return config.sandbox.wrap(
        words,
        tree=scratch if looks else assignment.tree,
        writable=() if looks else (scratch,),
        hidden=(*config.hidden, *sorted(assignment.repo.glob(".env*"))),
        readable=(
            *((assignment.tree,) if looks else ()),
            program.resolve(),
            *config.readable,
        ),
        network=True,
    )


def _filled(word: str, places: dict[str, str]) -> str:
    for name, value in places.items():
        word = word.replace(name, value)
    return word
