"""What people decided about kept messages, and how many more were like those that are held.

    released.<sha256>  these bytes were read and released by a person (rules B4)
    reentry.<place>    under which generation a message enters again (rules A3)
    held.<kind>        how many of one kind are kept whole, and how many more were only counted

Both lie beside the cases, where publishers cannot write.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from mendwire.errors import Conflict
from mendwire.model.codec import decode_as, encode
from mendwire.wire.bus import Bucket

WHOLE: Final = 20
"""Reports of one kind that are kept whole; those that come after them are counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """A person's word that exactly these bytes may be worked on as if they had passed."""

    sha256: str
    """Of the message as its publisher sent it, hex."""
    by: str
    """Who said so, for people."""
    at: str
    """ISO 8601, UTC, for people."""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Holding:
    """What of one kind is held."""

    whole: tuple[str, ...] = ()
    """The places of those that are kept whole, at most ``WHOLE``."""
    more: int = 0
    """How many were counted instead."""
    last: str = ""
    """The place of the last one counted, so that a redelivery is not counted again."""


class Releases:
    """The records of one namespace."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    async def find(self, sha256: str) -> Release | None:
        """The release of these bytes, or None."""
        entry = await self._bucket.get(f"released.{sha256}")
        return None if entry is None else decode_as(Release, entry.value)

    async def grant(self, release: Release) -> Release:
        """File it, once: a second call gives the first one back, whatever it says itself."""
        try:
            await self._bucket.create(f"released.{release.sha256}", encode(release))
        except Conflict:
            return await self.find(release.sha256) or release
        return release

    async def reentry(self, place: str, least: int) -> int:
        """The generation under which the message of ``place`` enters; filed before it does."""
        entry = await self._bucket.get(f"reentry.{place}")
        if entry is not None:
            return int(entry.value)
        try:
            await self._bucket.create(f"reentry.{place}", b"%d" % least)
        except Conflict:
            return await self.reentry(place, least)
        return least

    async def raise_reentry(self, place: str, above: int) -> int:
        """The next one after ``above``, for the server had a message under that."""
        entry = await self._bucket.get(f"reentry.{place}")
        if entry is None or int(entry.value) > above:
            return await self.reentry(place, above + 1)
        try:
            await self._bucket.update(entry.key, b"%d" % (above + 1), entry.revision)
        except Conflict:
            return await self.raise_reentry(place, above)
        return above + 1

    async def entered(self, place: str) -> None:
        """Forget it: the message is out of here."""
        await self._bucket.delete(f"reentry.{place}")

    async def admit(self, kind: str, place: str) -> bool:
        """Whether the message at ``place`` is to be kept whole; if not, it is counted now."""
        while True:
            holding, revision = await self._holding(kind)
            if place in holding.whole or place == holding.last:
                return place in holding.whole
            whole = len(holding.whole) < WHOLE
            wanted = (
                replace(holding, whole=(*holding.whole, place))
                if whole
                else replace(holding, more=holding.more + 1, last=place)
            )
            if await self._saved(kind, wanted, revision):
                return whole

    async def more(self, kind: str) -> int:
        """How many of this kind were counted beside those that are kept."""
        if not kind:
            return 0
        return (await self._holding(kind))[0].more

    async def dismiss(self, kind: str, place: str) -> None:
        """The message at ``place`` is held no longer; with the last one its count goes, too."""
        while kind and not await self._dismissed(kind, place):
            pass

    async def _dismissed(self, kind: str, place: str) -> bool:
        holding, revision = await self._holding(kind)
        if place not in holding.whole:
            return True
        whole = tuple(other for other in holding.whole if other != place)
        if whole:
            return await self._saved(kind, replace(holding, whole=whole), revision)
        try:
            await self._bucket.delete(f"held.{kind}", revision)
        except Conflict:
            return False
        return True

    async def _holding(self, kind: str) -> tuple[Holding, int]:
        entry = await self._bucket.get(f"held.{kind}")
        return (
            (Holding(), 0) if entry is None else (decode_as(Holding, entry.value), entry.revision)
        )

    async def _saved(self, kind: str, holding: Holding, revision: int) -> bool:
        key = f"held.{kind}"
        try:
            if revision:
                await self._bucket.update(key, encode(holding), revision)
            else:
                await self._bucket.create(key, encode(holding))
        except Conflict:
            return False
        return True
