"""The docket: every case of a namespace in one key-value bucket, changed by compare-and-set alone.

    case.<issue>     the case, JSON
    report.<sha256>  a report too large to travel inside its case
    due.<issue>      a case nobody holds that somebody must take: since when (parked, given back)
    aside            what is set aside for runs that are going: issue to day and US dollars
    count.<issue>    repeats that publishers counted instead of sending
    counted          up to which sequence of the occurrences stream they were added
    spend.<day>      US dollars spent on that UTC day
    tokens.<day>     tokens used on that UTC day; what runs set aside of them: aside.tokens
    epoch            when this docket was begun (rules A8)

Workers' own records live beside it under ``worker.<id>`` (``roster``), and what people decided
about held reports under ``released.<sha256>`` and ``held.<kind>`` (``releases``), what runs
where (``deployments``), how often observed issues come (``paces``), the switch that stops all
workers (``switch``), sums of what came when (``slots``) and what operators destroyed (``audit``).
"""

from __future__ import annotations

import asyncio
import gzip
import math
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Final

from mendwire.docket.paces import Paces
from mendwire.errors import Conflict, Damaged, Fenced, Undecodable
from mendwire.model.case import UNFINISHED, Case
from mendwire.model.codec import decode_as, decode_case, encode
from mendwire.model.delivery import MessageRef
from mendwire.model.moves import counted, released, take
from mendwire.telemetry import emit, within
from mendwire.wire.bus import Bucket, Entry

INLINE_BYTES: Final = 128 * 1024
"""A report up to this size is stored within its case."""


class Sum(StrEnum):
    """What a day has so much of, by the key of what is set aside of it."""

    USD = "aside"
    TOKENS = "aside.tokens"


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """A case as the docket has it."""

    case: Case
    revision: int
    changed_ns: int = field(default=0, compare=False)
    """Server time of this revision, nanoseconds since the epoch; 0 where it was just made."""


