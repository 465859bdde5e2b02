"""A machine of two cores and a gigabyte, made of this one: a control group below our own."""

from __future__ import annotations

import os
import re
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CORES: Final = 2
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


@contextmanager
def box(limit: int) -> Iterator[Box]:
    """The group is gone afterwards; what runs in it must have ended."""
    cores = frozenset(sorted(os.sched_getaffinity(0))[:CORES])
    folder, name = _made(limit)
    try:
        yield Box(name=name, folder=folder, limit=limit, cores=cores)
    finally:
        if folder is not None:
            _removed(folder)


def _made(limit: int) -> tuple[Path | None, str]:
    """A group with that limit, of whichever version may be made here."""
    for controller, path in _own_groups():
        is_old = controller == "memory"
        folder = _ROOT / ("memory" if is_old else "") / path / f"mendwire-bench-{os.getpid()}"
        limits = (
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            if is_old
            else ("memory.max", "memory.swap.max")
        )
        try:
            folder.mkdir()
        except OSError:
            continue
        try:
            (folder / limits[0]).write_text(str(limit))
            with suppress(OSError):  # a kernel without accounts of swap
                (folder / limits[1]).write_text(str(limit if is_old else 0))
        except OSError:
            folder.rmdir()
            continue
        return folder, f"cgroup v{1 if is_old else 2}, {limit / 1e6:.0f} MB for all together"
    return None, f"RLIMIT_DATA, {limit / 1e6:.0f} MB for each process: no cgroup can be made here"


def _own_groups() -> Iterator[tuple[str, str]]:
    """(controller, path below its root): version 1's of memory, version 2's with no name."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controller, path = line.split(":", 2)
        if controller in {"memory", ""}:
            yield controller, path.lstrip("/")


def _removed(folder: Path) -> None:
    deadline = time.monotonic() + _EMPTY_WITHIN_S
    while folder.exists() and time.monotonic() < deadline:
        try:
            folder.rmdir()
        except OSError:
            time.sleep(0.1)
