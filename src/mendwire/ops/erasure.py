"""Erasing a person's data from the streams and buckets of one namespace.

An error that waits keeps its bug: it enters its queue again without the person's text, then the
message that had it is overwritten on the server's disk. What people keep (results, dead letters,
quarantine) stands in its place again, cleared; progress, counts and short notes are removed. Given
again after a crash it goes on; given twice it finds nothing.
"""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import Final

from mendwire.docket.cases import Docket, Filed
from mendwire.docket.releases import Releases
from mendwire.errors import ConfigError, Conflict, Fenced
from mendwire.model.case import HELD, Case
from mendwire.model.codec import decode_case, encode
from mendwire.model.delivery import MessageRef, Received
from mendwire.model.erasure import Eraser
from mendwire.ops.kept import parts_of, unpacked
from mendwire.ops.reentry import enter
from mendwire.ops.shelf import Shelf
from mendwire.wire.burial import ENCODING, PART, SHA256, parts_for, place
from mendwire.wire.infos import StreamInfo
from mendwire.wire.jetstream import JetStreamBus

_ALL: Final = 1 << 62
_TRIES: Final = 20
"""A worker may save its case meanwhile."""
_SHOWN: Final = 20
"""Cases that are named in one note."""


OnLetter = Callable[[Received, bytes], Awaitable[bytes]]
"""What is sent instead of a task, given what the eraser made of its body: a letter stays one."""


class How(StrEnum):
    """What is done with what holds the text."""

    ENTERED = "enters its queue again without it"
    CLEARED = "stands there again without it"
    REMOVED = "removed"
    LEFT = "left"


