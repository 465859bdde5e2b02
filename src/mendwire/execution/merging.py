"""Commits whose names follow from their content alone, and three trees merged into one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from mendwire.execution.plumbing import Git

IDENTITY: Final = "Mendwire <mendwire@localhost>"
_MERGE_TREE: Final = (2, 38)
"""The first git with ``merge-tree --write-tree``."""


async def commit_tree(
    git: Git, tree: str, parent: str | None, message: str, *, identity: str, when: int
) -> str:
    """A commit; its name. ``when`` is seconds since the epoch, for author and committer alike."""
    name, _, address = identity.removesuffix(">").partition(" <")
    who = {"NAME": name, "EMAIL": address, "DATE": f"@{when} +0000"}
    env = {f"GIT_{role}_{key}": who[key] for role in ("AUTHOR", "COMMITTER") for key in who}
    words = ("commit-tree", tree, *(("-p", parent) if parent else ()), "-F", "-")
    text = message.rstrip("\n") + "\n"
    return (await git(*words, stdin=text.encode(), env=env)).text.strip()


async def merge_trees(
    git: Git, version: tuple[int, int], scratch: Path, sides: tuple[str, str, str]
) -> str | None:
    """The tree of ancestor, ours and theirs merged, or None where they conflict.

    Each side is a commit or a tree. ``scratch`` is an empty folder.
    """
    if version < _MERGE_TREE:
        return await merge_by_index(git, scratch, sides)
    # merge-tree takes commits and finds their ancestor itself: make three that have one.
    ancestor, *others = (f"{side}^{{tree}}" for side in sides)
    root = await commit_tree(git, ancestor, None, "ancestor", identity=IDENTITY, when=0)
    commits = [
        await commit_tree(git, tree, root, "side", identity=IDENTITY, when=0) for tree in others
    ]
    done = await git("merge-tree", "--write-tree", "--no-messages", *commits, answers=(0, 1))
    return done.text.strip() if done.exit_code == 0 else None


async def merge_by_index(git: Git, scratch: Path, sides: tuple[str, str, str]) -> str | None:
    """The same with any git, but blind to renames."""
    folder = scratch / "tree"
    folder.mkdir()
    git = replace(git, cwd=folder, work_tree=folder, index=scratch / "index")
    trees = [await git.line("rev-parse", "--verify", f"{side}^{{tree}}") for side in sides]
    await git("read-tree", "-i", "-m", "--aggressive", *trees)
    words = ("merge-index", "-o", "-q", "git-merge-one-file", "-a")
    done = await git(*words, answers=range(256))
    return await git.line("write-tree") if done.exit_code == 0 else None
