"""The operator's repository: read by plumbing that starts nothing, and given finished commits.

Its working tree and index are never written; of its references, one new branch at a time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import GitError, RepositoryUnfit
from mendwire.execution.plumbing import Git, git_version, text_of
from mendwire.model.printable import printable

LOCK_WAITS_S: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses while another git holds a lock; then we give up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """Where the operator's repository keeps what we read."""

    top: Path
    """The checkout's top folder."""
    common: Path
    """The git folder that linked worktrees share."""
    objects: Path
    index: Path
    object_format: str
    """``sha1`` or ``sha256``."""
    shallow: bytes
    """The commits at which history was cut; empty when it is whole."""
    git_version: tuple[int, int]

    @property
    def git(self) -> Git:
        """For commands that run no program of the repository's configuration, and no others."""
        return Git(cwd=self.top)

    async def commit_of(self, revision: str) -> str:
        """The full name of the commit that ``revision`` means; raises RepositoryUnfit."""
        wanted = ("rev-parse", "--verify", "--quiet", "--end-of-options")
        found = await self.git(*wanted, f"{revision}^{{commit}}", answers=(0, 1, 128))
        if found.exit_code == 0:
            return found.text.strip().splitlines()[-1]
        if revision == "HEAD":
            message = f"{self.top} has no commit yet: commit your work once, then start again."
        else:
            shown = printable(revision, 60)
            message = f"{shown} is no branch, tag or commit of {self.top}: correct project.base."
        raise RepositoryUnfit(message)

    async def tip(self, branch: str) -> str | None:
        """The commit a branch points at, or None when there is no such branch."""
        wanted = ("for-each-ref", "--format=%(objectname) %(refname)", f"refs/heads/{branch}")
        for line in (await self.git.line(*wanted)).splitlines():
            name, _, reference = line.partition(" ")
            if reference == f"refs/heads/{branch}":
                return name
        return None

    async def branches(self, prefix: str) -> dict[str, str]:
        """Branches that are called ``prefix`` or begin with ``prefix/``: their commits by name.

        With an empty prefix all of them.
        """
        wanted = ("for-each-ref", "--format=%(objectname) %(refname)", f"refs/heads/{prefix}")
        lines = (await self.git.line(*wanted)).splitlines()
        found = (line.partition(" ") for line in lines)
        return {name.removeprefix("refs/heads/"): commit for commit, _, name in found}

    async def names_of(self, commit: str) -> tuple[str, ...] | None:
        """One of the references that lead to a commit, if any does; None if it is not here."""
        wanted = ("for-each-ref", "--count=1", "--format=%(refname)", f"--contains={commit}")
        done = await self.git(*wanted, answers=range(256))
        return tuple(done.text.splitlines()) if done.exit_code == 0 else None

    async def receive(self, pack: bytes) -> None:
        """Store a pack's objects; nothing refers to them yet."""
        await self.git("unpack-objects", "-q", "--strict", stdin=pack)

    async def create_branch(self, branch: str, commit: str) -> bool:
        """Create the branch; False if one of that name came first. It is never moved.

        Raises GitError when a lock outlasts our patience, or a branch's name is in the way.
        """
        how = ("update-ref", "--create-reflog", "-m", "mendwire: created")
        words = (*how, f"refs/heads/{branch}", commit, "0" * len(commit))
        for wait_s in (*LOCK_WAITS_S, None):
            try:
                await self.git(*words)
            except GitError as problem:
                if await self.tip(branch) is not None:
                    return False
                if wait_s is None or ".lock" not in str(problem):
                    raise _refused(branch, problem) from None
                await asyncio.sleep(wait_s)
            else:
                return True
        return False

    async def check_movable(self, branch: str, before: str, commit: str) -> None:
        """Raises GitError where ``move_on`` would refuse, before anything else is done."""
        tip = await self.tip(branch)
        if tip in {commit, None}:
            return
        trees = text_of((await self.git("worktree", "list", "--porcelain")).stdout).splitlines()
        if f"branch refs/heads/{branch}" in trees:
            raise GitError(f"The branch {branch} is checked out, so it was not moved.")
        if tip != before:
            raise GitError(f"The branch {branch} has commits that are not ours.")

    async def move_on(self, branch: str, before: str, commit: str) -> None:
        """Move a branch of ours from exactly ``before`` to a commit made on it; legal twice.

        Where it is missing it is made. Raises GitError where people's commits are on it, or where
        it is checked out: their files would no longer be what it holds.
        """
        tip = await self.tip(branch)
        if tip == commit or (tip is None and await self.create_branch(branch, commit)):
            return
        await self.check_movable(branch, before, commit)
        reference = f"refs/heads/{branch}"
        words = ("update-ref", "--create-reflog", "-m", "mendwire: made anew", reference)
        for wait_s in (*LOCK_WAITS_S, None):
            try:
                await self.git(*words, commit, before)
            except GitError as problem:
                if wait_s is None or ".lock" not in str(problem):
                    raise
                await asyncio.sleep(wait_s)
            else:
                return


def _refused(branch: str, problem: GitError) -> GitError:
    said = str(problem)
    if ".lock" in said:
        return GitError(
            f"The branch {branch} cannot be created while another git holds a lock; if none runs, "
            f"remove the lock file it names and deliver again. ({said})"
        )
    return GitError(f"The branch {branch} cannot be created. {said}")


async def find_origin(repository: Path) -> Origin:
    """The operator's repository at or above ``repository``; raises RepositoryUnfit."""
    if not repository.is_dir():
        message = f"There is no folder {repository}: set project.repository to your checkout."
        raise RepositoryUnfit(message)
    version = await git_version(repository)
    git = Git(cwd=repository)
    words = ("--is-bare-repository", "--show-object-format", "--path-format=absolute")
    paths = ("--git-common-dir", "--git-path", "objects", "--git-path", "index")
    done = await git(
        *("rev-parse", *words, *paths, "--git-path", "shallow", "--show-toplevel"),
        answers=range(256),
    )
    lines = text_of(done.stdout).splitlines()
    if lines[:1] == ["true"]:
        message = f"{repository} is a bare repository: point project.repository at a checkout."
        raise RepositoryUnfit(message)
    if done.exit_code or len(lines) != 7:  # noqa: PLR2004 - one line per question above
        message = (
            f"{repository} is no git repository: run `git init` and commit your code, or set "
            "project.repository."
        )
        raise RepositoryUnfit(message)
    objects, shallow = Path(lines[3]), Path(lines[5])
    _refuse_partial(repository, objects)
    return Origin(
        top=Path(lines[6]),
        common=Path(lines[2]),
        objects=objects,
        index=Path(lines[4]),
        object_format=lines[1],
        shallow=shallow.read_bytes() if shallow.is_file() else b"",
        git_version=version,
    )


def _refuse_partial(repository: Path, objects: Path) -> None:
    if any((objects / "pack").glob("*.promisor")):
        message = (
            f"{repository} is a partial clone whose missing objects would have to be fetched: "
            "clone it whole."
        )
        raise RepositoryUnfit(message)
