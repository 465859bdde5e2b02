"""Our own bare repository beside the operator's: it borrows the objects and nothing else.

Everything that reads a change, makes a commit or undoes one happens here, under our configuration
(rules B7). What is written is content-addressed, so that two workers may do the same at once.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mendwire.errors import RepositoryUnfit
from mendwire.execution.borrowing import prepare
from mendwire.execution.merging import IDENTITY, commit_tree, merge_trees
from mendwire.execution.objects import Objects
from mendwire.execution.origin import Origin, find_origin
from mendwire.execution.plumbing import Git, bytes_of, text_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Base:
    """The commit that a case works from."""

    commit: str
    notices: tuple[str, ...] = ()
    """Sentences the operator should read: work not committed, history cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CaseRepository(Objects):
    """Ours, one for each operator's repository."""

    origin: Origin

    @classmethod
    async def open(cls, repository: Path, state: Path) -> CaseRepository:
        """The one for ``repository``, made in ``state`` when new; raises RepositoryUnfit."""
        origin = await find_origin(repository)
        name = hashlib.sha256(os.fsencode(origin.common)).hexdigest()[:16]
        git_dir = state.absolute() / "repositories" / f"{name}.git"
        try:
            await asyncio.to_thread(prepare, git_dir, origin)
        except OSError as problem:
            message = (
                f"{git_dir} cannot be written ({problem.strerror}): free its disk or let this "
                "account write there."
            )
            raise RepositoryUnfit(message) from problem
        return cls(git_dir=git_dir, origin=origin)

    async def base_commit(self, revision: str = "HEAD") -> Base:
        """What is committed at ``revision`` in the operator's repository; never its working tree.

        Raises RepositoryUnfit when there is no such commit.
        """
        commit = await self.origin.commit_of(revision)
        notices = []
        if dirty := await self._uncommitted(commit):
            these = "1 changed file" if len(dirty) == 1 else f"{len(dirty)} changed files"
            are = "is" if len(dirty) == 1 else "are"
            notices.append(
                f"{these} in {self.origin.top} {are} not committed and not part of what is fixed "
                f"(first: {dirty[0]})."
            )
        if self.origin.shallow:
            notices.append(
                f"The history of {self.origin.top} is cut (a shallow clone), so the commit that "
                "broke something may not be found: run `git fetch --unshallow`."
            )
        return Base(commit=commit, notices=tuple(notices))

    async def write_tree(self, worktree: Path, base: str) -> str:
        """The tree that a folder grown from ``base`` holds now, as we read it.

        The folder's own ``.git`` is not looked at. Ignored files, nested repositories and names
        git cannot store (``.GIT``) are left out; links that ``tree`` withheld count as unchanged.
        Raises GitError.
        """
        async with self.scratch_index() as index:
            git = Git(cwd=worktree, git_dir=self.git_dir, work_tree=worktree, index=index)
            await git("read-tree", base)
            if withheld := await self.outside_links(base):
                listed = bytes_of("\0".join(sorted(withheld)))
                await git("update-index", "--skip-worktree", "-z", "--stdin", stdin=listed)
            await git("add", "-u", timeout_s=300.0)
            found = await git("ls-files", "-z", "--others", "--exclude-standard")
            fresh = [path for path in text_of(found.stdout).split("\0") if _storable(path)]
            fresh = [path for path in fresh if path not in withheld]
            listed = bytes_of("\0".join(fresh))
            await git("update-index", "--add", "-z", "--stdin", stdin=listed)
            return await git.line("write-tree")

    async def commit(
        self,
        tree: str,
        parent: str | None,
        message: str,
        when_ns: int,
        *,
        identity: str = IDENTITY,
    ) -> str:
        """A commit whose name follows from the arguments alone; returns that name.

        ``when_ns`` is nanoseconds since the epoch, ``identity`` is ``Name <address>``.
        """
        seconds = when_ns // 1_000_000_000
        return await commit_tree(self.git, tree, parent, message, identity=identity, when=seconds)

    async def apply_patch(self, base: str, patch: str) -> str:
        """The tree of ``base`` with ``patch`` applied; raises GitError when it does not apply."""
        async with self.scratch_index() as index:
            git = Git(cwd=self.git_dir, git_dir=self.git_dir, index=index)
            await git("read-tree", base)
            if patch:
                words = ("apply", "--cached", "--whitespace=nowarn", "-")
                await git(*words, stdin=bytes_of(patch))
            return await git.line("write-tree")

    async def revert_tree(
        self, base: str, commit: str, paths: Sequence[str] | None = None
    ) -> str | None:
        """The tree of ``base`` with just what ``commit`` did undone, in ``paths`` or everywhere.

        None when there is nothing to undo to (a root or a merge commit), when later changes stand
        in the way, or when the undo changes nothing.
        """
        places = None if paths is None else tuple(paths)
        how = lambda: self._reverted(base, commit, places)  # noqa: E731 - a name would say no more
        return await self.known.get(f"revert {places}", (base, commit), how)

    async def _reverted(self, base: str, commit: str, paths: Sequence[str] | None) -> str | None:
        parents = (await self.commit_info(commit)).parents
        if len(parents) != 1:
            return None
        before = parents[0] if paths is None else await self._with_paths(commit, parents[0], paths)
        return await self._merged(commit, base, before)

    async def revert_hunk(self, base: str, commit: str, path: str, number: int) -> str | None:
        """The same for one hunk of what ``commit`` did to ``path``, counted from 0.

        None also when there is no such hunk.
        """
        parents = (await self.commit_info(commit)).parents
        if len(parents) != 1:
            return None
        words = ("diff-tree", "-p", "-U0", "--no-renames", "--no-ext-diff", "--no-textconv")
        done = await self.git(*words, "--no-color", "--full-index", parents[0], commit, "--", path)
        head, *hunks = done.stdout.split(b"\n@@ ")
        if number >= len(hunks):
            return None
        patch = head + b"\n@@ " + hunks[number].rstrip(b"\n") + b"\n"
        async with self.scratch_index() as index:
            git = Git(cwd=self.git_dir, git_dir=self.git_dir, index=index)
            await git("read-tree", commit)
            how = ("--cached", "--reverse", "--unidiff-zero", "--whitespace=nowarn")
            await git("apply", *how, "-", stdin=patch)
            before = await git.line("write-tree")
        return await self._merged(commit, base, before)

    async def pack(self, commit: str, base: str) -> bytes:
        """The objects that ``commit`` adds to ``base``."""
        wanted = f"{commit}\n^{base}\n".encode()
        return (await self.git("pack-objects", "--revs", "--stdout", "-q", stdin=wanted)).stdout

    async def _with_paths(self, commit: str, source: str, paths: Sequence[str]) -> str:
        """The tree of ``commit`` with ``paths`` as they are in ``source``."""
        then = {path: row for row, path in await self._rows(source, paths)}
        rows = [then.get(path) or f"0 {'0' * len(commit)}\t{path}" for path in paths]
        async with self.scratch_index() as index:
            git = Git(cwd=self.git_dir, git_dir=self.git_dir, index=index)
            await git("read-tree", commit)
            listed = bytes_of("\0".join(rows))
            await git("update-index", "-z", "--index-info", stdin=listed)
            return await git.line("write-tree")

    async def _merged(self, ancestor: str, base: str, theirs: str) -> str | None:
        async with self.scratch_index() as index:
            scratch = index.parent
            git, version = self.git, self.origin.git_version
            merged = await merge_trees(git, version, scratch, (ancestor, base, theirs))
        return None if merged == await self.tree_of(base) else merged

    async def _rows(self, commit: str, paths: Sequence[str]) -> list[tuple[str, str]]:
        done = await self.git("ls-tree", "-r", "-z", "--full-tree", commit, "--", *paths)
        rows = [row for row in text_of(done.stdout).split("\0") if row]
        return [(row, row.partition("\t")[2]) for row in rows]

    async def _uncommitted(self, base: str) -> tuple[str, ...]:
        """Tracked files of the operator's checkout or index that are not as in ``base``.

        Compared under our configuration over a copy of the index, because the operator's may name
        filters; where that cannot be done, nothing is said.
        """
        origin = self.origin
        if not origin.index.is_file():
            return ()
        async with self.scratch_index() as index:
            # With its times, for git rereads a file that is not older than the index it is in.
            await asyncio.to_thread(shutil.copy2, origin.index, index)
            git = Git(cwd=origin.top, git_dir=self.git_dir, work_tree=origin.top, index=index)
            await git("update-index", "-q", "--refresh", answers=range(256))
            words = ("diff-index", "--name-only", "-z", "--no-ext-diff", "--ignore-submodules=all")
            done = await git(*words, base, "--", answers=range(256))
        return tuple(filter(None, text_of(done.stdout).split("\0"))) if not done.exit_code else ()


def _storable(path: str) -> bool:
    """Not a nested repository, and no name that git itself would take for its folder."""
    parts = path.split("/")
    return parts[-1] != "" and not any(_is_git_folder(part) for part in parts)


def _is_git_folder(name: str) -> bool:
    # As git's own is_ntfs_dotgit and is_hfs_dotgit would have it, a little stricter.
    plain = name.encode("ascii", "ignore").decode().casefold().rstrip(" .")
    return plain.partition(":")[0] in {".git", "git~1"}
