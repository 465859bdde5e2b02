"""The judge's own trees: made with our own git at base, no agent ever worked in them."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from mendwire.errors import GitError
from mendwire.execution.commands import Bench, aux_folder, folder_in, run_command
from mendwire.execution.git import CaseRepository
from mendwire.execution.outcomes import shown_output
from mendwire.execution.trees import export
from mendwire.investigate.patch import read_patch
from mendwire.investigate.testfiles import is_judge_file
from mendwire.model.project import ProjectCommands, Runner
from mendwire.model.work import ProofStatus

_INSTALLED: Final = frozenset({"node_modules", ".venv", "venv", "__pycache__", ".pytest_cache"})


class Ended(Exception):
    """The proof is decided early: no error, the payload is the answer."""

    def __init__(self, status: ProofStatus, *reasons: str) -> None:
        super().__init__(*reasons)
        self.status = status
        self.reasons = reasons


@dataclass(frozen=True, kw_only=True, slots=True)
class FreshTrees:
    """Makes the trees of one proof."""

    repository: CaseRepository
    state: Path
    """Folder of ours in which the trees and the lasting cache are kept."""
    bench: Bench
    commands: ProjectCommands
    base: str
    key: str
    """Names the folders."""
    is_fixed: Callable[[str], bool]
    """Whether a path is a test or the judge's, which the code must leave alone while it runs."""

    @asynccontextmanager
    async def at(self, patch: str) -> AsyncIterator[tuple[Path, Bench]]:
        """A tree at base with ``patch``, and the bench to run its commands on.

        Set up before the patch is laid over it, so with base's own code. Raises Ended when the
        patch does not apply, and at the end when the tests were rewritten meanwhile.
        """
        wanted = await self._applied(patch)
        first = self.base if self.commands.setup else wanted
        async with export(self.repository, first, key=self.key, state=self.state) as tree:
            bench = await self._with_cache(tree.parent / "cache", trusted=not patch)
            await self._set_up(tree)
            if first != wanted:
                await self._lay_over(tree, wanted)
            before = await asyncio.to_thread(self._prints, tree)
            yield tree, bench
            if _rewritten(before, await asyncio.to_thread(self._prints, tree)):
                status = ProofStatus.BREACH if patch else ProofStatus.INVALID
                why = "While it ran, the code rewrote the tests or their configuration."
                raise Ended(status, why)

    async def _applied(self, patch: str) -> str:
        """The tree of base with ``patch``: git must see it change just the paths that we read."""
        try:
            wanted = await self.repository.apply_patch(self.base, patch)
        except GitError as problem:
            why = f"The change does not apply to the base commit: {problem}"
            raise Ended(ProofStatus.INVALID, why) from None
        read = {path for file in read_patch(patch) for path in file.paths}
        if not set(await self.repository.changed(self.base, wanted)) <= read:
            why = "The change reads differently to git than to its judge."
            raise Ended(ProofStatus.BREACH, why)
        return wanted

    async def _with_cache(self, own: Path, *, trusted: bool) -> Bench:
        """Compilers' caches: only base's own code writes the lasting one, a change gets a copy."""
        if self.commands.runner is not Runner.GO:
            return self.bench
        lasting = self.state / "cache"
        lasting.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not trusted:
            await asyncio.to_thread(shutil.copytree, lasting, own)
        return replace(self.bench, cache=lasting if trusted else own)

    async def _lay_over(self, tree: Path, wanted: str) -> None:
        modes = await self.repository.entries(wanted)
        for path in await self.repository.changed(self.base, wanted):
            content, target = await self.repository.read_file(wanted, path), tree / path
            target.unlink(missing_ok=True)
            if content is None:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            target.chmod(0o755 if modes[path] == "100755" else 0o644)

    async def _set_up(self, tree: Path) -> None:
        setup, folder = self.commands.setup, self.bench.folder
        modules = self.bench.repo / folder / "node_modules"
        if self.commands.runner is Runner.NPM and modules.is_dir() and not setup:
            (folder_in(tree, folder) / "node_modules").symlink_to(modules)
        if not setup:
            return
        with aux_folder(self.bench) as aux:
            done = await run_command(self.bench, setup, tree=tree, aux=aux, network=True)
        if done.exit_code:
            said = shown_output(done.text, done.complaint)[-300:]
            why = f"The project's setup command failed: {said}"
            raise Ended(ProofStatus.INFRASTRUCTURE, why)

    def _prints(self, tree: Path) -> dict[str, str]:
        """A fingerprint of each test and file of the judge's in a tree."""
        return dict(_printed(tree, self.is_fixed))


def _printed(tree: Path, is_fixed: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for path in tree.rglob("*"):
        inside = path.relative_to(tree)
        if not _INSTALLED.isdisjoint(inside.parts) or not is_fixed(inside.as_posix()):
            continue
        try:
            if path.is_file():
                yield inside.as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            yield inside.as_posix(), "unreadable"


def _rewritten(before: dict[str, str], after: dict[str, str]) -> bool:
    """Whether a test changed, vanished or came; what tests write beside themselves may come."""
    fresh = after.keys() - before.keys()
    return any(after.get(name) != known for name, known in before.items()) or any(
        name.endswith(".py") or is_judge_file(name) for name in fresh
    )
