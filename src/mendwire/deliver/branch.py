"""Handing a fix over: a commit on a new branch of the operator's repository, and a patch file.

Everything follows from the case, so that doing it twice, or after a kill at any point, gives the
same commit and one branch (rules A4). No branch is ever moved (rules A11).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from mendwire.deliver.message import belongs_to, commit_message, round_message, told_words
from mendwire.errors import GitError
from mendwire.execution.git import CaseRepository
from mendwire.execution.plumbing import write_atomically
from mendwire.model.case import Case, Delivered
from mendwire.model.names import token

ContainsSecret = Callable[[str], str | None]
"""What kind of secret a text holds, or None."""
IDENTITY: Final = "Mendwire <mendwire@localhost>"
_PREFIX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:/[A-Za-z0-9][A-Za-z0-9_-]*)*")
_TRIES: Final = 3


async def deliver(
    case: Case,
    repository: CaseRepository,
    state: Path,
    *,
    contains_secret: ContainsSecret,
    identity: str = IDENTITY,
    branch_prefix: str = "mendwire",
    propose_only: bool = False,
) -> Delivered:
    """The case's change as a patch file and as a commit on ``<prefix>/<issue>``.

    With ``propose_only`` the patch file is all; nothing is written to the repository.
    Where that branch belongs to an earlier episode or to somebody else, the branch is
    ``<prefix>/<issue>-<episode>``. Raises GitError with what to do.
    """
    if case.change is None or not case.change.patch:
        raise GitError(f"Case {case.case_id} has no change that could be delivered.")
    message = commit_message(case)
    _refuse_secrets(case, message, contains_secret)
    patch = state.absolute() / "patches" / f"{token(case.case_id)}.patch"
    await asyncio.to_thread(_write, patch, case.change.patch)
    if propose_only:
        return Delivered(patch_path=str(patch))
    tree = await repository.apply_patch(case.base, case.change.patch)
    commit = await repository.commit(tree, case.base, message, case.opened_ns, identity=identity)
    branch, delivered = await _put(case, repository, commit, _names(case, branch_prefix))
    return Delivered(branch=branch, commit=delivered, patch_path=str(patch))


async def deliver_again(
    case: Case,
    repository: CaseRepository,
    state: Path,
    *,
    hand_on: Callable[[str], Awaitable[None]],
    contains_secret: ContainsSecret,
    identity: str = IDENTITY,
) -> Delivered:
    """The case's newer change as one more commit on the branch that has its first; legal twice.

    ``hand_on`` brings the commit to where people review it. Until that is done nothing moves
    here, so that what could not be handed on is no commit in the way of the next one.
    Raises GitError where people's commits are on the branch, or it is checked out.
    """
    before = case.delivered
    if case.change is None or before is None or not before.branch:
        raise GitError(f"Case {case.case_id} has no branch that could get another commit.")
    message = round_message(case)
    _refuse_secrets(case, message, contains_secret)
    tree = await repository.apply_patch(case.base, case.change.patch)
    when_ns = case.opened_ns + case.reworks * 1_000_000_000
    commit = await repository.commit(tree, before.commit, message, when_ns, identity=identity)
    await repository.origin.check_movable(before.branch, before.commit, commit)
    await repository.origin.receive(await repository.pack(commit, before.commit))
    await hand_on(commit)
    await repository.origin.move_on(before.branch, before.commit, commit)
    patch = state.absolute() / "patches" / f"{token(case.case_id)}.patch"
    await asyncio.to_thread(_write, patch, case.change.patch)
    return replace(before, commit=commit, before=before.commit, patch_path=str(patch))


async def _put(
    case: Case, repository: CaseRepository, commit: str, names: tuple[str, str]
) -> tuple[str, str]:
    """The branch that has the fix, and the fix's commit on it."""
    for _ in range(_TRIES):
        tips = {name: await repository.origin.tip(name) for name in names}
        for name, tip in tips.items():
            if tip is not None and (ours := await _ours(case, repository, commit, tip)):
                return name, ours
        free = next((name for name, tip in tips.items() if tip is None), None)
        if free is None:
            break
        await repository.origin.receive(await repository.pack(commit, case.base))
        if await repository.origin.create_branch(free, commit):
            return free, commit
    raise GitError(
        f"The branches {names[0]} and {names[1]} exist and are not this case's: rename or remove "
        f"one, then deliver case {case.case_id} again."
    )


async def _ours(case: Case, repository: CaseRepository, commit: str, tip: str) -> str:
    """The case's commit on a branch, also below commits people added; empty when it has none."""
    if tip == commit:
        return commit
    messages = await repository.messages(tip, since=case.base)
    return next((sha for sha, text in messages.items() if belongs_to(text, case.case_id)), "")


def _names(case: Case, prefix: str) -> tuple[str, str]:
    if not _PREFIX.fullmatch(prefix):
        raise GitError(f"The branch prefix {prefix[:40]!r} cannot be used: take a plain word.")
    name = f"{prefix}/{token(case.issue)}"
    return name, f"{name}-{case.episode}"


def _refuse_secrets(case: Case, message: str, contains_secret: ContainsSecret) -> None:
    patch = case.change.patch if case.change else ""
    # What is removed or only stands near is in the repository's history already.
    added = [line[1:] for line in patch.splitlines() if line.startswith("+")]
    texts = {
        "change": "\n".join(added),
        "commit message": message,
        "story": "\n".join(told_words(case)),
    }
    for where, text in texts.items():
        if kind := contains_secret(text):
            raise GitError(
                f"The {where} of case {case.case_id} seems to hold a secret ({kind}), so it was "
                "not delivered: look at it yourself and deliver by hand if it is none."
            )


def _write(path: Path, patch: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(path, patch.encode())
