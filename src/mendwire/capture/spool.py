"""Reports on disk while the server is away: private, bounded, sent in order afterwards."""

from __future__ import annotations

import fcntl
import json
import math
import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mendwire.errors import ConfigError

MAX_BYTES: Final = 32 * 1024 * 1024
MAX_FILES: Final = 2_000
_SUFFIX: Final = ".spooled"


@dataclass(frozen=True, kw_only=True, slots=True)
class Spooled:
    """One stored message: a scrubbed report, or a count of repeats."""

    kind: str
    """``report`` or ``count``."""
    environment: str | None
    payload: bytes
    id: str = ""
    """Of a count: the message id under which it is told at most once."""


class Spool:
    """A folder that only this user can read, one file per message, named by time.

    Several processes may share it: each writes its own files, and one at a time sends.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES
    ) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._written = 0
        self._usage = (0, 0)
        self._measured_at = -math.inf

    def add(self, item: Spooled) -> bool:
        """Store; False when the spool is full. Raises OSError."""
        make_private(self.folder)
        files, size = self._measured()
        if files >= self._max_files or size + len(item.payload) > self._max_bytes:
            return False
        self._written += 1
        self._usage = (files + 1, size + len(item.payload))
        name = f"{time.time_ns():020d}-{os.getpid():07d}-{self._written:07d}"
        head = {"kind": item.kind, "environment": item.environment, "id": item.id}
        partial = self.folder / f"{name}.part"
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(json.dumps(head).encode() + b"\n" + item.payload)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self.folder / f"{name}{_SUFFIX}")
        return True

    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return next(self._files(), None) is None

    def waiting(self) -> list[Path]:
        """The stored messages, oldest first."""
        return sorted(self._files())

    def read(self, file: Path) -> Spooled | None:
        """One stored message; None if it is gone or damaged, and then its file is removed."""
        try:
            head, _, payload = file.read_bytes().partition(b"\n")
            fields = json.loads(head)
            return Spooled(
                kind=fields["kind"],
                environment=fields["environment"],
                payload=payload,
                id=fields["id"],
            )
        except (OSError, ValueError, KeyError, TypeError):
            self.remove(file)
            return None

    def remove(self, file: Path) -> None:
        """Forget a message that was sent."""
        file.unlink(missing_ok=True)

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """Whether this process may send now; False while another one does."""
        if not self.folder.is_dir():
            yield False
            return
        with (self.folder / "sending.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True

    def _measured(self) -> tuple[int, int]:
        """Files and bytes that wait, by anybody; looked up once a second, in between counted."""
        now = time.monotonic()
        if now - self._measured_at > 1:
            sizes = [file.stat().st_size for file in self._files()]
            self._usage, self._measured_at = (len(sizes), sum(sizes)), now
        return self._usage

    def _files(self) -> Iterator[Path]:
        try:
            with os.scandir(self.folder) as entries:
                found = [Path(entry.path) for entry in entries if entry.name.endswith(_SUFFIX)]
        except OSError:
            return
        yield from found


def default_folder(state_home: Path, namespace: str) -> Path:
    """Where reports wait: the user's state folder, else one of our own beside temporary files."""
    usable = next((one for one in (state_home, *state_home.parents) if one.exists()), None)
    if usable and os.access(usable, os.W_OK | os.X_OK):
        return state_home / "mendwire" / "spool" / namespace
    return Path(tempfile.gettempdir()) / f"mendwire-{os.getuid()}" / "spool" / namespace


def make_private(folder: Path) -> None:
    """Make the folder for this user alone; raises ConfigError when it is somebody else's."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700, exist_ok=True)
    shared = Path(tempfile.gettempdir())
    between = [one for one in folder.parents if shared in one.parents]
    if not all(_is_own(one) for one in (folder, *between)):
        raise ConfigError(f"{folder} belongs to somebody else; set MENDWIRE_SPOOL to your own.")
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def _is_own(folder: Path) -> bool:
    """A folder, no link, of this user."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
