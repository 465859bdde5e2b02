"""One file of the spool: messages one behind another, each whole or not there at all.

A head of three fields (a magic word; up to where messages may have been sent; up to where they are
settled), then records: length, CRC-32, and as many bytes: a line that says what the message is, and
the message. Whoever has the file open holds its lock, so nobody sends or removes it meanwhile; with
the process the lock goes. A record that a crash cut short is past the end of what can be read.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
from binascii import crc32
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mendwire.model.trace import known

SUFFIX: Final = ".spool"
PARTIAL: Final = ".part"
_NOTE_EVERY: Final = 64
"""So many messages at most are sent twice after a crash, under the same ids."""
_MAGIC: Final = b"MWSPOOL1"
_HEAD: Final = struct.Struct(">8sQQ")
_OFFSETS: Final = struct.Struct(">QQ")
_RECORD: Final = struct.Struct(">II")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spooled:
    """One message: a scrubbed report, a count of repeats, or what had to be dropped."""

    kind: str
    """``report``, ``count`` or ``drops``."""
    environment: str | None
    payload: bytes
    id: str = ""
    """The message id, under which the server stores it once."""
    signature: str = ""
    issue: str = ""
    namespace: str = ""
    """For which id and signature were computed."""
    occurrences: int = 1
    """How many it stands for."""
    is_tried: bool = False
    """It was sent before and its answer was not seen: a duplicate may be itself."""
    trace: Mapping[str, str] = field(default_factory=dict)
    """Headers that say which trace it belongs to; empty for one that was spooled before 0.2."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A record that was read."""

    item: Spooled | None
    """None for one that is damaged."""
    end: int
    """Offset behind it."""


def packed(item: Spooled) -> bytes:
    """A record."""
    head = {
        "kind": item.kind,
        "environment": item.environment,
        "id": item.id,
        "signature": item.signature,
        "issue": item.issue,
        "namespace": item.namespace,
        "occurrences": item.occurrences,
        "tried": item.is_tried,
        "trace": dict(item.trace),
    }
    body = json.dumps(head).encode() + b"\n" + item.payload
    return _RECORD.pack(len(body), crc32(body)) + body


class Segment:
    """An open file of the spool, ours alone while it is open."""

    def __init__(self, path: Path, file: int, sent: int, settled: int) -> None:
        self.path = path
        self.size = os.fstat(file).st_size
        self.held = 0
        """Occurrences in it that are neither sent nor given up, as far as this process wrote it."""
        self._file = file
        self._sent = sent
        self._settled = settled
        self._unnoted = 0

    @property
    def writer(self) -> str:
        """Who wrote it; one writer's files are sent in order."""
        return self.path.stem.partition("-")[2].rpartition("-")[0]

    @classmethod
    def created(cls, path: Path) -> Segment:
        """A new one; raises OSError. It appears under its name when it is locked already."""
        partial = path.with_suffix(PARTIAL)
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write(file, _HEAD.pack(_MAGIC, _HEAD.size, _HEAD.size), 0)
            partial.rename(path)
            _sync_folder(path.parent)
            return cls(path, file, _HEAD.size, _HEAD.size)
        except BaseException:
            os.close(file)
            with suppress(OSError):
                partial.unlink()
            raise

    @classmethod
    def adopted(cls, path: Path) -> Segment | None:
        """One that nobody holds; None while somebody does, when it is gone, or not to be opened."""
        try:
            file = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.lstat().st_ino != os.fstat(file).st_ino:
                raise FileNotFoundError
            magic, sent, settled = _HEAD.unpack(os.pread(file, _HEAD.size, 0))
            return cls(path, file, sent, settled if magic == _MAGIC else 0)
        except struct.error:
            return cls(path, file, 0, 0)
        except OSError:
            os.close(file)
            return None

    def append(self, records: bytes) -> None:
        """Write and flush to disk; raises OSError, and then nothing was added."""
        try:
            _write(self._file, records, self.size)
            os.fsync(self._file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._file, self.size)
            raise
        self.size += len(records)

    def rewrite(self, items: Sequence[Spooled]) -> None:
        """Let ``items`` be all that is left of it, at once; raises OSError, and nothing changed.

        It is to be closed then: what this process has open is the file as it was.
        """
        partial = self.path.with_suffix(PARTIAL)
        file = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            head = _HEAD.pack(_MAGIC, _HEAD.size, _HEAD.size)
            _write(file, head + b"".join(packed(item) for item in items), 0)
            os.fsync(file)
            partial.replace(self.path)
            _sync_folder(self.path.parent)
        finally:
            os.close(file)

    def unsettled(self) -> Iterator[Found]:
        """What is left of it, in order; ends at a record that was cut short."""
        if not self._settled:
            yield Found(item=None, end=self.size)
            return
        data = os.pread(self._file, self.size, 0)
        at = self._settled
        while at + _RECORD.size <= len(data):
            length, check = _RECORD.unpack_from(data, at)
            begin, end = at + _RECORD.size, at + _RECORD.size + length
            if end > len(data):
                return
            body = data[begin:end]
            item = _unpacked(body, end <= self._sent) if crc32(body) == check else None
            yield Found(item=item, end=end)
            at = end

    def note_sent(self, end: int) -> None:
        """Before sending: from now on all up to ``end`` may be known to the server."""
        if end > self._sent:
            self._sent = end
            self._note()

    def note_settled(self, end: int) -> None:
        """All up to ``end`` needs no sending any more; on disk a few messages later."""
        self._settled = end
        self._unnoted += 1
        if self._unnoted >= _NOTE_EVERY:
            self._note()

    def close(self) -> None:
        """Let go of it: another process may send it. Closing twice is no error."""
        if self._file >= 0:
            if self._unnoted:
                self._note()
            os.close(self._file)
            self._file = -1

    def leave(self) -> None:
        """In a forked child: it stays the parent's, but this copy must not hold its lock."""
        file, self._file = self._file, -1
        if file >= 0:
            with suppress(OSError):
                os.close(file)

    def remove(self) -> None:
        """It is settled as a whole."""
        with suppress(OSError):
            self.path.unlink()
        self.close()

    def _note(self) -> None:
        # What a power cut takes back is sent again under the same ids.
        self._unnoted = 0
        with suppress(OSError):
            os.pwrite(self._file, _OFFSETS.pack(self._sent, self._settled), len(_MAGIC))


def _unpacked(body: bytes, was_sent: bool) -> Spooled | None:  # noqa: FBT001 - one of two
    head, _, payload = body.partition(b"\n")
    try:
        fields = json.loads(head.decode())  # of bytes it would guess the encoding
        return Spooled(
            kind=fields["kind"],
            environment=fields["environment"],
            payload=payload,
            id=fields["id"],
            signature=fields["signature"],
            issue=fields["issue"],
            namespace=fields["namespace"],
            occurrences=fields["occurrences"],
            is_tried=fields["tried"] or was_sent,
            trace=known(fields.get("trace")),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _write(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        at += written
        view = view[written:]


def _sync_folder(folder: Path) -> None:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
