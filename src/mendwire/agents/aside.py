"""What a repository tells coding agents is taken out of the tree while a foreign one works in it.

Settings, hooks, servers and instructions of a tree would redirect it, key and all (rules B8). What
we want it to know is in its task, read at the base commit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Final

from mendwire.errors import AgentFailed

NAMES: Final = frozenset(
    {
        *(".agents", ".augment", ".claude", ".codex", ".cursor", ".gemini", ".goose", ".opencode"),
        *(".qwen", ".zed", ".clinerules", ".cursorrules", ".goosehints", ".mcp.json", ".env"),
        *("agent.md", "agents.md", "agents.override.md", "claude.md", "claude.local.md"),
        *("gemini.md", "qwen.md", "opencode.json", "opencode.jsonc"),
    }
)
"""In lower case; at any depth."""


@dataclass(kw_only=True, slots=True)
class Spent:
    """What a run spent, to be told also where its end goes wrong."""

    cost_usd: float = 0.0
    tokens: int = 0


@contextmanager
def set_aside(tree: Path) -> Iterator[Spent]:
    """Everything of these names is outside of the tree until the end, then back in its place.

    It lies beside the tree, where an agent within our wall cannot write. What was put in its place
    meanwhile gives way, so it has no effect and is part of no change. Raises AgentFailed where it
    cannot be put back, as when an agent without a wall took it away.
    """
    kept = Path(mkdtemp(prefix="aside-", dir=tree.parent))
    moved: list[tuple[Path, Path]] = []
    spent = Spent()
    try:
        try:
            for number, path in enumerate(tuple(_found(tree))):
                target = kept / str(number)
                os.rename(path, target)  # noqa: PTH104 - pathlib's would say the same longer
                moved.append((path, target))
            yield spent
        except BaseException:
            with suppress(AgentFailed):  # why the run ended counts, and its tree is given up
                _put_back(tree, moved, spent)
            raise
        _put_back(tree, moved, spent)
    finally:
        shutil.rmtree(kept, ignore_errors=True)


def _put_back(tree: Path, moved: list[tuple[Path, Path]], spent: Spent) -> None:
    problem: OSError | None = None
    for path, target in moved:
        try:
            _make_folders(tree, path.parent)
            _clear(path)
            os.rename(target, path)  # noqa: PTH104 - as above
        except OSError as why:
            problem = problem or why
    if problem is not None:
        raise AgentFailed(
            "What a repository tells agents was taken out of the tree while this one worked, and "
            f"could not be put back ({problem.strerror}); the attempt is lost.",
            cost_usd=spent.cost_usd,
            tokens=spent.tokens,
        ) from problem


def _make_folders(tree: Path, folder: Path) -> None:
    """What stands in the way gives way: behind a link would be somebody else's files."""
    at = tree
    for name in folder.relative_to(tree).parts:
        at /= name
        if at.is_symlink() or not at.is_dir():
            at.unlink(missing_ok=True)
            at.mkdir()


def _found(tree: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(tree):
        if Path(folder) == tree and ".git" in folders:
            folders.remove(".git")
        for name in (*folders, *files):
            if name.lower() in NAMES:
                yield Path(folder, name)
        folders[:] = [name for name in folders if name.lower() not in NAMES]


def _clear(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
