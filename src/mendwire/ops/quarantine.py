"""Held reports as an operator works with them: list, release, discard, export.

Every step is idempotent and in an order that a crash cannot harm: a person's word is filed first,
then the report enters again, then the decision is kept as a labelled row, and the held copy goes
last. A command that died is just given again.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Final

from mendwire.docket.releases import Release, Releases
from mendwire.errors import ConfigError
from mendwire.model.delivery import Received
from mendwire.model.printable import printable
from mendwire.model.standing import HeldRow
from mendwire.ops.kept import body_of, unpacked
from mendwire.ops.reentry import enter, original_of
from mendwire.wire.burial import KIND, ORIGIN, REASON, RULES, SCORE, SHA256, place
from mendwire.wire.jetstream import JetStreamBus

MOST: Final = 1_000
_LAST: Final = 1 << 62
DECIDED: Final = "Mendwire-Decided-"
_TAIL: Final = ".decided"


class Label(StrEnum):
    """What a person says a held report is; the words of labelled corpora."""

    ATTACK = "attack"
    BENIGN = "benign"


class Step(StrEnum):
    """What a decision has done so far, in this order."""

    FILED = "filed"
    ENTERED = "entered"
    LABELLED = "labelled"
    REMOVED = "removed"


OnStep = Callable[[Step], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What became of one held report."""

    seq: int
    action: str
    """``released`` or ``discarded``."""
    label: Label
    sha256: str
    entered: str = ""
    """The stream and sequence under which a released one waits now."""


class Desk:
    """The quarantine of one namespace, for the person ``by``."""

    def __init__(
        self, bus: JetStreamBus, releases: Releases, by: str, on_step: OnStep = lambda _step: None
    ) -> None:
        self._bus = bus
        self._releases = releases
        self._by = by
        self._on_step = on_step
        self._stream = bus.names.stream("QUARANTINE")

    async def held(self, *, rule: str = "", limit: int = MOST) -> list[HeldRow]:
        """The oldest ``limit`` that wait for a decision, those that ``rule`` spoke of if given."""
        rows: list[HeldRow] = []
        async for received in self._walk("*"):
            if not _spoke(received, rule):
                continue
            more = await self._releases.more(received.headers.get(KIND, ""))
            rows.append(_row(received, more))
            if len(rows) >= limit:
                break
        return rows

    async def waiting(self, *, rule: str = "") -> list[int]:
        """The numbers of all that wait for a decision, those that ``rule`` spoke of if given."""
        return [held.ref.seq async for held in self._walk("*") if _spoke(held, rule)]

    async def release(self, seq: int, note: str = "") -> Decision:
        """Let the report at ``seq`` through: it enters again as it was sent.

        Raises ConfigError when nothing is held there or the copy is not what was held,
        RepeatedReentry when the server takes it for one that it had, under every id.
        """
        held, original = await self._open(seq)
        entered = await self.admit(original, note)
        await self._decide(held, "released", Label.BENIGN, note)
        return replace(entered, seq=seq)

    async def admit(self, original: Received, note: str = "") -> Decision:
        """File the release of a message and let it enter again. Raises RepeatedReentry."""
        release = await self._releases.grant(
            Release(
                sha256=sha256(original.payload).hexdigest(),
                by=self._by,
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                note=note,
            )
        )
        self._on_step(Step.FILED)
        ack = await enter(self._bus, self._releases, original)
        self._on_step(Step.ENTERED)
        return Decision(
            seq=ack.seq,
            action="released",
            label=Label.BENIGN,
            sha256=release.sha256,
            entered=f"{ack.stream} {ack.seq}",
        )

    async def find(self, origin: str) -> int | None:
        """The number of the held report that stood at the place ``origin``, if there is one."""
        async for received in self._walk("*"):
            if _origin_place(received) == origin:
                return received.ref.seq
        return None

    async def discard(
        self, seq: int, label: Label = Label.ATTACK, note: str = "", *, forget: bool = False
    ) -> Decision:
        """Give the report at ``seq`` up; it is kept as a labelled row, unless ``forget``.

        Raises ConfigError when nothing is held there.
        """
        held, original = await self._open(seq)
        await self._decide(held, "discarded", label, note, forget=forget)
        digest = sha256(original.payload).hexdigest()
        return Decision(seq=seq, action="discarded", label=label, sha256=digest)

    async def export(self, *, held: bool = False) -> AsyncIterator[dict[str, object]]:
        """The labelled rows, oldest first; with ``held`` those that wait too, with no label."""
        async for received in self._walk(f"*{_TAIL}"):
            yield _labelled(received)
        if held:
            async for received in self._walk("*"):
                yield _labelled(received)

    async def _open(self, seq: int) -> tuple[Received, Received]:
        """The held message, and the message as it was before; raises ConfigError."""
        held = await self._bus.peek(self._stream, seq)
        if held is None or held.ref.subject.endswith(_TAIL):
            raise ConfigError(f"Nothing is held as {seq}: see mendwire quarantine list.")
        payload = unpacked(held)
        if sha256(payload).hexdigest() != held.headers.get(SHA256):
            raise ConfigError(
                f"What is held as {seq} is not what the screen put there (its sha256 differs): "
                f"who else may publish to {held.ref.subject}?"
            )
        return held, original_of(held, payload)

    async def _decide(
        self, held: Received, action: str, label: Label, note: str, *, forget: bool = False
    ) -> None:
        if not forget:
            decided = {
                f"{DECIDED}Action": action,
                f"{DECIDED}Label": label.value,
                f"{DECIDED}By": self._by,
                f"{DECIDED}At": datetime.now(UTC).isoformat(timespec="seconds"),
                f"{DECIDED}Note": _ascii(note),
            }
            others = ("Nats-", DECIDED)
            headers = {n: v for n, v in held.headers.items() if not n.startswith(others)}
            await self._bus.publish(
                f"{held.ref.subject}{_TAIL}",
                held.payload,
                msg_id=f"decided-{place(held.ref)}",
                headers=headers | {name: text for name, text in decided.items() if text},
            )
        self._on_step(Step.LABELLED)
        await self._releases.dismiss(held.headers.get(KIND, ""), _origin_place(held))
        await self._bus.remove(held.ref)
        await self._releases.entered(_origin_place(held))
        self._on_step(Step.REMOVED)

    def _walk(self, tail: str) -> AsyncIterator[Received]:
        subject = f"{self._bus.names.namespace}.quarantine.{tail}"
        return self._bus.walk(self._stream, _LAST, _LAST, subject=subject)