class Docket:
    """The cases of one namespace, for the worker ``holder``."""

    def __init__(self, bucket: Bucket, holder: str) -> None:
        self._bucket = bucket
        self.holder = holder
        self.paces = Paces(bucket=bucket)

    async def get(self, issue: str) -> Filed | None:
        """The case of ``issue``, or None; raises Damaged."""
        entry = await self._bucket.get(f"case.{issue}")
        return None if entry is None else await self._filed(entry)

    async def open(self, case: Case) -> Filed:
        """File a new case, leased to us; raises Conflict when the issue has one."""
        mine = take(case, self.holder)
        revision = await self._bucket.create(f"case.{mine.issue}", await self._packed(mine))
        return Filed(case=mine, revision=revision)

    async def file(self, case: Case) -> None:
        """Enter a case as it is, held by nobody; raises Conflict when the issue has one."""
        await self._bucket.create(f"case.{case.issue}", await self._packed(case))

    async def change(self, filed: Filed, how: Callable[[Case], Case]) -> Filed:
        """Save ``how(case)``; counts that others added meanwhile are kept.

        Raises Fenced when the lease went to somebody else, and whatever ``how`` raises.
        """
        case, revision = filed.case, filed.revision
        while True:
            wanted = how(case)
            try:
                revision = await self._bucket.update(
                    f"case.{wanted.issue}", await self._packed(wanted), revision
                )
            except Conflict:
                latest = await self.get(case.issue)
                if latest is None or latest.case.token != case.token:
                    message = f"Case {case.case_id} was taken over by another worker."
                    raise Fenced(message) from None
                case, revision = latest.case, latest.revision
                continue
            if wanted.state is not case.state:
                with within(wanted.span):
                    emit(
                        "case.moved",
                        case=wanted.case_id,
                        from_state=case.state,
                        to_state=wanted.state,
                        token=wanted.token,
                    )
            return Filed(case=wanted, revision=revision)

    async def confirm(self, filed: Filed) -> Filed:
        """The same case, still ours: asked before every effect. Raises Fenced (rules A4)."""
        latest = await self.get(filed.case.issue)
        if latest is None or latest.case.token != filed.case.token:
            message = f"Case {filed.case.case_id} was taken over by another worker."
            raise Fenced(message)
        return latest

    async def take_over(self, filed: Filed) -> Filed | None:
        """Lease an unfinished case that nobody living holds; None when another was quicker."""
        before = (filed.case.token, filed.case.holder)
        while filed.case.state in UNFINISHED:
            try:
                return await self._taken(filed)
            except Conflict:
                latest = await self.get(filed.case.issue)
                if latest is None or (latest.case.token, latest.case.holder) != before:
                    return None
                filed = latest  # somebody only joined it
        return None

    async def _taken(self, filed: Filed) -> Filed:
        mine = take(filed.case, self.holder)
        revision = await self._bucket.update(
            f"case.{mine.issue}", await self._packed(mine), filed.revision
        )
        if filed.case.holder:
            with within(mine.span):
                emit(
                    "case.taken_over",
                    case=mine.case_id,
                    token=mine.token,
                    from_worker=filed.case.holder,
                )
        await self._bucket.delete(f"due.{mine.issue}")
        return Filed(case=mine, revision=revision)

    async def give_back(self, filed: Filed) -> None:
        """Release an unfinished case, so that any worker may take it at once."""
        case = filed.case
        await self.call(case.issue, 0)
        try:
            await self.change(filed, lambda now: released(now, token=case.token))
        except Fenced:
            return

    async def call(self, issue: str, due_ns: int) -> None:
        """Note that a worker must look at ``issue`` once the server's time is ``due_ns``."""
        await self._bucket.put(f"due.{issue}", str(due_ns).encode())

    async def called(self) -> list[tuple[str, int]]:
        """(issue, due_ns) of every case that waits for a worker."""
        return [
            (entry.key.removeprefix("due."), int(_number(entry)))
            async for entry in self._bucket.scan("due")
        ]

    async def dismiss(self, issue: str) -> None:
        """Forget the note made by ``call``."""
        await self._bucket.delete(f"due.{issue}")

    async def cases(self, *, after: int = 0) -> AsyncIterator[Filed]:
        """Every readable case, oldest change first; a damaged one is left out and told of.

        With ``after`` those alone that changed after that revision.
        """
        async for entry in self._bucket.scan("case", after=after):
            try:
                yield await self._filed(entry)
            except Damaged as problem:
                reason = f"damaged: {problem}"
                emit("case.skipped", case=entry.key, issue=entry.key, reason=reason, trace="")

    async def join(self, filed: Filed, signature: str, ref: MessageRef) -> Filed:
        """Count one more occurrence under an issue; joining is provisional (rules A9).

        Once for a message, also where it comes again because an answer was lost (rules A4).
        """
        case, revision = filed.case, filed.revision
        while True:
            wanted = counted(case, signature, ref)
            if wanted is case:
                return Filed(case=case, revision=revision)
            try:
                revision = await self._bucket.update(
                    f"case.{case.issue}", await self._packed(wanted), revision
                )
            except Conflict:
                latest = await self.get(case.issue)
                if latest is None:
                    return Filed(case=wanted, revision=revision)
                case, revision = latest.case, latest.revision
                continue
            return Filed(case=wanted, revision=revision)

    async def repeats(self, issue: str) -> int:
        """Occurrences beyond those that arrived as messages, as publishers counted them."""
        entry = await self._bucket.get(f"count.{issue}")
        return 0 if entry is None else int(_number(entry))

    async def counted(self) -> Entry | None:
        """Up to which sequence the occurrences stream was added; None before the first."""
        return await self._bucket.get("counted")

    async def counted_upto(self) -> tuple[Entry | None, int]:
        """The mark and its number; 0 where there is none."""
        entry = await self.counted()
        return entry, int(_number(entry)) if entry else 0

    async def add_repeats(self, before: Entry | None, upto: int, counts: Mapping[str, int]) -> bool:
        """Add what was read of the occurrences stream after ``before``; False if others did.

        Best effort: a kill between the claim and the adding loses these counts, nothing else.
        """
        mark = str(upto).encode()
        try:
            if before is None:
                await self._bucket.create("counted", mark)
            else:
                await self._bucket.update("counted", mark, before.revision)
        except Conflict:
            return False
        for issue, more in counts.items():
            await self._add(f"count.{issue}", more, "{:.0f}")
        return True

    async def spent(self, day: str) -> float:
        """US dollars spent on the UTC day ``YYYYMMDD`` by all workers."""
        entry = await self._bucket.get(f"spend.{day}")
        return 0.0 if entry is None else _number(entry)

    async def used(self, day: str) -> int:
        """Tokens used on the UTC day ``YYYYMMDD`` by all workers, as far as agents tell."""
        entry = await self._bucket.get(f"tokens.{day}")
        return 0 if entry is None else int(_number(entry))

    async def reserve(
        self, day: str, issue: str, wanted: float, limit: float, of: Sum = Sum.USD
    ) -> float | None:
        """Set ``wanted`` aside for a run of ``issue``; None where the day's ``limit`` has room.

        Else what is spent and set aside, and nothing is kept. All that is set aside lies in one
        entry, so that of two workers that ask at once one is first. A run that was killed leaves
        its reservation to the heir of its case, which replaces it.
        """
        while True:
            entry, aside = await self._aside(of)
            ours = {key: kept for key, kept in aside.items() if kept[0] == day and key != issue}
            gone = await (self.spent(day) if of is Sum.USD else self.used(day))
            used = sum(sum_ for _, sum_ in ours.values()) + gone
            if used + wanted > limit:
                return used
            if await self._put_aside(of, entry, {**ours, issue: (day, wanted)}):
                return None

    async def unreserve(self, issue: str) -> None:
        """End ``reserve``: the run is over and its cost was added to the day's."""
        for of in Sum:
            while True:
                entry, aside = await self._aside(of)
                if aside.pop(issue, None) is None or await self._put_aside(of, entry, aside):
                    break

    async def _aside(self, of: Sum) -> tuple[Entry | None, dict[str, tuple[str, float]]]:
        entry = await self._bucket.get(of)
        if entry is None:
            return None, {}
        with suppress(Undecodable):
            return entry, decode_as(dict[str, tuple[str, float]], entry.value)
        return entry, {}

    async def _put_aside(
        self, of: Sum, entry: Entry | None, aside: Mapping[str, tuple[str, float]]
    ) -> bool:
        try:
            if entry is None:
                await self._bucket.create(of, encode(aside))
            else:
                await self._bucket.update(of, encode(aside), entry.revision)
        except Conflict:
            return False
        return True

    async def spend(self, day: str, usd: float) -> None:
        """Add to the day's sum."""
        if usd > 0:
            await self._add(f"spend.{day}", usd, "{:.6f}")

    async def use(self, day: str, tokens: int) -> None:
        """Add to the day's tokens."""
        if tokens > 0:
            await self._add(f"tokens.{day}", tokens, "{:.0f}")

    async def _add(self, key: str, more: float, shape: str) -> None:
        while True:
            entry = await self._bucket.get(key)
            total = shape.format((_number(entry) if entry else 0.0) + more).encode()
            try:
                if entry is None:
                    await self._bucket.create(key, total)
                else:
                    await self._bucket.update(key, total, entry.revision)
            except Conflict:
                continue
            return

    async def begin(self) -> bool:
        """Put the epoch marker; True if this docket was empty of one until now (rules A8)."""
        try:
            await self._bucket.create("epoch", b"1")
        except Conflict:
            return False
        return True

    async def begun(self) -> bool:
        """Whether the epoch marker is there."""
        return await self._bucket.get("epoch") is not None

    async def drop_report(self, report: bytes) -> None:
        """Remove a report that was filed beside its case, unless a case still has it."""
        key = sha256(report).hexdigest()
        if len(report) <= INLINE_BYTES or await self._bucket.get(f"report.{key}") is None:
            return
        pointer = encode(f"@{key}".encode()).strip(b'"')
        async for entry in self._bucket.scan("case"):
            if pointer in entry.value:
                return
        await self._bucket.delete(f"report.{key}")

    async def _packed(self, case: Case) -> bytes:
        if len(case.report) <= INLINE_BYTES:
            return encode(case)
        key = sha256(case.report).hexdigest()
        if await self._bucket.get(f"report.{key}") is None:
            # Packed, for what was scrubbed can be larger than what the server takes.
            packed = await asyncio.to_thread(gzip.compress, case.report, mtime=0)
            await self._bucket.put(f"report.{key}", packed)
        return encode(replace(case, report=f"@{key}".encode()))

    async def _filed(self, entry: Entry) -> Filed:
        case = decode_case(entry.value)
        if case.report.startswith(b"@"):
            kept = await self._bucket.get(f"report.{case.report[1:].decode()}")
            if kept is None:
                message = f"The report of case {case.case_id} is missing from the docket."
                raise Damaged(message)
            case = replace(case, report=await asyncio.to_thread(_unpacked, case, kept.value))
        return Filed(case=case, revision=entry.revision, changed_ns=entry.created_ns)


def _unpacked(case: Case, packed: bytes) -> bytes:
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error):
        message = f"The report of case {case.case_id} is damaged in the docket."
        raise Damaged(message) from None


def _number(entry: Entry) -> float:
    """The number that an entry holds; 0 for a damaged one, which must not stop the rest."""
    return _float(entry.value.decode("ascii", "replace"))


def _float(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        return 0.0
    return number if math.isfinite(number) else 0.0
