"""The program's command line, settings and environment for one assignment.

Its rules are not a boundary, the sandbox is; but they keep an honest agent inside its role, and
``--setting-sources user`` with a private configuration folder keeps everything that the tree says
about addresses, hooks, servers and permissions without effect.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mendwire.agents.claude.config import ClaudeConfig
from mendwire.agents.claude.login import Login
from mendwire.agents.running import traced_environment
from mendwire.execution.environment import allowed_environment
from mendwire.execution.sandbox import SandboxKind, offline_paths, offline_shell
from mendwire.execution.secrets import secret_paths
from mendwire.model.work import Assignment, Role

READING: Final = ("Read", "Grep", "Glob")
PASSED_ON: Final = (
    "ANTHROPIC_BASE_URL",
    "ANTHROPIC_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
)
"""Of the operator's environment: where the model is reached."""
PROTECTED: Final = (
    ".git/**",
    ".claude/**",
    "**/CLAUDE.md",
    "**/CLAUDE.local.md",
    "**/AGENTS.md",
    ".mcp.json",
)
"""Never edited by an agent (rules B9); the judge refuses such changes all the same."""
_STEADY: Final = {
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1",
    # Without it "@/some/file" in the prompt is replaced by that file, whatever the rules allow.
    "CLAUDE_CODE_DISABLE_ATTACHMENTS": "1",
    "DISABLE_AUTOUPDATER": "1",
    # The program asks git about the tree: what its configuration says must not run.
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "core.fsmonitor",
    "GIT_CONFIG_VALUE_0": "false",
    "GIT_CONFIG_KEY_1": "core.hooksPath",
    "GIT_CONFIG_VALUE_1": "/dev/null",
}
AT_SIGN_NOTE: Final = "In the task's text every at sign that begins a word is written as \\@."


@dataclass(frozen=True, kw_only=True, slots=True)
class Folders:
    """Where one run keeps its own things, below the assignment's scratch folder."""

    config: Path
    private: Path
    sockets: Path | None = None
    """A folder with a short path, where the program may start its own sandbox: the sockets of its
    bridge would not fit below a long scratch path."""

    @classmethod
    @contextmanager
    def opened(cls, scratch: Path, sandbox: SandboxKind) -> Iterator[Folders]:
        """Make them, mode 0700; the one outside scratch is removed afterwards."""
        folders = cls(config=scratch / "config", private=scratch / "private")
        for path in (folders.config, folders.private):
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if sandbox is SandboxKind.BWRAP:
            yield folders
            return
        with tempfile.TemporaryDirectory(prefix="mw-", ignore_cleanup_errors=True) as short:
            yield replace(folders, sockets=Path(short))


def read_only(assignment: Assignment) -> bool:
    """Whether the specialist may only look."""
    return assignment.restricted or assignment.role is not Role.IMPLEMENTATION


def tools(assignment: Assignment, config: ClaudeConfig, login: Login) -> tuple[str, ...]:
    """The tools that the model is offered at all."""
    if read_only(assignment):
        return READING
    leaks = login.scrubs and config.sandbox.kind is SandboxKind.BWRAP
    shell = assignment.may_run and config.test_commands and not leaks
    return (*READING, "Edit", "Write", *(("Bash",) if shell else ()))


def allowed(assignment: Assignment, config: ClaudeConfig, login: Login) -> tuple[str, ...]:
    """The rules of what runs without asking; nobody is there to ask."""
    rules = ["Read(./**)"]
    if not read_only(assignment):
        rules.append("Edit(./**)")
    if "Bash" in tools(assignment, config, login):
        for command in config.test_commands:
            rules += [f"Bash({command})", f"Bash({command} *)"]
    return tuple(rules)


def arguments(
    assignment: Assignment, config: ClaudeConfig, folders: Folders, login: Login
) -> list[str]:
    """The program's arguments; writes the two files they name below scratch."""
    settings, system = folders.config / "ours.json", folders.config / "system.md"
    settings.write_text(json.dumps(_settings(assignment, config, folders, login)))
    system.write_text(f"{assignment.system}\n\n{AT_SIGN_NOTE}\n")
    limits = assignment.limits
    return [
        *("-p", "--output-format", "stream-json", "--verbose"),
        "--include-partial-messages",  # nothing else tells how much was written before the end
        *("--setting-sources", "user", "--strict-mcp-config", "--disable-slash-commands"),
        *("--settings", str(settings), "--append-system-prompt-file", str(system)),
        *("--json-schema", json.dumps(assignment.answer_schema)),
        *("--max-turns", str(limits.turns), "--max-budget-usd", f"{limits.cost_usd:.4f}"),
        *("--permission-mode", "dontAsk", "--no-session-persistence"),
        *("--tools", ",".join(tools(assignment, config, login))),
        *("--allowedTools", *allowed(assignment, config, login)),
        *(("--model", config.model) if config.model else ()),
    ]


