"""Commits handed to a remote of the operator's, or fetched, with the operator's own credentials.

The one place where git may speak to another machine. Hooks of the repository do not run; its
configuration of remotes, of SSH and of credential helpers does, for it is the operator's own. No
agent's process is near: what is pushed was proven, and is named by its commit.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import Final

from mendwire.errors import GitError, RemoteAway
from mendwire.execution.plumbing import OUTPUT_LIMIT, text_of
from mendwire.execution.process import Completed, run
from mendwire.model.printable import printable

WAITS_S: Final = (1.0, 5.0, 15.0)
"""Pauses between tries while the remote does not answer."""
_SECONDS: Final = 120.0
_HEADS: Final = 1_000
"""Branches that are fetched where a commit cannot be named."""
_REMOTE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LOGIN: Final = re.compile(r"(?<=://)[^/\s@]+@")
_OURS: Final = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "false",
    "GIT_ALLOW_PROTOCOL": "file:git:http:https:ssh",
}
_KEPT: Final = re.compile(r"GIT_(?:SSH\w*|ASKPASS|CONFIG\w*)")
"""Of git's own variables those that say how to log in; others would point it elsewhere."""
_AWAY: Final = re.compile(
    r"(?i)could not (?:resolve|read from)|unable to access|timed out|connection (?:refused|reset|"
    r"closed)|no route|network is|early eof|hung up|temporar"
)


async def push(top: Path, remote: str, branch: str, commit: str, *, after: str = "") -> None:
    """Make ``branch`` on ``remote`` point at ``commit``, once; it is never moved (rules A11).

    But from ``after``, a commit of ours below this one, where that is given. ``top`` is the
    operator's checkout. Raises GitError, with what to do, where the branch is there with other
    commits, or the remote is unknown or refuses, and RemoteAway where it stays away.
    """
    if not _REMOTE.fullmatch(remote):
        raise GitError(f"{printable(remote, 60)!r} is no remote's name: correct delivery.push.")
    reference = f"refs/heads/{branch}"
    for wait_s in (*WAITS_S, None):
        try:
            return await _push_once(top, remote, reference, commit, after)
        except GitError as problem:
            if not _AWAY.search(str(problem)):
                raise
            if wait_s is None:
                raise RemoteAway(str(problem)) from None
            await asyncio.sleep(wait_s)
    return None


async def fetch(top: Path, remote: str, commit: str) -> None:
    """Bring a commit's objects into the operator's checkout; no branch, tag or file changes there.

    Asked for by its name first, which hosts allow; else all branches are fetched. It may still be
    missing afterwards. Raises GitError where the remote is unknown, refuses or stays away.
    """
    if not _REMOTE.fullmatch(remote):
        raise GitError(f"{printable(remote, 60)!r} is no remote's name: correct specialists.fetch.")
    quiet = ("--no-tags", "--no-write-fetch-head", "--refmap=", "--recurse-submodules=no", "-q")
    try:
        await _fetched(top, *quiet, remote, commit)
    except GitError as problem:
        if _AWAY.search(str(problem)):
            raise
        done = await _git(top, "ls-remote", "--heads", remote)
        heads = [line.partition("\t")[2] for line in text_of(done.stdout).splitlines()]
        if not heads:
            raise
        await _fetched(top, *quiet, remote, *heads[:_HEADS])


async def _fetched(top: Path, *words: str) -> None:
    try:
        await _git(top, "fetch", *words)
    except GitError as problem:
        if not _AWAY.search(str(problem)):
            raise
        await asyncio.sleep(WAITS_S[0])
        await _git(top, "fetch", *words)


async def _push_once(top: Path, remote: str, reference: str, commit: str, after: str) -> None:
    branch = reference.removeprefix("refs/heads/")
    tip = await _tip(top, remote, reference)
    if tip == commit:
        return
    if tip != after:
        raise GitError(
            f"The branch {branch} is on {remote} already, at {tip[:12] or 'no commit'}, and that "
            "is not this fix: rename or remove it there, then `mendwire cases retry`."
        )
    # Nobody may have made or moved it since: the lease says where it is.
    await _git(
        top, "push", f"--force-with-lease={reference}:{after}", remote, f"{commit}:{reference}"
    )


async def _tip(top: Path, remote: str, reference: str) -> str:
    done = await _git(top, "ls-remote", remote, reference)
    for line in text_of(done.stdout).splitlines():
        commit, _, name = line.partition("\t")
        if name == reference:
            return commit
    return ""


async def _git(top: Path, command: str, *words: str) -> Completed:
    ours = ("core.hooksPath=/dev/null", "protocol.ext.allow=never", "gc.auto=0")
    settings = [word for one in (*ours, "maintenance.auto=false") for word in ("-c", one)]
    done = await run(
        ["git", "--no-pager", *settings, command, *words],
        cwd=top,
        env=_environment(),
        stdin=b"",
        timeout_s=_SECONDS,
        output_limit=OUTPUT_LIMIT,
        marker="mendwire-git",
    )
    if done.exit_code == 0 and not done.timed_out:
        return done
    if done.timed_out:
        raise GitError(f"git {command} timed out after {_SECONDS:.0f} s.")
    lines = [line for line in done.complaint.splitlines() if not line.startswith("hint:")]
    said = printable(_LOGIN.sub("", "; ".join(lines[:3])), 300)
    where = next(word for word in words if not word.startswith("-"))
    raise GitError(f"git {command} {'from' if command == 'fetch' else 'to'} {where} failed: {said}")


def _environment() -> dict[str, str]:
    """The operator's own, for their keys and helpers; where git works is ours to say."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or _KEPT.fullmatch(name)
    }
    return {**own, **_OURS}
