"""The check-up's look at the agent: whether its program is here, answers, and has a login."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

from mendwire.agents.claude.login import CLOUD, KEYS, TOKEN
from mendwire.agents.codex.config import KEYS as CODEX_KEYS
from mendwire.app.protocol import who_answers
from mendwire.errors import MendwireError
from mendwire.execution.environment import allowed_environment
from mendwire.execution.process import run
from mendwire.model.printable import printable
from mendwire.ops.findings import Found, bad, ok, warn
from mendwire.settings.config import Config
from mendwire.settings.environment import Environment

_VERSION_S: Final = 10.0


async def found_agent(config: Config, environment: Environment) -> list[Found]:
    """Of the agent under ``[agent]``; those of single roles say at the start what they lack."""
    kind, own = config.agent.kind, config.agent.command
    if kind in {"command", "acp"}:
        return await _by_protocol(own) if kind == "acp" else _own_program(own[0])
    name = config.agent.program if kind != "codex" else (*own, "codex")[0]
    program = shutil.which(name)
    if kind == "rollback" or (kind == "auto" and program is None):
        return ok("rollback: it needs no program and no model.")
    if program is None:
        return bad(f"The program {name} is not on PATH, yet [agent] kind is {kind}.")
    return await _program(kind, program, environment)


async def _program(kind: str, program: str, environment: Environment) -> list[Found]:
    version = await _version(program)
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        return bad(f"{program} --version does not work: {version}.")
    if not _has_login(kind, environment):
        said = f"{program} {version} has no login that a worker could use."
        remedy = "claude setup-token, then CLAUDE_CODE_OAUTH_TOKEN=… for the worker"
        return warn(said, f"export {CODEX_KEYS[-1]}=…" if kind == "codex" else remedy)
    return ok(f"{program}, version {version}, with a login.")


async def _version(program: str) -> str:
    """As it says, or the last line of its complaint."""
    done = await run(
        [program, "--version"],
        cwd=Path("/"),
        env=allowed_environment(keep_home=True),
        timeout_s=_VERSION_S,
    )
    found = re.search(r"\d+\.\d+\.\d+", done.text)
    if done.exit_code == 0 and found is not None:
        return found[0]
    return (done.complaint.splitlines() or ["it says nothing"])[-1][:200]


async def _by_protocol(command: tuple[str, ...]) -> list[Found]:
    program = shutil.which(command[0])
    if program is None:
        return _own_program(command[0])
    try:
        who = await who_answers(command, Path(program).absolute())
    except MendwireError as problem:
        return bad(str(problem), " ".join(command))
    return ok(f"{program} answers by the Agent Client Protocol: {printable(who)}.")


def _own_program(name: str) -> list[Found]:
    if shutil.which(name):
        return ok(f"{name}, a program of yours.")
    return bad(f"The program {name} of [agent] command is not here.", f"command -v {name}")


def _has_login(kind: str, environment: Environment) -> bool:
    variables = environment.variables
    if kind == "codex":
        return any(variables.get(name) for name in CODEX_KEYS)
    home = Path(variables.get("HOME") or Path("~").expanduser())
    named = any(variables.get(name) for name in (*KEYS, TOKEN, *CLOUD))
    return named or (home / ".claude/.credentials.json").is_file()
