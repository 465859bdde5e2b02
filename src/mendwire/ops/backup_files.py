"""A backup as it lies on a disk: a folder with a file for each stream, and what they are.

``backup.json`` is written last, so that a folder without it is no backup, and holds the checksum of
every file and one of itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from mendwire.errors import ConfigError
from mendwire.model.names import TOKEN
from mendwire.wire.snapshots import CHUNK_BYTES, Head
from mendwire.wire.store import PRIVATE, write_private

MANIFEST: Final = "backup.json"
PARTIAL: Final = ".partial"
"""What the name of a backup ends in that is not complete."""
JOURNAL: Final = "restored.json"
"""What was restored from a backup already, so that a restore which was cut short goes on."""
SUFFIX: Final = ".snapshot"
VERSION: Final = 1
_READ_BYTES: Final = 16 * 1024**2


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptStream:
    """One stream of a backup."""

    name: str
    sha256: str
    """Of its file."""
    size: int
    """Bytes of its file, which is compressed."""
    head: Head

    @property
    def file(self) -> str:
        """Its file's name."""
        return f"{self.name}{SUFFIX}"

    @property
    def messages(self) -> int:
        """How many it holds."""
        return int(self.head.state.get("messages", 0))


@dataclass(frozen=True, kw_only=True, slots=True)
class Backup:
    """What ``backup.json`` says."""

    namespace: str
    taken_at: str
    """ISO 8601, UTC, by the clock of the machine that took it; for people."""
    server: str
    """Version of the server it was taken from."""
    mendwire: str
    """Version that took it."""
    streams: tuple[KeptStream, ...]
    """In the order in which they were taken."""

    def stream(self, name: str) -> KeptStream | None:
        """By name."""
        return next((one for one in self.streams if one.name == name), None)


@dataclass(kw_only=True, slots=True)
class Writing:
    """A file that is being written, and what became of it so far."""

    file: IO[bytes]
    size: int = 0
    digest: Any = field(default_factory=hashlib.sha256)

    def add(self, piece: bytes) -> None:
        """Append a piece."""
        self.file.write(piece)
        self.digest.update(piece)
        self.size += len(piece)


@contextmanager
def new_backup(folder: Path) -> Iterator[Path]:
    """A place to write into, which becomes ``folder`` when the block ends well, and else goes.

    Raises ConfigError.
    """
    draft = folder.with_name(folder.name + PARTIAL)
    if folder.exists():
        raise ConfigError(f"{folder} is there already: name another folder.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft.mkdir(mode=0o700)
    except FileExistsError:
        raise ConfigError(
            f"{draft} was left by a backup that was cut short, or one is under way: remove it "
            "when none is."
        ) from None
    except OSError as problem:
        raise ConfigError(f"{draft} cannot be made: {problem.strerror}.") from None
    try:
        yield draft
        _flush(draft)
        draft.rename(folder)
        _flush(folder.parent)
    except OSError as problem:
        shutil.rmtree(draft, ignore_errors=True)
        raise ConfigError(f"{folder} cannot be written: {problem.strerror}.") from None
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise


@contextmanager
def new_file(path: Path) -> Iterator[Writing]:
    """A file for its owner alone, on the disk when the block ends."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(path, flags, PRIVATE), "wb") as file:
        yield Writing(file=file)
        file.flush()
        os.fsync(file.fileno())


def write_manifest(folder: Path, backup: Backup) -> None:
    """The last file of a backup."""
    body = asdict(backup)
    whole = {"version": VERSION, "sha256": _checksum(body), **body}
    write_private(folder / MANIFEST, json.dumps(whole, indent=1) + "\n")
    with (folder / MANIFEST).open("rb") as file:
        os.fsync(file.fileno())


def read_manifest(folder: Path) -> Backup:
    """What a folder is the backup of; raises ConfigError."""
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            body = json.loads(file.read(_READ_BYTES))
    except FileNotFoundError:
        raise ConfigError(f"{folder} is no complete backup: {MANIFEST} is not in it.") from None
    except OSError as problem:
        raise ConfigError(f"{path} cannot be read: {problem.strerror}.") from None
    except (ValueError, RecursionError):
        raise _damaged(path) from None
    try:
        version, sha256 = body.pop("version"), body.pop("sha256")
        if version != VERSION:
            raise ConfigError(f"{path} is of another version of Mendwire: take that one.")
        if sha256 != _checksum(body):
            raise _damaged(path)
        return _backup(body)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _damaged(path) from None


def verify(folder: Path, kept: KeptStream) -> None:
    """Read a file through and compare; raises ConfigError."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces_of(folder, kept):
        digest.update(piece)
        size += len(piece)
    if size != kept.size or digest.hexdigest() != kept.sha256:
        raise _damaged(folder / kept.file)


def pieces_of(folder: Path, kept: KeptStream, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """A stream's bytes, piece by piece; raises ConfigError."""
    try:
        with (folder / kept.file).open("rb") as file:
            while piece := file.read(size):
                yield piece
    except OSError as problem:
        raise ConfigError(f"{folder / kept.file} cannot be read: {problem.strerror}.") from None


def read_journal(folder: Path) -> dict[str, Mapping[str, Any]]:
    """By stream, what the server said of it when it was restored; nothing where none can be read:
    then a stream that is there counts as somebody's, and is left alone.
    """
    try:
        found = json.loads((folder / JOURNAL).read_bytes()[:_READ_BYTES])
        return {
            name: {"created": one["created"], "state": one["state"]} for name, one in found.items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def write_journal(folder: Path, journal: Mapping[str, Mapping[str, Any]]) -> None:
    """Where the backup cannot be written to, none is kept."""
    with suppress(OSError):
        write_private(folder / JOURNAL, json.dumps(journal))


def complete_ones(place: Path) -> list[Path]:
    """The backups in ``place``, oldest first by their names, which begin with the time."""
    if not place.is_dir():
        return []
    return sorted(path.parent for path in place.glob(f"*/{MANIFEST}"))


def _backup(body: Mapping[str, Any]) -> Backup:
    streams = tuple(
        KeptStream(
            name=str(one["name"]),
            sha256=str(one["sha256"]),
            size=int(one["size"]),
            head=Head(config=one["head"]["config"], state=one["head"]["state"]),
        )
        for one in body["streams"]
    )
    for one in streams:
        # The name becomes a path and a subject.
        if not TOKEN.fullmatch(one.name) or one.head.config["name"] != one.name:
            raise ValueError(one.name)
    texts = {key: str(body[key]) for key in ("namespace", "taken_at", "server", "mendwire")}
    return Backup(streams=streams, **texts)


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _damaged(path: Path) -> ConfigError:
    return ConfigError(
        f"{path} is damaged: it is not what was written. Nothing was changed; take another backup."
    )


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
