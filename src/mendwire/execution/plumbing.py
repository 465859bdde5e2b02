"""Our own git: the user's program with our configuration, never that of a repository or a person.

Hooks, filters, textconv, external diff drivers, fsmonitor, pagers, editors, credential helpers and
remote protocols do not run. In the operator's repository, whose configuration git cannot be told
to ignore, only commands that start nothing are given (rules B7).
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import ExecutionError, GitError, RepositoryUnfit
from mendwire.execution.environment import allowed_environment
from mendwire.execution.process import Completed, run
from mendwire.model.printable import printable

OLDEST: Final = (2, 31)
"""The first git whose ``rev-parse --path-format`` we can rely on."""
OUTPUT_LIMIT: Final = 256 * 1024 * 1024
_SETTINGS: Final = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.untrackedCache=false",
    "core.splitIndex=false",
    "core.quotePath=true",
    "protocol.ext.allow=never",
    "safe.directory=*",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "advice.detachedHead=false",
)
_ENVIRONMENT: Final = {
    "LC_ALL": "C",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "true",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    # An unknown name: no protocol may be spoken, also none that a missing object asks for.
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_COMMITTER_NAME": "Mendwire",
    "GIT_COMMITTER_EMAIL": "mendwire@localhost",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Git:
    """Where git works."""

    cwd: Path
    git_dir: Path | None = None
    """None lets git find the repository from ``cwd``: only for the operator's own."""
    work_tree: Path | None = None
    index: Path | None = None

    async def __call__(
        self,
        *words: str,
        stdin: bytes = b"",
        answers: Collection[int] = (0,),
        settings: Collection[str] = (),
        env: Mapping[str, str] | None = None,
        timeout_s: float = 120.0,
    ) -> Completed:
        """Run one command; raises GitError unless its exit code is one of ``answers``."""
        argv = ["git", "--no-pager", "--literal-pathspecs"]
        for setting in (*_SETTINGS, *settings):
            argv += ["-c", setting]
        done = await _run([*argv, *words], self._environment(env), self.cwd, stdin, timeout_s)
        if done.exit_code in answers and not done.truncated:
            return done
        raise GitError(_sentence(words[0], done, timeout_s))

    async def line(self, *words: str, stdin: bytes = b"") -> str:
        """The command's output without its last newline."""
        return text_of((await self(*words, stdin=stdin)).stdout).removesuffix("\n")

    def _environment(self, extra: Mapping[str, str] | None) -> dict[str, str]:
        places = {
            "GIT_DIR": self.git_dir,
            "GIT_WORK_TREE": self.work_tree,
            "GIT_INDEX_FILE": self.index,
        }
        chosen = {name: str(path) for name, path in places.items() if path is not None}
        return {**allowed_environment(), **_ENVIRONMENT, **chosen, **(extra or {})}


async def _run(
    argv: list[str], env: dict[str, str], cwd: Path, stdin: bytes, timeout_s: float
) -> Completed:
    try:
        return await run(
            argv,
            cwd=cwd,
            env=env,
            stdin=stdin,
            timeout_s=timeout_s,
            output_limit=OUTPUT_LIMIT,
            marker="mendwire-git",
        )
    except RepositoryUnfit:
        raise
    except ExecutionError as problem:
        if cwd.is_dir():
            message = f"Git cannot be run: install git {OLDEST[0]}.{OLDEST[1]} or newer ({problem})"
            raise RepositoryUnfit(message) from None
        raise


def _sentence(command: str, done: Completed, timeout_s: float) -> str:
    if done.timed_out:
        return f"git {command} took longer than {timeout_s:.0f} s and was stopped."
    if done.truncated:
        return f"git {command} gave more than {OUTPUT_LIMIT >> 20} MB; the repository is too large."
    lines = done.complaint.splitlines()
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines[-1:]
    said = printable("; ".join(told[:2]), 400) or f"exit code {done.exit_code}"
    return f"git {command} failed: {said}"


async def git_version(cwd: Path) -> tuple[int, int]:
    """Major and minor; raises RepositoryUnfit when git is absent or too old."""
    said = await Git(cwd=cwd).line("version")
    found = re.search(r"(\d+)\.(\d+)", said)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    if version < OLDEST:
        message = f"Git {said[-20:]} is too old: install {OLDEST[0]}.{OLDEST[1]} or newer."
        raise RepositoryUnfit(message)
    return version


def text_of(output: bytes) -> str:
    """Git's output with paths in any encoding kept whole (surrogateescape)."""
    return output.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The inverse of ``text_of``."""
    return text.encode("utf-8", "surrogateescape")


def write_atomically(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace ``path`` as a whole, flushed to disk; its folder must exist."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
