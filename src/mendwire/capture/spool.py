"""Reports on disk while the server is away: private, bounded, sent in order afterwards.

Several processes may share the folder. Each writes files of its own and holds their locks as long
as it lives; the files of a process that has ended are sent by whoever finds them first.
"""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from mendwire.capture.segment import PARTIAL, SUFFIX, Segment, Spooled, packed
from mendwire.errors import ConfigError

MAX_BYTES: Final = 64 * 1024 * 1024
"""Of all reports in the folder."""
RESERVE: Final = 1024 * 1024
"""Beyond that, for counts and for what is to be told of dropped reports."""
SEGMENT_BYTES: Final = 4 * 1024 * 1024
_ABANDONED_S: Final = 60.0
_SHARED: Final = ("/tmp", "/var/tmp", "/usr/tmp")  # noqa: S108 - what lies there is guarded against


class Spool:
    """A folder that only this user can read."""

    def __init__(self, folder: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self._own: list[Segment] = []
        self._adopted: Segment | None = None
        """Somebody else's file that is being sent just now."""
        self._is_sealed = True
        self._created = 0
        self._usage = 0
        self._measured_at = -math.inf

    def add(self, items: Sequence[Spooled]) -> int:
        """Store in order, as many as there is room for; how many. Raises OSError, ConfigError."""
        records: list[bytes] = []
        size = self._measured()
        for item in items:
            record = packed(item)
            size += len(record)
            if size > self.max_bytes + (RESERVE if item.kind != "report" else 0):
                break
            records.append(record)
        if records:
            segment = self._active()
            segment.append(b"".join(records))
            segment.held += sum(item.occurrences for item in items[: len(records)])
            self._usage += sum(map(len, records))
        return len(records)

    def is_empty(self) -> bool:
        """Whether nothing waits, of nobody."""
        return next(self._files(), None) is None

    def waiting(self) -> Iterator[tuple[Segment, bool]]:
        """What can be sent now, with whether it is our own: others' files first, oldest first.

        A file that is not removed by whoever asked is let go of again, unless it is our own.
        """
        self._clear_away()
        own = {segment.path for segment in self._own}
        for path in sorted(self._files()):
            if path not in own and (segment := Segment.adopted(path)) is not None:
                self._adopted = segment
                try:
                    yield segment, False
                finally:
                    self._adopted = None
                    segment.close()
        self._is_sealed = True
        for segment in tuple(self._own):
            yield segment, True

    def remove(self, segment: Segment) -> None:
        """All of it is settled."""
        if segment in self._own:
            self._own.remove(segment)
        self._usage = max(0, self._usage - segment.size)
        segment.remove()

    def let_go(self) -> None:
        """Close every file: the process ends."""
        for segment in self._own:
            segment.close()
        self._own.clear()
        self._is_sealed = True

    def leave_to_the_parent(self) -> None:
        """In a forked child: a lock ends with its last holder, and that would be this child."""
        for segment in (*self._own, self._adopted):
            if segment is not None:
                segment.leave()

    def _clear_away(self) -> None:
        """Files that a crash left before they had their name; nothing is in them yet."""
        for path in self._files(PARTIAL):
            if time.time() - _touched(path) > _ABANDONED_S and (left := Segment.adopted(path)):
                left.remove()

    def _active(self) -> Segment:
        if self._is_sealed or not self._own or self._own[-1].size > SEGMENT_BYTES:
            make_private(self.folder)
            self._created += 1
            # One process may have had several spools; the id tells them apart.
            writer = f"{os.getpid():07d}.{id(self):x}"
            name = f"{time.time_ns():020d}-{writer}-{self._created:07d}{SUFFIX}"
            self._own.append(Segment.created(self.folder / name))
            self._is_sealed = False
        return self._own[-1]

    def _measured(self) -> int:
        """Bytes that wait, of anybody; looked up once a second, in between counted."""
        now = time.monotonic()
        if now - self._measured_at > 1:
            self._usage = sum(_size(path) for path in self._files())
            self._measured_at = now
        return self._usage

    def _files(self, suffix: str = SUFFIX) -> Iterator[Path]:
        try:
            with os.scandir(self.folder) as entries:
                found = [Path(entry.path) for entry in entries if entry.name.endswith(suffix)]
        except OSError:
            return
        yield from found


def default_folder(state_home: Path, namespace: str) -> Path:
    """Where reports wait: the user's state folder, else one of our own beside temporary files."""
    usable = next((one for one in (state_home, *state_home.parents) if one.exists()), None)
    if usable and os.access(usable, os.W_OK | os.X_OK):
        return state_home / "mendwire" / "spool" / namespace
    return _temporary() / f"mendwire-{os.getuid()}" / "spool" / namespace


def make_private(folder: Path) -> None:
    """Make the folder for this user alone; raises ConfigError when it is somebody else's."""
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.mkdir(mode=0o700, exist_ok=True)
    shared = _temporary()
    between = [one for one in folder.parents if shared in one.parents]
    if not all(_is_own(one) for one in (folder, *between)):
        raise ConfigError(f"{folder} belongs to somebody else; set MENDWIRE_SPOOL to your own.")
    if folder.stat().st_mode & 0o077:
        folder.chmod(0o700)


def _temporary() -> Path:
    """Where everybody's temporary files are, as ``tempfile`` finds it, which is large to load."""
    named = [os.environ.get(name) for name in ("TMPDIR", "TEMP", "TMP")]
    places = [Path(place) for place in (*named, *_SHARED) if place]
    return next((place.absolute() for place in places if place.is_dir()), Path.cwd())


def _is_own(folder: Path) -> bool:
    """A folder, no link, of this user."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _touched(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return math.inf
