"""What all processes of one gateway have counted, added up.

Each writes its own into its seat, twice a second where something changed. One that died is counted
on; whoever takes its seat goes on from there.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

import msgspec

from mendwire.gateway.memory import SEAT, SEATS, Memory

WRITE_EVERY_S: Final = 0.5
_HALF: Final = SEAT // 2
_HEAD: Final = 8
"""Bytes before the text of each half: its length."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one process says."""

    counted: dict[str, int]
    """Since the start."""
    detailed: dict[str, dict[str, int]]
    """The same, by reason or kind."""
    now: dict[str, int]
    """How much there is at the moment."""
    connected: bool


_decoder = msgspec.json.Decoder(Figures)
_encoder = msgspec.json.Encoder()


class Totals:
    """``own`` says what this process has counted."""

    def __init__(self, memory: Memory, own: Callable[[], Figures]) -> None:
        self._lock = memory.lock
        self._seats = memory.seats
        self._own = own
        self._written = b""
        with self._lock:
            self._seat = self._lock.take_seat()
            self._former = self._read(self._seat)

    def read(self) -> Figures:
        """Of all processes; of others as they were half a second ago.

        What was told is written down first: it stays counted if we die now.
        """
        self.write()
        with self._lock:
            others = [
                (found, self._lock.is_taken(seat))
                for seat in range(SEATS)
                if seat != self._seat and (found := self._read(seat))
            ]
        gone = [found for found, lives in others if not lives]
        living = [found for found, lives in others if lives]
        here = self._with_former()
        every = [here, *living, *gone]
        return Figures(
            counted=_sum([one.counted for one in every]),
            detailed={
                name: _sum([one.detailed.get(name, {}) for one in every]) for name in here.detailed
            },
            now=_sum([one.now for one in (here, *living)]),
            connected=all(one.connected for one in (here, *living)),
        )

    async def write_forever(self) -> None:
        """Keep what others read of us up to date, until cancelled."""
        while True:
            self.write()
            await asyncio.sleep(WRITE_EVERY_S)

    def write(self) -> None:
        """Into the half that nobody reads now, so that a death in between spoils nothing."""
        data = _encoder.encode(self._with_former())
        if data == self._written or len(data) > _HALF - 2 * _HEAD:
            return
        self._written = data
        seat = self._seat * SEAT
        with self._lock:
            half = 2 if self._seats[seat] == 1 else 1
            start = seat + _HEAD + (half - 1) * (_HALF - _HEAD)
            self._seats[start : start + _HEAD] = len(data).to_bytes(_HEAD)
            self._seats[start + _HEAD : start + _HEAD + len(data)] = data
            self._seats[seat] = half

    def _with_former(self) -> Figures:
        own, former = self._own(), self._former
        if former is None:
            return own
        return Figures(
            counted=_sum([own.counted, former.counted]),
            detailed={
                name: _sum([found, former.detailed.get(name, {})])
                for name, found in own.detailed.items()
            },
            now=own.now,
            connected=own.connected,
        )

    def _read(self, number: int) -> Figures | None:
        seat = number * SEAT
        half = self._seats[seat]
        if half == 0:
            return None
        start = seat + _HEAD + (half - 1) * (_HALF - _HEAD)
        length = int.from_bytes(self._seats[start : start + _HEAD])
        return _decoder.decode(self._seats[start + _HEAD : start + _HEAD + length])


def _sum(every: list[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in every:
        for name, count in one.items():
            total[name] += count
    return dict(total)