def prompt(assignment: Assignment) -> bytes:
    """The task for standard input, with nothing in it that the program would expand."""
    text, before = [], ""
    for char in assignment.prompt:
        text.append("\\@" if char == "@" and not before.isalnum() else char)
        before = char
    return "".join(text).encode("utf-8", "replace")


def environment(
    assignment: Assignment, config: ClaudeConfig, folders: Folders, login: Login
) -> dict[str, str]:
    """The whole environment of the program."""
    env = allowed_environment(
        (*PASSED_ON, *config.pass_names), private=folders.private, source=config.environ
    )
    temporary = str(folders.sockets or env["TMPDIR"])
    command_ms = str(round(config.command_timeout_s * 1000))
    # The program needs the network for its model; what its shell runs does not.
    walled = config.sandbox.kind is SandboxKind.BWRAP
    return {
        **env,
        **({"CLAUDE_CODE_SHELL_PREFIX": offline_shell()} if walled else {}),
        **_STEADY,
        **login.environment,
        **traced_environment(),
        # The tree's code must win over an editable install of the operator's checkout.
        "PYTHONPATH": f"{assignment.tree / 'src'}:{assignment.tree}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CLAUDE_CONFIG_DIR": str(folders.config),
        "TMPDIR": temporary,
        "CLAUDE_CODE_TMPDIR": temporary,
        "CLAUDE_CODE_MAX_RETRIES": str(config.api_retries),
        "API_TIMEOUT_MS": str(round(config.api_timeout_s * 1000)),
        "BASH_DEFAULT_TIMEOUT_MS": command_ms,
        "BASH_MAX_TIMEOUT_MS": command_ms,
    }


def wrapped(
    argv: list[str], assignment: Assignment, config: ClaudeConfig, login: Login, program: Path
) -> list[str]:
    """The command inside the sandbox, where the sandbox is around the whole agent."""
    if config.sandbox.kind is not SandboxKind.BWRAP:
        return argv
    return config.sandbox.wrap(
        argv,
        tree=assignment.tree,
        writable=(assignment.scratch,),
        hidden=_hidden(assignment, config),
        readable=(
            program.resolve(),
            assignment.repo,
            *offline_paths(),
            *config.readable,
            *login.readable,
        ),
        network=True,
    )


def _settings(
    assignment: Assignment, config: ClaudeConfig, folders: Folders, login: Login
) -> Mapping[str, object]:
    deny = [f"Edit(./{path})" for path in PROTECTED] + ["Read(./.git/**)"]
    settings: dict[str, object] = {
        **login.settings,
        "permissions": {"deny": deny, "disableBypassPermissionsMode": "disable"},
        "includeCoAuthoredBy": False,
    }
    if config.sandbox.kind is SandboxKind.CLAUDE:
        settings["sandbox"] = _inner_sandbox(assignment, config, folders)
    return settings


def _inner_sandbox(
    assignment: Assignment, config: ClaudeConfig, folders: Folders
) -> dict[str, object]:
    needed = (assignment.tree, assignment.scratch)
    unseen = [
        part
        for path in (*secret_paths(config.home), *_hidden(assignment, config))
        for part in _around(path.resolve(), [kept.resolve() for kept in needed])
    ]
    unseen.append(folders.config)
    return {
        "enabled": True,
        "failIfUnavailable": True,
        "autoAllowBashIfSandboxed": False,
        "allowUnsandboxedCommands": False,
        "filesystem": {"denyRead": [str(path) for path in unseen if path.exists()]},
        "network": {"allowedDomains": []},
    }


def _around(path: Path, needed: Sequence[Path]) -> Iterator[Path]:
    """``path``, or where something needed lies below it, all that is beside the way there."""
    if path in needed:
        return
    if any(path in kept.parents for kept in needed):
        for child in path.iterdir():
            yield from _around(child, needed)
    else:
        yield path


def _hidden(assignment: Assignment, config: ClaudeConfig) -> tuple[Path, ...]:
    return (*config.hidden, *sorted(assignment.repo.glob(".env*")))
