"""What must stay as it is while an agent works: everything outside its tree that we can name.

The operator may commit or edit meanwhile, and other cases are worked on: so not the whole machine
is compared, but what an agent has no honest reason to touch and nobody changes by the way.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_GIT_PLACES: Final = ("config", "config.worktree", "hooks", "info", "modules")
_STEERING: Final = (
    ".claude",
    "CLAUDE.md",
    "AGENTS.md",
    ".mcp.json",
    ".envrc",
    ".env",
    ".gitmodules",
    ".gitattributes",
    ".github",
    "mendwire.toml",
)
_MOST_FILES: Final = 20_000
_LARGE: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """A fingerprint by path, of every watched file and folder."""

    prints: Mapping[str, str]


def watched(repo: Path) -> tuple[Path, ...]:
    """What is always watched of the operator's repository."""
    git = _git_folder(repo)
    places = [git / name for name in _GIT_PLACES]
    return (*places, *(repo / name for name in _STEERING))


def snapshot(
    repo: Path, *, also: Iterable[Path] = (), refs: Iterable[str] = (), top: Iterable[Path] = ()
) -> Snapshot:
    """Fingerprint the places of ``watched`` and ``also``, whole, before or after an agent's run.

    ``refs`` are full names of branches of ours that must not move. ``top`` are folders of which
    the names of the entries count, not what is in them: a file laid beside the tree is seen.
    """
    git = _git_folder(repo)
    prints: dict[str, str] = {}
    for place in (*watched(repo), *also, git / "HEAD"):
        prints.update(_prints(place, _MOST_FILES))
    for folder in top:
        prints[f"{folder}/"] = _entries(folder)
    for ref in refs:
        prints[ref] = _ref(git, ref)
    return Snapshot(prints=prints)


def differences(before: Snapshot, after: Snapshot) -> tuple[str, ...]:
    """One sentence for each watched path that is not as it was."""
    paths = sorted({*before.prints, *after.prints})
    return tuple(
        f"Outside of its tree, {path} was {_verb(before, after, path)} while the agent worked."
        for path in paths
        if before.prints.get(path) != after.prints.get(path)
    )


def _entries(folder: Path) -> str:
    return ",".join(sorted(path.name for path in folder.iterdir())) if folder.is_dir() else ""


def _verb(before: Snapshot, after: Snapshot, path: str) -> str:
    if path not in before.prints:
        return "made"
    return "changed" if path in after.prints else "deleted"


def _git_folder(repo: Path) -> Path:
    """``.git``, or what a linked worktree's ``.git`` file leads to in common."""
    place = repo / ".git"
    if not place.is_file():
        return place if place.is_dir() else repo
    text = place.read_text(encoding="utf-8", errors="replace")
    linked = repo / text.removeprefix("gitdir:").strip()
    common = linked / "commondir"
    return linked / common.read_text(encoding="utf-8").strip() if common.is_file() else linked


def _prints(place: Path, most: int) -> Iterator[tuple[str, str]]:
    waiting, seen = [place], 0
    while waiting and seen < most:
        path = waiting.pop()
        seen += 1
        try:
            status = path.lstat()
        except OSError:
            continue
        yield str(path), _print(path, status)
        if stat.S_ISDIR(status.st_mode):
            with suppress(OSError):  # gone or closed meanwhile: its own print says so
                waiting += sorted(path.iterdir())


def _print(path: Path, status: os.stat_result) -> str:
    mode = f"{status.st_mode:o}"
    if stat.S_ISLNK(status.st_mode):
        return f"{mode} {path.readlink()}"
    if not stat.S_ISREG(status.st_mode):
        return mode
    if status.st_size > _LARGE:
        return f"{mode} {status.st_size} {status.st_mtime_ns}"
    try:
        return f"{mode} {hashlib.sha256(path.read_bytes()).hexdigest()}"
    except OSError:
        return f"{mode} unreadable"


def _ref(git: Path, ref: str) -> str:
    loose = git / ref
    if loose.is_file():
        return loose.read_text(encoding="utf-8", errors="replace").strip()
    packed = git / "packed-refs"
    lines = (
        packed.read_text(encoding="utf-8", errors="replace").splitlines()
        if packed.is_file()
        else []
    )
    return next((line.split()[0] for line in lines if line.endswith(f" {ref}")), "")
