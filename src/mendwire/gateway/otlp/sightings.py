"""Which exceptions were taken of late, in the memory that the processes of a gateway share.

Of each a digest and digests of its places, for two minutes. Slots come in rows, a row by digest;
in a full row the oldest one goes.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mendwire.gateway.memory import Memory, own_memory
from mendwire.gateway.otlp.sighting import Sighting

WINDOW: Final = 120.0
"""Seconds for which a sighting is remembered."""
LONGEST: Final = 30.0
"""Seconds after which a delivery that was begun and not ended counts as given up."""
PLACES: Final = 16
"""Of one exception, the latest."""
_ROW: Final = 8
_DIGEST: Final = 16
_PLACE: Final = 8
_SLOT: Final = struct.Struct(f"={_DIGEST}sdqd{PLACES * _PLACE}s")
_NOWHERE: Final = b"nowhere!"
"""Stands for a place that is not known."""


class Claim(Enum):
    """What is to be done with a sighting."""

    OURS = auto()
    """Deliver it, then settle it."""
    BUSY = auto()
    """Somebody delivers one like it."""
    KNOWN = auto()
    """It was taken before."""


@dataclass(slots=True)
class _Seen:
    digest: bytes = bytes(_DIGEST)
    since: float = 0.0
    """When the first was taken, or begun, on the given clock."""
    holder: int = 0
    """The process that delivers one; 0: none does."""
    begun: float = 0.0
    places: bytes = b""


class Sightings:
    """All of its methods return at once. The clock is the same in all processes."""

    def __init__(self, clock: Callable[[], float], memory: Memory | None = None) -> None:
        memory = memory or own_memory()
        self._clock = clock
        self._lock = memory.lock
        self._bytes = memory.sightings
        self._rows = len(self._bytes) // (_SLOT.size * _ROW)

    @property
    def room(self) -> int:
        """How many are remembered at most."""
        return self._rows * _ROW

    def claim(self, one: Sighting) -> Claim:
        """Whether to deliver it. A place that was unknown until now is kept for the next."""
        digest, place, now = _digest(one.key), _place(one.place), self._clock()
        with self._lock:
            at, seen = self._find(digest, now)
            if seen.holder and now - seen.begun < LONGEST and _lives(seen.holder):
                return Claim.BUSY
            places = _split(seen.places)
            if places and (place == _NOWHERE or place in places):
                return Claim.KNOWN
            if _NOWHERE in places:
                # The one without a stack was this one, and no other: the next place is a new
                # exception.
                places[places.index(_NOWHERE)] = place
                seen.places = b"".join(places)
                self._write(at, seen)
                return Claim.KNOWN
            seen.digest, seen.holder, seen.begun = digest, os.getpid(), now
            seen.since = seen.since if places else now
            self._write(at, seen)
            return Claim.OURS

    def settle(self, one: Sighting, *, is_taken: bool) -> None:
        """What was claimed is over; ``is_taken``: the server or the spool has it."""
        digest, now = _digest(one.key), self._clock()
        with self._lock:
            at, seen = self._find(digest, now)
            places = _split(seen.places)
            if is_taken:
                seen.digest, seen.since = digest, seen.since or now
                places = [*places, _place(one.place)][-PLACES:]
            seen.holder, seen.places = 0, b"".join(places)
            self._write(at, seen if places else _Seen())

    def _find(self, digest: bytes, now: float) -> tuple[int, _Seen]:
        """Where it stands, or may: in place of what is forgotten, else of the oldest."""
        first = int.from_bytes(digest[:8]) % self._rows * _ROW * _SLOT.size
        oldest, since = first, float("inf")
        for at in range(first, first + _ROW * _SLOT.size, _SLOT.size):
            seen = _Seen(*_SLOT.unpack_from(self._bytes, at))
            is_kept = now - seen.since < WINDOW or seen.holder != 0
            if seen.digest == digest and is_kept:
                return at, seen
            age = seen.since if is_kept and any(seen.digest) else float("-inf")
            if age < since:
                oldest, since = at, age
        return oldest, _Seen()

    def _write(self, at: int, seen: _Seen) -> None:
        fields = seen.digest, seen.since, seen.holder, seen.begun, seen.places
        _SLOT.pack_into(self._bytes, at, *fields)


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=_DIGEST).digest()


def _place(place: str) -> bytes:
    if not place:
        return _NOWHERE
    return hashlib.blake2b(place.encode("utf-8", "replace"), digest_size=_PLACE).digest()


def _split(places: bytes) -> list[bytes]:
    found = [places[at : at + _PLACE] for at in range(0, len(places), _PLACE)]
    return [place for place in found if any(place)]


def _lives(pid: int) -> bool:
    if pid == os.getpid():
        return True
    with suppress(PermissionError):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
    return True
