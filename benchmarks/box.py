"""A machine of two cores and a gigabyte, made of this one: a control group below our own."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

CORES: Final = 2
V1: Final = "cgroup v1"
V2: Final = "cgroup v2"
RLIMIT: Final = "RLIMIT_DATA"
WAYS: Final = (V1, V2, RLIMIT)
_LIMITS: Final = {
    V1: ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"),
    V2: ("memory.max", "memory.swap.max"),
}
_ROOT: Final = Path("/sys/fs/cgroup")
_EMPTY_WITHIN_S: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """Where a program is put, before it begins."""

    name: str
    """What keeps it in, for people."""
    folder: Path | None
    """The control group; None where there is none."""
    limit: int
    """Bytes."""
    cores: frozenset[int]

    @property
    def enter(self) -> Callable[[], None]:
        """To be called in the child, between fork and exec."""

        def entered() -> None:
            os.sched_setaffinity(0, self.cores)
            if self.folder is not None:
                (self.folder / "cgroup.procs").write_text(str(os.getpid()))
            else:
                resource.setrlimit(resource.RLIMIT_DATA, (self.limit, self.limit))

        return entered

    @property
    def killed(self) -> int:
        """Processes that were ended for want of memory; 0 where nobody counts them."""
        if self.folder is None:
            return 0
        for name in ("memory.oom_control", "memory.events"):
            with suppress(OSError):
                found = re.search(r"oom_kill (\d+)", (self.folder / name).read_text())
                return int(found[1]) if found else 0
        return 0


class NoBox(Exception):
    """This machine does not let us make one so; the text says why."""


@contextmanager
def box(limit: int, way: str = "") -> Iterator[Box]:
    """The group is gone afterwards; what runs in it must have ended.

    ``way`` is the only one of ``WAYS`` that is tried; without it the first that works is taken.
    Raises NoBox.
    """
    cores = frozenset(sorted(os.sched_getaffinity(0))[:CORES])
    folder, name = _made(limit, way)
    try:
        yield Box(name=name, folder=folder, limit=limit, cores=cores)
    finally:
        if folder is not None:
            _removed(folder)


def _made(limit: int, way: str) -> tuple[Path | None, str]:
    """A group with that limit, of whichever version may be made here."""
    why = "no cgroup can be made here"
    for version, parent in _parents():
        if way not in {"", version}:
            continue
        folder = parent / f"mendwire-bench-{os.getpid()}"
        try:
            folder.mkdir()
        except OSError as problem:
            why = f"{parent}: {problem.strerror}"
            continue
        try:
            _limited(folder, limit, _LIMITS[version])
        except (OSError, NoBox) as problem:
            why = f"{parent}: {problem}"
            _removed(folder)
            continue
        return folder, f"{version}, {limit / 1e6:.0f} MB for all together"
    if way in {"", RLIMIT}:
        why = f": {why}" if not way else ""
        return None, f"{RLIMIT}, {limit / 1e6:.0f} MB for each process{why}"
    raise NoBox(f"{way}: {why}")


def _limited(folder: Path, limit: int, names: tuple[str, str]) -> None:
    """Raises NoBox for a group that has no account of memory, or that takes nobody in."""
    memory, swap = (folder / name for name in names)
    if not memory.exists():  # a plain folder would take any file that is written into it
        raise NoBox("the memory controller is not enabled for groups below it")
    memory.write_text(str(limit))
    with suppress(OSError):  # a kernel without accounts of swap
        swap.write_text(str(limit if names == _LIMITS[V1] else 0))
    entering = ("sh", "-c", 'echo $$ > "$0/cgroup.procs"', str(folder))
    done = subprocess.run(entering, capture_output=True, check=False)  # noqa: S603 - words of ours
    if done.returncode:
        raise NoBox("no process of ours may enter a group below it")


def _parents() -> Iterator[tuple[str, Path]]:
    """Where a group may be made: by version our own group, then what is above it.

    Version 2 allows no group with a limit below one that has processes, so ours is of no use there
    in most cases, and its neighbour is.
    """
    unified = _ROOT if (_ROOT / "cgroup.controllers").exists() else _ROOT / "unified"
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        if controller in {"memory", ""}:
            version, root = (V1, _ROOT / "memory") if controller else (V2, unified)
            own = PurePosixPath(path.lstrip("/"))
            for place in (own, *own.parents):
                yield version, root / place


def _removed(folder: Path) -> None:
    deadline = time.monotonic() + _EMPTY_WITHIN_S
    while folder.exists() and time.monotonic() < deadline:
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.1)
