"""Making the bare repository that borrows the operator's objects, by hand: no template, no hook."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Final

from mendwire.errors import GitError
from mendwire.execution.origin import Origin
from mendwire.execution.plumbing import write_atomically

SCRATCH: Final = "mendwire-"
"""Prefix of folders that last for one sequence of commands."""
_FORGOTTEN_S: Final = 24 * 3600.0
RAW_ATTRIBUTES: Final = (
    "* -text !crlf !eol !ident !filter !working-tree-encoding !merge !conflict-marker-size\n"
)
"""Files are their blobs, byte for byte, whatever a tree's own .gitattributes say."""


def prepare(git_dir: Path, origin: Origin) -> None:
    """Make the repository, or bring what it knows of the operator's up to date."""
    _sweep(git_dir)
    for folder in ("objects/info", "objects/pack", "refs/heads", "info"):
        (git_dir / folder).mkdir(parents=True, exist_ok=True, mode=0o700)
    extension = (
        "[extensions]\n\tobjectFormat = sha256\n" if origin.object_format == "sha256" else ""
    )
    version = 1 if extension else 0
    config = (
        f"[core]\n\trepositoryformatversion = {version}\n\tbare = true\n\tfilemode = true\n"
        f"\tsymlinks = true\n{extension}[uploadpack]\n\tallowAnySHA1InWant = true\n"
    )
    files = {
        "config": config.encode(),
        "HEAD": b"ref: refs/heads/unborn\n",
        "info/attributes": RAW_ATTRIBUTES.encode(),
        "objects/info/alternates": _alternate(origin.objects),
        "shallow": origin.shallow,
    }
    for name, content in files.items():
        path = git_dir / name
        if name == "shallow" and not content:
            path.unlink(missing_ok=True)
        elif not path.is_file() or path.read_bytes() != content:
            write_atomically(path, content)


def _alternate(objects: Path) -> bytes:
    text = str(objects)
    if "\n" in text:
        message = f"The path {text!r} has a line break, which git cannot borrow objects through."
        raise GitError(message)
    return os.fsencode(text) + b"\n"


def _sweep(git_dir: Path) -> None:
    """Scratch folders of processes that were killed: no command sequence lasts a day."""
    for path in git_dir.glob(f"{SCRATCH}*"):
        try:
            forgotten = time.time() - path.stat().st_mtime > _FORGOTTEN_S
        except FileNotFoundError:
            continue
        if forgotten:
            shutil.rmtree(path, ignore_errors=True)
