"""What all processes of one gateway know together: a piece of memory, and the lock on it.

The lock is the kernel's own on a file without a name, so it falls with its holder, whatever ended
that one. It is held for microseconds, never while anything is waited for.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

ALLOWANCES: Final = 1 << 20
SIGHTINGS: Final = 3 << 20
SEATS: Final = 64
"""Processes of one gateway at most."""
SEAT: Final = 128 * 1024
"""Bytes in which one process tells what it counted."""
_SIZE: Final = ALLOWANCES + SIGHTINGS + SEATS * SEAT
"""Pages that nobody writes to take no room."""


class Lock:
    """Keeps other processes out of a ``with`` block; nothing where there are none."""

    def __init__(self, fd: int = -1) -> None:
        self._fd = fd

    def __enter__(self) -> Self:
        if self._fd >= 0:
            fcntl.lockf(self._fd, fcntl.LOCK_EX, 1, SEATS)
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, SEATS)

    def take_seat(self) -> int:
        """The first free one, ours until this process ends."""
        for number in range(SEATS if self._fd >= 0 else 0):
            with suppress(OSError):
                fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                return number
        return 0

    def is_taken(self, number: int) -> bool:
        """Whether another process that lives has this seat."""
        if self._fd < 0:
            return False
        try:
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
        except OSError:
            return True
        fcntl.lockf(self._fd, fcntl.LOCK_UN, 1, number)
        return False


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """Filled with zeros at first."""

    lock: Lock
    allowances: memoryview
    """For the quotas."""
    sightings: memoryview
    """For exceptions that arrive by several ways."""
    seats: memoryview
    """For statistics, ``SEAT`` bytes for each process."""


def own_memory() -> Memory:
    """Of a gateway that is one process."""
    return _memory(mmap.mmap(-1, _SIZE), Lock())


def shared_file() -> int:
    """A file without a name, as long as anybody has it open; hand it to ``shared_memory``."""
    if hasattr(os, "memfd_create"):
        fd = os.memfd_create("mendwire-gateway")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, _SIZE)
    return fd


def shared_memory(fd: int) -> Memory:
    """Of a gateway that is several processes, each of which calls this with the same file."""
    return _memory(mmap.mmap(fd, _SIZE), Lock(fd))


def _memory(whole: mmap.mmap, lock: Lock) -> Memory:
    view, end = memoryview(whole), ALLOWANCES + SIGHTINGS
    return Memory(
        lock=lock, allowances=view[:ALLOWANCES], sightings=view[ALLOWANCES:end], seats=view[end:]
    )
