"""Parcels on disk while the server is away: synced before they are promised, sent in order.

Segments of records, each with its length and checksum. Many writers share one fsync. A reader
keeps its place beside each segment, so that a process killed in between sends at most the last
batch again, which the server then drops by its id.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from mendwire.gateway.parcels import Parcel

SEGMENT: Final = 8 * 1024 * 1024
_HEAD: Final = 8
_SUFFIX: Final = ".segment"
_PLACE: Final = ".place"
_encoder = msgspec.msgpack.Encoder()


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One record of the spool."""

    parcel: Parcel
    uncertain: bool
    """The server may have it already: a duplicate is no repeat then."""


_decoder = msgspec.msgpack.Decoder(Kept)


class Spool:
    """A folder of one process at a time; another one may adopt it once that is dead."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self._limit = limit
        self._lock = -1
        self._file = -1
        self._written = 0
        self._segment: Path | None = None
        self._batch: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._writer: asyncio.Task[None] | None = None
        self.size = 0
        """Bytes that wait."""
        self.damaged = 0
        """Records that could not be read back."""

    def claim(self) -> bool:
        """Make the folder and take it; False while another process has it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self.folder / "owner.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            return False
        self._lock = lock
        self.size = sum(path.stat().st_size - _place(path) for path in self.segments())
        return True

    async def add(self, kept: Kept) -> bool:
        """Store and sync; False when the spool is full or the disk refuses."""
        record = _record(kept)
        if self.size + len(record) > self._limit:
            return False
        self.size += len(record)
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._batch.append((record, done))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_batches())
        return await asyncio.shield(done)

    def segments(self) -> list[Path]:
        """Oldest first."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def is_empty(self) -> bool:
        """Whether nothing waits on disk."""
        return not self._is_writing() and not self.segments()

    def batch(self, count: int) -> tuple[Path, int, list[Kept]] | None:
        """The next records: their segment, where they end in it, and themselves."""
        for path in self._readable():
            place, records = _place(path), list[Kept]()
            for stop, kept in _records(path, place):
                place = stop
                if kept is None:
                    self.damaged += 1
                    continue
                records.append(kept)
                if len(records) >= count:
                    break
            if records:
                return path, place, records
            self._remove(path)
        return None

    def _readable(self) -> list[Path]:
        """The segments that nobody writes to right now."""
        segments = self.segments()
        if self._is_writing():
            return segments[:-1]
        self._close_segment()
        return segments

    def done(self, path: Path, place: int) -> None:
        """Everything of the segment up to ``place`` is on the server."""
        before = _place(path)
        self.size = max(0, self.size - (place - before))
        if place >= path.stat().st_size:
            self._remove(path)
            return
        path.with_suffix(_PLACE).write_bytes(str(place).encode())

    def rewrite(self, change: Callable[[Kept], Kept], *, for_real: bool = True) -> int:
        """How many waiting records ``change`` alters; with ``for_real`` they are replaced.

        For a spool that was claimed and is not written to. A crash in between sends some twice,
        under the same ids. Raises OSError.
        """
        count = 0
        for path in self.segments():
            before = [kept for _, kept in _records(path, _place(path)) if kept is not None]
            after = [change(kept) for kept in before]
            altered = sum(one is not other for one, other in zip(before, after, strict=True))
            count += altered
            if altered and for_real:
                draft = path.with_suffix(".draft")
                with draft.open("wb") as file:
                    file.writelines(map(_record, after))
                    os.fsync(file.fileno())
                path.with_suffix(_PLACE).unlink(missing_ok=True)
                draft.replace(path)
        return count

    async def close(self) -> None:
        """Finish what is being written and let go of the folder; legal twice."""
        if self._writer is not None:
            await self._writer
        self._close_segment()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        path.with_suffix(_PLACE).unlink(missing_ok=True)
        if not self._is_writing() and not self.segments():
            self.size = 0

    def _is_writing(self) -> bool:
        """Whether records are on their way to a segment, which may not be there yet."""
        return self._writer is not None and not self._writer.done()

    async def _write_batches(self) -> None:
        while self._batch:
            batch, self._batch = self._batch, []
            data = b"".join(record for record, _ in batch)
            try:
                await asyncio.to_thread(self._write, data)
                is_stored = True
            except OSError:
                self.size -= len(data)
                is_stored = False
                self._close_segment()
            for _, done in batch:
                if not done.done():
                    done.set_result(is_stored)

    def _write(self, data: bytes) -> None:
        if self._file < 0 or self._written > SEGMENT:
            self._close_segment()
            self._open_segment()
        view = memoryview(data)
        while view:
            view = view[os.write(self._file, view) :]
        os.fdatasync(self._file) if hasattr(os, "fdatasync") else os.fsync(self._file)
        self._written += len(data)

    def _open_segment(self) -> None:
        last = self.segments()
        number = int(last[-1].stem) + 1 if last else 1
        path = self.folder / f"{number:012d}{_SUFFIX}"
        # Of a segment of that number whose removal was cut short: it would hide what comes now.
        path.with_suffix(_PLACE).unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._file = os.open(path, flags, 0o600)
        self._segment, self._written = path, 0
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _close_segment(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file, self._segment = -1, None


def _record(kept: Kept) -> bytes:
    data = _encoder.encode(kept)
    return len(data).to_bytes(4) + zlib.crc32(data).to_bytes(4) + data


def _records(path: Path, place: int) -> Iterator[tuple[int, Kept | None]]:
    """(where it ends, the record) from ``place`` on; a torn end is one damaged record."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(place)
        while place < size:
            head = file.read(_HEAD)
            length = int.from_bytes(head[:4])
            data = file.read(length) if len(head) == _HEAD and length <= size - place else b""
            if len(data) != length or not length:
                yield size, None
                return
            place += _HEAD + length
            yield place, _decoded(data, int.from_bytes(head[4:]))


def _decoded(data: bytes, checksum: int) -> Kept | None:
    if zlib.crc32(data) != checksum:
        return None
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _place(path: Path) -> int:
    try:
        return int(path.with_suffix(_PLACE).read_bytes() or b"0")
    except (OSError, ValueError):
        return 0