def _spoke(held: Received, rule: str) -> bool:
    return not rule or rule in held.headers.get(RULES, "").split(",")


def _score(held: Received) -> float | None:
    """None also for nonsense: one strange message must not hide all the others."""
    try:
        score = float(held.headers.get(SCORE, ""))
    except ValueError:
        return None
    return score if math.isfinite(score) else None


def _origin_place(held: Received) -> str:
    return place(original_of(held, b"").ref)


def _row(held: Received, more: int) -> HeldRow:
    headers = held.headers
    payload = unpacked(held)
    return HeldRow(
        seq=held.ref.seq,
        at=datetime.fromtimestamp(held.published_ns / 1e9, tz=UTC).isoformat(timespec="seconds"),
        origin=printable(headers.get(f"{ORIGIN}Subject", "")),
        reason=printable(headers.get(REASON, ""), 200),
        rules=printable(headers.get(RULES, ""), 200),
        score=_score(held),
        trust=printable(headers.get("Mendwire-Trust", "trusted"), 20),
        message=printable(str(body_of(payload).get("error", ""))),
        bytes=len(payload),
        more=more,
    )


def _labelled(held: Received) -> dict[str, object]:
    """A row that ``mendwire screen evaluate`` and the trainer read."""
    is_decided = held.ref.subject.endswith(_TAIL)
    headers = {n: v for n, v in held.headers.items() if is_decided or not n.startswith(DECIDED)}
    payload = unpacked(held)
    row: dict[str, object] = {
        "label": headers.get(f"{DECIDED}Label"),
        "source": "quarantine",
        "text": payload.decode("utf-8", "replace"),
        "action": headers.get(f"{DECIDED}Action", "held"),
        "by": headers.get(f"{DECIDED}By", ""),
        "at": headers.get(f"{DECIDED}At", ""),
        "note": headers.get(f"{DECIDED}Note", ""),
        "score": _score(held),
        "rules": [rule for rule in headers.get(RULES, "").split(",") if rule],
        "origin": headers.get(f"{ORIGIN}Subject", ""),
        "sha256": headers.get(SHA256, ""),
    }
    return row


def _ascii(text: str) -> str:
    return printable(text, 500).encode("ascii", "backslashreplace").decode("ascii")
