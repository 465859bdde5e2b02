"""What a check-up asks of this machine: room on its disks, memory, the sandbox, git."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import psutil

from mendwire.execution.origin import find_origin
from mendwire.execution.sandbox import SandboxKind, detect
from mendwire.ops.findings import Found, aside, bad, ok, warn

_MIB: Final = 1024 * 1024
LOW_DISK: Final = 1024 * _MIB
NO_DISK: Final = 100 * _MIB
LOW_MEMORY: Final = 300 * _MIB
NO_MEMORY: Final = 64 * _MIB


async def disk(folders: dict[str, Path]) -> list[Found]:
    """Free space where we write, by what lies there."""
    found: list[Found] = []
    for what, folder in folders.items():
        there = next(path for path in (folder, *folder.parents) if path.exists())
        usage = await aside(lambda there=there: shutil.disk_usage(there))  # type: ignore[misc]  # its own default
        found += disk_found(what, there, usage.free)
    worst = [one for one in found if one.remedy]
    return worst or found


def disk_found(what: str, folder: Path, free: int) -> list[Found]:
    """``free``: bytes that are left under ``folder``."""
    said = f"{free / _MIB:,.0f} MiB are free under {folder} ({what})."
    remedy = f"du -xh --max-depth=2 {folder} | sort -h | tail; docs/operations says what may go"
    if free < NO_DISK:
        return bad(said, remedy)
    return warn(said, remedy) if free < LOW_DISK else ok(said)


async def memory() -> list[Found]:
    """What the kernel says can be had without swapping."""
    return memory_found(psutil.virtual_memory().available)


def memory_found(available: int) -> list[Found]:
    """``available``: bytes."""
    said = f"{available / _MIB:,.0f} MiB of memory are available."
    remedy = "lower [worker] concurrency in mendwire.toml; ps aux --sort=-rss | head"
    if available < NO_MEMORY:
        return bad(said, remedy)
    return warn(said, remedy) if available < LOW_MEMORY else ok(said)


async def sandbox(wanted: str) -> list[Found]:
    """The sandbox, tried out as a worker does."""
    there = await detect(wanted)
    said = there.describe()
    if not there.may_run:
        return warn(said, "apt-get install bubblewrap")
    if there.kind is SandboxKind.NONE:
        return warn(said, 'set [sandbox] kind = "auto" in mendwire.toml')
    return ok(said)


async def git(repository: Path, base: str) -> list[Found]:
    """Git, the repository that is mended and the commit that fixes start from."""
    origin = await find_origin(repository)
    commit = await origin.commit_of(base)
    version = ".".join(map(str, origin.git_version))
    if origin.shallow:
        said = f"The history of {origin.top} is cut, so what broke something may not be found."
        return warn(said, f"git -C {origin.top} fetch --unshallow")
    return ok(f"git {version}; {origin.top} at {commit[:12]}.")
