"""What a repository tells coding agents is taken out of the tree while a foreign one works in it.

Settings, hooks, servers and instructions of a tree would redirect it, key and all (rules B8). What
we want it to know is in its task, read at the base commit.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

NAMES: Final = frozenset(
    {
        *(".agents", ".augment", ".claude", ".codex", ".cursor", ".gemini", ".goose", ".opencode"),
        *(".qwen", ".zed", ".clinerules", ".cursorrules", ".goosehints", ".mcp.json", ".env"),
        *("agent.md", "agents.md", "agents.override.md", "claude.md", "claude.local.md"),
        *("gemini.md", "qwen.md", "opencode.json", "opencode.jsonc"),
    }
)
"""In lower case; at any depth."""


@contextmanager
def set_aside(tree: Path, scratch: Path) -> Iterator[None]:
    """Everything of these names is outside of the tree until the end, then back in its place.

    What was put there meanwhile gives way, so it has no effect and is part of no change.
    """
    kept = scratch / "aside"
    kept.mkdir(mode=0o700, parents=True, exist_ok=True)
    moved: list[tuple[Path, Path]] = []
    try:
        for number, path in enumerate(tuple(_found(tree))):
            target = kept / str(number)
            os.rename(path, target)  # noqa: PTH104 - pathlib's would say the same longer
            moved.append((path, target))
        yield
    finally:
        for path, target in moved:
            _clear(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            os.rename(target, path)  # noqa: PTH104 - as above


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
