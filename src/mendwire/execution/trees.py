"""Disposable checkouts: one for an agent, fresh ones for the judge, none of them left behind.

Each lies in a folder of its own under ``<state>/trees``, held by a file lock while its process
lives, so that what a killed worker left is told from what is in use and swept.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import ExecutionError
from mendwire.execution.borrowing import RAW_ATTRIBUTES
from mendwire.execution.git import CaseRepository
from mendwire.execution.plumbing import Git, bytes_of

HISTORY: Final = 100
"""Commits of history that an agent's own repository has."""
_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_CONFIG: Final = """[core]
\trepositoryformatversion = {version}
\tbare = false
\tfilemode = true
\tlogallrefupdates = true
[user]
\tname = Mendwire
\temail = mendwire@localhost
[gc]
\tauto = 0
{extension}"""


@asynccontextmanager
async def tree(
    repository: CaseRepository, base: str, *, key: str, state: Path, history: int = HISTORY
) -> AsyncIterator[Path]:
    """A checkout at ``base`` for an agent, gone when the block ends.

    Its ``.git`` is its own: ``git log`` and ``git diff`` work there over the last ``history``
    commits, nothing in it refers to the operator's repository or to ours. Symbolic links that
    lead out of the tree are withheld. ``key`` (case and token) names the folder.
    """
    async with _room(state, key) as room:
        path = room / "tree"
        await asyncio.to_thread(_make_repository, path, repository.origin.object_format)
        git = Git(cwd=path, git_dir=path / ".git", work_tree=path)
        source = f"file://{repository.git_dir.resolve()}"
        fetch = ("fetch", "-q", "--no-tags", "--update-head-ok", f"--depth={history}")
        await git(
            *(*fetch, source, f"{base}:refs/heads/work"),
            env={"GIT_ALLOW_PROTOCOL": "file"},
            settings=("core.logAllRefUpdates=false",),
            timeout_s=600.0,
        )
        # Neither this file nor a reflog shall say where our repository is.
        (path / ".git" / "FETCH_HEAD").unlink(missing_ok=True)
        await git("read-tree", "--reset", "-u", "HEAD", timeout_s=600.0)
        await _withhold(repository, base, path, git)
        yield path


@asynccontextmanager
async def export(
    repository: CaseRepository, tree_sha: str, *, key: str, state: Path
) -> AsyncIterator[Path]:
    """The files of a commit or tree without any ``.git``, gone when the block ends."""
    async with _room(state, key) as room:
        path = room / "tree"
        path.mkdir(mode=0o700)
        git = Git(cwd=path, git_dir=repository.git_dir, work_tree=path, index=room / "index")
        await git("read-tree", "--reset", "-u", tree_sha, timeout_s=600.0)
        await _withhold(repository, tree_sha, path, None)
        yield path


async def sweep_trees(state: Path) -> int:
    """Remove what dead processes left in ``<state>/trees``; how many folders that were."""
    return await asyncio.to_thread(_sweep, state / "trees")


async def _withhold(repository: CaseRepository, base: str, path: Path, git: Git | None) -> None:
    withheld = sorted(await repository.outside_links(base))
    for link in withheld:
        (path / link).unlink(missing_ok=True)
    if git is not None and withheld:
        listed = bytes_of("\0".join(withheld))
        await git("update-index", "--skip-worktree", "-z", "--stdin", stdin=listed)


def _make_repository(path: Path, object_format: str) -> None:
    path.mkdir(mode=0o700)
    git_dir = path / ".git"
    for folder in ("objects/info", "objects/pack", "refs/heads", "info"):
        (git_dir / folder).mkdir(parents=True)
    other = object_format != "sha1"
    extension = f"[extensions]\n\tobjectFormat = {object_format}\n" if other else ""
    (git_dir / "config").write_text(_CONFIG.format(version=int(other), extension=extension))
    (git_dir / "HEAD").write_text("ref: refs/heads/work\n")
    (git_dir / "info" / "attributes").write_text(RAW_ATTRIBUTES)


@dataclass(frozen=True, slots=True)
class _Room:
    path: Path
    lock: int
    """The descriptor that holds the folder."""


@asynccontextmanager
async def _room(state: Path, key: str) -> AsyncIterator[Path]:
    if not _KEY.fullmatch(key):
        message = f"{key[:40]!r} cannot name a folder: use letters, digits, '.', '_' and '-'."
        raise ExecutionError(message)
    making = asyncio.ensure_future(asyncio.to_thread(_make_room, state / "trees", key))
    try:
        room = await asyncio.shield(making)
    except asyncio.CancelledError:
        await _finished(_remove_room, await making)
        raise
    try:
        yield room.path
    finally:
        await _finished(_remove_room, room)


async def _finished(remove: Callable[[_Room], None], room: _Room) -> None:
    """Run to the end in a thread, however often we are cancelled meanwhile."""
    removing = asyncio.ensure_future(asyncio.to_thread(remove, room))
    cancelled = False
    while not removing.done():
        try:
            await asyncio.shield(removing)
        except asyncio.CancelledError:
            cancelled = True
    removing.result()
    if cancelled:
        raise asyncio.CancelledError


def _make_room(trees: Path, key: str) -> _Room:
    trees.mkdir(parents=True, exist_ok=True, mode=0o700)
    _sweep(trees)
    with _door(trees):
        path = Path(tempfile.mkdtemp(prefix=f"{key}.", dir=trees.resolve()))
        lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
    # The state folder often lies in the operator's checkout: git that is run in a tree without a
    # .git of its own must not find that one above it, and stops at this dead end.
    (path / ".git").write_text("gitdir: /nonexistent\n")
    return _Room(path, lock)


def _remove_room(room: _Room) -> None:
    try:
        _remove(room.path)
    finally:
        os.close(room.lock)


def _sweep(trees: Path) -> int:
    if not trees.is_dir():
        return 0
    with _door(trees):
        dead = [path for path in trees.iterdir() if path.is_dir() and not _in_use(path)]
    for path in dead:
        _remove(path)
    return len(dead)


@contextmanager
def _door(trees: Path) -> Iterator[None]:
    """Held while a folder is made or judged, so that none is judged before it is locked."""
    descriptor = os.open(trees / ".door", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _in_use(path: Path) -> bool:
    try:
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    """Remove a folder, also where an agent took rights away; links are never followed.

    Others may be at it too: every worker sweeps, and a folder whose lock is gone looks dead to
    them while its owner removes the rest.
    """
    with suppress(FileNotFoundError, PermissionError):
        shutil.rmtree(path)
    if not os.path.lexists(path):
        return
    for folder, names, _files in os.walk(path):
        for name in names:
            inner = Path(folder, name)
            with suppress(FileNotFoundError):
                if not inner.is_symlink():
                    inner.chmod(stat.S_IRWXU)
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        message = f"{path} cannot be removed; remove it by hand."
        raise ExecutionError(message)
