"""The tree's files for an agent that asks us: no link is followed, nothing outside is touched.

Each folder on the way is opened by itself, so that none can be swapped for a link meanwhile.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Final

FILE_LIMIT: Final = 4 * 1024 * 1024
"""Bytes of one file, read or written."""
_PROTECTED: Final = frozenset(
    {".git", ".claude", ".mcp.json", "claude.md", "claude.local.md", "agents.md"}
)
"""Never written for an agent (rules B9), in any case."""


class NotAllowed(Exception):
    """Half a sentence: what is wrong with the wish."""


def parts_in(tree: Path, path: str) -> tuple[str, ...]:
    """The parts of an absolute path below the tree; raises NotAllowed for any other."""
    pure = PurePosixPath(path)
    if "\0" in path or ".." in pure.parts or not pure.is_relative_to(tree):
        raise NotAllowed("the path is not inside the tree")
    parts = pure.relative_to(tree).parts
    if ".git" in (part.lower() for part in parts):
        raise NotAllowed("the path lies in .git")
    return parts


def may_touch(tree: Path, path: str, *, write: bool) -> None:
    """Raises NotAllowed unless the path is a place in the tree, reached by no link."""
    place = tree
    for part in parts_in(tree, path):
        place /= part
        if write and part.lower() in _PROTECTED:
            raise NotAllowed("the path is protected")
        if place.is_symlink():
            raise NotAllowed("the path goes through a link")


def read_text(tree: Path, path: str, line: int | None, count: int | None) -> str:
    """The file's text, or ``count`` lines from ``line`` (1 is the first); raises NotAllowed."""
    with _opened(tree, path, os.O_RDONLY) as descriptor, os.fdopen(descriptor, "rb") as file:
        data = file.read(FILE_LIMIT + 1)
    if len(data) > FILE_LIMIT:
        raise NotAllowed(f"the file is longer than {FILE_LIMIT} bytes")
    text = data.decode("utf-8", "replace")
    if line is None and count is None:
        return text
    first = max((line or 1) - 1, 0)
    last = None if count is None else first + max(count, 0)
    return "".join(islice(text.splitlines(keepends=True), first, last))


def write_text(tree: Path, path: str, text: str) -> None:
    """Write the file, made with its folders where there is none; raises NotAllowed."""
    may_touch(tree, path, write=True)
    data = text.encode("utf-8", "replace")
    if len(data) > FILE_LIMIT:
        raise NotAllowed(f"the text is longer than {FILE_LIMIT} bytes")
    with _opened(tree, path, os.O_WRONLY | os.O_CREAT) as descriptor:
        if os.fstat(descriptor).st_nlink != 1:
            os.close(descriptor)
            raise NotAllowed("the file has other names")
        with os.fdopen(descriptor, "wb") as file:
            file.truncate(0)
            file.write(data)


@contextmanager
def _opened(tree: Path, path: str, flags: int) -> Iterator[int]:
    """A plain file's descriptor, which the caller closes."""
    *folders, name = parts_in(tree, path) or ("",)
    try:
        folder = os.open(tree, os.O_RDONLY | os.O_DIRECTORY)
        try:
            for part in folders:
                folder = _below(folder, part, make=bool(flags & os.O_CREAT))
            unread = flags | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(name, unread, 0o644, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError as problem:
        raise NotAllowed(f"the file cannot be opened: {problem.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotAllowed("it is no plain file")
    yield descriptor


def _below(folder: int, part: str, *, make: bool) -> int:
    """The folder below, opened; the one above is closed when that went well."""
    if make:
        with suppress(FileExistsError):
            os.mkdir(part, 0o755, dir_fd=folder)
    found = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
    os.close(folder)
    return found