_KINDS: Final = {
    "TASKS": How.ENTERED,
    "RESULTS": How.CLEARED,
    "DEAD": How.CLEARED,
    "QUARANTINE": How.CLEARED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Erased:
    """What was found in one place."""

    place: str
    """A stream, a bucket, a folder."""
    found: int
    """Messages, entries or records that held the text."""
    how: How
    note: str = ""
    """Of what was left: what to do."""


@dataclass(kw_only=True, slots=True)
class Erasure:
    """One erasure; with ``for_real`` off it looks and changes nothing."""

    shelf: Shelf
    docket: Docket
    releases: Releases
    eraser: Eraser
    letter: OnLetter
    for_real: bool
    notes: list[Erased] = field(default_factory=list)
    """What is left to a person, filled while ``all`` runs."""

    @property
    def bus(self) -> JetStreamBus:
        """The namespace's."""
        return self.shelf.bus

    async def all(self) -> AsyncIterator[Erased]:
        """Every place in turn, as it is through. Raises what the server refuses."""
        # The docket first: a worker that goes on must not write from it what was just erased.
        yield Erased(place="cases", found=await self._cases(), how=How.CLEARED)
        for kind in ("DOCKET", "TASK_STATES"):
            name = self.bus.names.bucket(kind)
            yield Erased(place=name, found=await self._entries(name), how=How.CLEARED)
        for stream in await self.shelf.streams(buckets=False):
            how = self._how(stream)
            yield Erased(place=stream.name, found=await self._stream(stream, how), how=how)
        store = self.bus.names.bucket("EVIDENCE")
        yield Erased(place=store, found=await self._objects(store), how=How.CLEARED)
        for note in self.notes:
            yield note

    def _how(self, stream: StreamInfo) -> How:
        kind = stream.name.removeprefix(self.bus.names.stream(""))
        if stream.retention == "workqueue" and kind != "ADVISORIES":
            return How.ENTERED
        return _KINDS.get(kind, How.REMOVED)

    async def _stream(self, stream: StreamInfo, how: How) -> int:
        count = 0
        async for received in self.bus.walk(stream.name, _ALL, stream.last_seq):
            if received.headers.get(PART, "1/").startswith("1/"):
                count += await self._message(received, how)
        return count

    async def _message(self, received: Received, how: How) -> int:
        parts = [received]
        if PART in received.headers:
            kind = received.ref.stream.removeprefix(self.bus.names.stream(""))
            parts = await parts_of(self.bus, kind, received.ref.seq)
        before = unpacked(replace(received, payload=b"".join(part.payload for part in parts)))
        after = self.eraser.payload(before)
        headers = {name: self.eraser.text(text) for name, text in received.headers.items()}
        if after is before and headers == received.headers:
            return 0
        if self.for_real:
            if how is How.ENTERED:
                after = await self.letter(replace(received, payload=before), after)
            cleared = self._cleared(received, after, headers)
            if how is How.ENTERED:
                await enter(self.bus, self.releases, cleared)
            elif how is How.CLEARED:
                await self._again(cleared)
            for part in reversed(parts):  # the first one last: it leads to the others
                await self.bus.remove(part.ref, overwrite=True)
            await self.releases.entered(place(received.ref))
        return 1

    def _cleared(self, received: Received, payload: bytes, headers: dict[str, str]) -> Received:
        digest = sha256(payload).hexdigest()
        own = {name: text for name, text in headers.items() if not name.startswith("Nats-")}
        if SHA256 in own:
            own[SHA256] = digest
        for name in (PART, ENCODING):
            own.pop(name, None)
        ref = self._ref(received.ref)
        assert ref is not None
        return replace(received, ref=replace(ref, sha256=digest), payload=payload, headers=own)

    async def _again(self, cleared: Received) -> None:
        several = await parts_for(self.bus, cleared.payload)
        for number, (payload, how) in enumerate(several, start=1):
            await self.bus.publish(
                cleared.ref.subject,
                payload,
                msg_id=f"erased-{place(cleared.ref)}-{number}",
                headers=cleared.headers | how,
            )

    async def _cases(self) -> int:
        count, held = 0, list[str]()
        async for filed in self.docket.cases():
            if self._case(filed.case) == filed.case:
                continue
            count += 1
            if self.for_real:
                await self._save(filed)
            if filed.case.state in HELD:
                held.append(filed.case.case_id)
            if filed.case.change and self.eraser.finds(filed.case.change.patch):
                self._tell_of_patch(filed.case)
        if held:
            named = ", ".join(held[:_SHOWN])
            note = f"a worker has {named} in hand: give this command again when it is through"
            self.notes.append(Erased(place="cases", found=len(held), how=How.LEFT, note=note))
        return count

    async def _save(self, filed: Filed) -> None:
        """Cleared by compare-and-set; a report of its own is filed anew, and its old one goes."""
        for _ in range(_TRIES):
            try:
                await self.docket.change(filed, self._case)
                break
            except Fenced:
                latest = await self.docket.get(filed.case.issue)
                if latest is None:
                    return
                filed = latest
        else:
            raise ConfigError(f"Case {filed.case.case_id} changes all the time: try again later.")
        await self.docket.drop_report(filed.case.report)

    def _case(self, case: Case) -> Case:
        """The case without the text; what places it stays, whatever it is called."""
        raw = encode(case)
        cleared = self.eraser.payload(raw)
        if cleared is raw:
            return case
        after = decode_case(cleared)
        # What was screened lost words by an operator's hand; what is left was screened.
        same = case.report == after.report
        return replace(
            after,
            issue=case.issue,
            holder=case.holder,
            release=case.release,
            service=case.service,
            environment=case.environment,
            base=case.base,
            message=self._ref(case.message),
            screened_sha256=case.screened_sha256 if same else sha256(after.report).hexdigest(),
        )

    def _ref(self, ref: MessageRef | None) -> MessageRef | None:
        """A publisher's id may hold the text; without one, the message goes by its place."""
        return replace(ref, msg_id="") if ref and self.eraser.finds(ref.msg_id) else ref

    def _tell_of_patch(self, case: Case) -> None:
        delivered = case.delivered
        known = (delivered.branch, delivered.patch_path) if delivered else ()
        if places := [where for where in known if where]:
            note = f"the fix itself has the text: look at {' and '.join(places)}"
            self.notes.append(Erased(place=case.case_id, found=1, how=How.LEFT, note=note))

    async def _entries(self, name: str) -> int:
        """Everything of a bucket but cases and their reports."""
        bucket, count, prefix = self.bus.bucket(name), 0, f"$KV.{name}."
        async for received in self.bus.walk(f"KV_{name}", _ALL, _ALL, subject=f"{prefix}>"):
            key = received.ref.subject.removeprefix(prefix)
            if key.startswith(("case.", "report.")) or "KV-Operation" in received.headers:
                continue
            entry = await bucket.get(key)
            while entry is not None and (after := self._entry(entry.value)) != entry.value:
                count += 1
                if not self.for_real:
                    break
                try:
                    await bucket.update(key, after, entry.revision)
                    break
                except Conflict:
                    count -= 1
                    entry = await bucket.get(key)
        return count

    def _entry(self, value: bytes) -> bytes:
        if not value.startswith(b"\x1f\x8b"):
            return self.eraser.payload(value)
        before = gzip.decompress(value)
        after = self.eraser.payload(before)
        return value if after is before else gzip.compress(after, mtime=0)

    async def _objects(self, name: str) -> int:
        store, count = self.bus.objects(name), 0
        async for held in store.names():
            data = await store.get(held)
            if data is None or (after := self.eraser.payload(data)) is data:
                continue
            count += 1
            if self.for_real:
                await store.put(held, after)
        return count
