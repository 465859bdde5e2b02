"""Undoing one commit on top of the base, whole or in parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import AgentFailed
from mendwire.execution.git import CaseRepository
from mendwire.execution.objects import LINK, SUBMODULE

HUNKS: Final = 10
"""Hunks of one commit that are undone one at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undo:
    """One way to undo a commit."""

    commit: str
    tree: str
    extent: str = ""
    """Empty for the whole commit, else which part of it."""


async def undos_of(
    repository: CaseRepository, base: str, commit: str, paths: Sequence[str]
) -> AsyncIterator[Undo]:
    """The ways that apply without a conflict: the whole commit, or only in the crash's files."""
    whole = await repository.revert_tree(base, commit)
    if whole is not None:
        yield Undo(commit=commit, tree=whole)
    touched = await _touched(repository, commit)
    own = [path for path in touched if path in paths]
    if own and len(own) < len(touched):
        part = await repository.revert_tree(base, commit, own)
        if part is not None and part != whole:
            yield Undo(commit=commit, tree=part, extent=f"in {', '.join(own)} alone")


async def small_undos_of(
    repository: CaseRepository, base: str, commit: str, paths: Sequence[str]
) -> AsyncIterator[Undo]:
    """One hunk at a time, in the crash's files: for commits that did other things as well."""
    for path in await _touched(repository, commit):
        for number in range(HUNKS if path in paths else 0):
            tree = await repository.revert_hunk(base, commit, path, number)
            if tree is not None:
                part = f"in the hunk {number + 1} of {path} alone"
                yield Undo(commit=commit, tree=tree, extent=part)


async def all_undos_of(
    repository: CaseRepository, base: str, commit: str, paths: Sequence[str]
) -> AsyncIterator[Undo]:
    """Every way, the largest first, each tree once."""
    seen: set[str] = set()
    for ways in (undos_of, small_undos_of):
        async for undo in ways(repository, base, commit, paths):
            if undo.tree not in seen:
                seen.add(undo.tree)
                yield undo


async def _touched(repository: CaseRepository, commit: str) -> tuple[str, ...]:
    parents = (await repository.commit_info(commit)).parents
    return await repository.changed(parents[0], commit) if len(parents) == 1 else ()


async def lay_down(
    repository: CaseRepository, commit: str, tree: str, target: Path
) -> tuple[str, ...]:
    """Make ``target``, a checkout of ``commit``, hold ``tree``: bytes and modes; changed paths.

    Raises AgentFailed when that would need a link or a submodule, which no undo of ours writes.
    """
    before, after = await repository.entries(commit), await repository.entries(tree)
    changed = await repository.changed(commit, tree)
    for path in changed:
        if {before.get(path), after.get(path)} & {LINK, SUBMODULE}:
            raise AgentFailed(f"Undoing the commit would change the link or submodule {path}.")
    for path in changed:
        content = await repository.read_file(tree, path) if path in after else None
        await asyncio.to_thread(_put, target, path, content, after.get(path) == "100755")
    return changed


def _put(root: Path, path: str, content: bytes | None, executable: bool) -> None:  # noqa: FBT001 - a file's mode
    target = root / path
    if not target.parent.resolve().is_relative_to(root.resolve()):
        raise AgentFailed(f"{path} lies outside of the tree.")
    target.unlink(missing_ok=True)
    if content is None:
        _prune(target.parent, root)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(0o755 if executable else 0o644)


def _prune(folder: Path, root: Path) -> None:
    """Remove folders that became empty, as git does."""
    while folder != root and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent
