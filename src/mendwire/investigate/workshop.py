"""Where a specialist works: a tree and a scratch folder of its own, and how its change is read."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.execution.git import CaseRepository
from mendwire.execution.trees import tree
from mendwire.investigate.outside import Snapshot, differences, snapshot
from mendwire.investigate.patch import read_patch
from mendwire.model.letter import Letter
from mendwire.model.screening import ScreenedReport
from mendwire.model.work import Assignment, Change, Limits, Role

_HARM_NAMED: Final = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One run's folders."""

    tree: Path
    scratch: Path
    commit: str
    """Which the tree holds at first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workshop:
    """One repository's. Nothing that an agent does in a place is kept but what is read here."""

    repository: CaseRepository
    state: Path
    """Folder of ours: trees and agents' scratch folders are made in it."""
    walled: bool = False
    """The agent cannot write outside of its tree: what changes there is the operator's work, a
    switched branch for example, and no harm."""

    @asynccontextmanager
    async def place(self, commit: str, key: str) -> AsyncIterator[Place]:
        """A fresh tree at ``commit``, gone when the block ends; ``key`` names it."""
        scratch = self.state / "scratch" / key
        await asyncio.to_thread(_sweep_scratch, self.state)
        async with tree(self.repository, commit, key=key, state=self.state) as checkout:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                yield Place(tree=checkout, scratch=scratch, commit=commit)
            finally:
                await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)

    def assignment(
        self, letter: Letter, place: Place, screened: ScreenedReport, limits: Limits
    ) -> Assignment:
        """What the letter asks, to be done in a place here."""
        return Assignment(
            case_id=letter.case_id,
            role=letter.role,
            called=letter.own_name,
            prompt=letter.prompt,
            system=letter.system,
            answer_schema=letter.answer_schema,
            tree=place.tree,
            repo=self.repository.origin.top,
            base=letter.base,
            begins=place.commit,
            scratch=place.scratch,
            screened=screened,
            finding=letter.finding,
            change=letter.change,
            feedback=letter.feedback,
            reproduction=letter.reproduction,
            limits=limits,
            restricted=letter.restricted,
            may_run=letter.may_run and not letter.restricted,
        )

    async def begins(self, letter: Letter) -> str:
        """The commit that a specialist's tree begins at.

        A reviewer sees the change on top of the base, and so does who makes a delivered one anew.
        """
        shown = {Role.REVIEW: letter.change, Role.IMPLEMENTATION: letter.stands}.get(letter.role)
        if shown is None:
            return letter.base
        after = await self.repository.apply_patch(letter.base, shown.patch)
        return await self.repository.commit(after, letter.base, "Under review", letter.opened_ns)

    async def change(self, place: Place, base: str, explanation: str) -> Change:
        """What was changed in a tree, as our own git reads it (rules B7)."""
        after = await self.repository.write_tree(place.tree, base)
        return await self.between(base, after, explanation)

    async def patched(self, base: str, patch: str, explanation: str) -> Change:
        """The same of a diff that came from elsewhere, applied by us; raises GitError.

        Nothing is believed of it: what it changes is read from the trees (rules B4).
        """
        after = await self.repository.apply_patch(base, patch)
        return await self.between(base, after, explanation)

    async def between(self, base: str, after: str, explanation: str) -> Change:
        """The change from a commit to a tree."""
        patch = await self.repository.diff(base, after)
        files = read_patch(patch)
        return Change(
            patch=patch,
            files=await self.repository.changed(base, after),
            added=sum(len(file.added) for file in files),
            removed=sum(len(file.removed) for file in files),
            explanation=explanation,
        )

    async def outside(self, place: Place) -> Snapshot:
        """What lies outside of the tree, to be compared with ``harm`` afterwards."""
        if self.walled:
            return Snapshot(prints={})
        # Hashing many files must not keep the heartbeat of our lease waiting.
        top = self.repository.origin.top
        return await asyncio.to_thread(snapshot, top, top=(place.tree.parent,))

    async def harm(self, before: Snapshot, place: Place) -> tuple[str, ...]:
        """What was changed outside of the tree since ``before``."""
        return differences(before, await self.outside(place))[:_HARM_NAMED]


def _sweep_scratch(state: Path) -> None:
    """Remove what killed workers left: a scratch folder lives no longer than its tree."""
    scratch, trees = state / "scratch", state / "trees"
    if scratch.is_dir():
        for folder in tuple(scratch.iterdir()):
            if not any(trees.glob(f"{folder.name}.*")):
                shutil.rmtree(folder, ignore_errors=True)
