"""Reports that are kept, and what was once said of them: for trying today's judgement on.

Nothing is written anywhere: what a worker decided stays as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from mendwire.docket.cases import Docket
from mendwire.docket.releases import Releases
from mendwire.errors import ScreenBroken
from mendwire.model.case import Case
from mendwire.model.delivery import Received
from mendwire.model.printable import printable
from mendwire.model.report import ErrorReport, Trust, parse_report
from mendwire.model.screening import Screening, ScreenVerdict
from mendwire.model.scrub import ScrubPolicy, scrub_report
from mendwire.model.signature import canonical, issue_key
from mendwire.ops.kept import body_of, unpacked
from mendwire.ops.quarantine import DECIDED, Label
from mendwire.ops.reentry import original_of
from mendwire.wire.burial import PART, RULES
from mendwire.wire.jetstream import JetStreamBus

_ALL: Final = 1 << 62
BROKEN: Final = "broken"
"""Today's word on what does not get through the screen; such a report is held, too."""
_FIRST: Final = "1/"

Judge = Callable[[ErrorReport, bytes, Trust], Awaitable[Screening]]
"""Today's screen. Raises ScreenBroken."""
IsCore = Callable[[bytes], bool]
"""Whether a restricted case's report is only what was kept of a rejected one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Past:
    """One kept report, with what was said of it."""

    kept: str
    """``case``, ``quarantine`` or ``dead``."""
    id: str
    """The case's id, or the number in its list."""
    title: str
    """Safe to print."""
    payload: bytes
    """As it is kept: scrubbed in a case, as it was sent elsewhere."""
    trust: Trust
    at_ns: int
    """Server time of its coming, nanoseconds since the epoch."""
    verdict: ScreenVerdict | None
    """The screen's word at that time; None where it was not asked or a person overruled it."""
    is_core: bool = False
    """What was kept of a rejected report; the whole is in quarantine and tried there."""
    rules: tuple[str, ...] = ()
    """Those that spoke at that time."""
    issue: str = ""
    """The issue's key at that time, without lane; empty where none was made."""
    label: str = ""
    """A person's word on a report that was held: ``attack`` or ``benign``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Replayed:
    """What today's screen and signature say of one kept report."""

    kept: str
    id: str
    title: str
    screen_then: str
    screen_now: str
    """Empty where it was not asked; ``broken`` where it did not get through."""
    rules_then: tuple[str, ...]
    rules_now: tuple[str, ...]
    issue_then: str
    issue_now: str
    label: str
    changed: tuple[str, ...]
    """``screen``, ``issue``, both or nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelves:
    """Where kept reports lie."""

    bus: JetStreamBus
    docket: Docket
    releases: Releases
    is_core: IsCore

    async def all(self) -> AsyncIterator[Past]:
        """Those of cases, of quarantine, then dead letters, each oldest first, one at a time."""
        async for filed in self.docket.cases():
            if filed.case.report:
                yield await self._of_case(filed.case)
        async for received in self.bus.walk(self.bus.names.stream("QUARANTINE"), _ALL, _ALL):
            yield _held(received)
        async for received in self.bus.walk(self.bus.names.stream("DEAD"), _ALL, _ALL):
            # Of a letter in parts the first one stands for all: it is larger than any report.
            if received.headers.get(PART, _FIRST).startswith(_FIRST):
                yield _dead(received)

    async def _of_case(self, case: Case) -> Past:
        sha256 = case.message.sha256 if case.message else ""
        released = bool(sha256) and await self.releases.find(sha256) is not None
        verdict = ScreenVerdict.RESTRICT if case.restricted else ScreenVerdict.PASS
        return Past(
            kept="case",
            id=case.case_id,
            title=printable(case.title, 120),
            payload=case.report,
            trust=case.trust,
            at_ns=case.opened_ns,
            verdict=None if released else verdict,
            is_core=case.restricted and self.is_core(case.report),
            issue=case.issue.partition("-")[0],
            label=Label.BENIGN.value if released else "",
        )


def _held(received: Received) -> Past:
    payload, headers = unpacked(received), received.headers
    return Past(
        kept="quarantine",
        id=str(received.ref.seq),
        title=printable(str(body_of(payload).get("error", "")), 120),
        payload=payload,
        trust=_trust(original_of(received, payload).headers),
        at_ns=received.published_ns,
        verdict=ScreenVerdict.REJECT,
        rules=tuple(filter(None, headers.get(RULES, "").split(","))),
        label=printable(headers.get(f"{DECIDED}Label", ""), 20),
    )


def _dead(received: Received) -> Past:
    payload = unpacked(received)
    return Past(
        kept="dead",
        id=str(received.ref.seq),
        title=printable(str(body_of(payload).get("error", "")), 120),
        payload=payload,
        trust=_trust(received.headers),
        at_ns=received.published_ns,
        verdict=None,
    )


def _trust(headers: Mapping[str, str]) -> Trust:
    return Trust.LOW if headers.get("Mendwire-Trust") == Trust.LOW else Trust.TRUSTED


async def replayed(past: Past, judge: Judge | None, scrub: ScrubPolicy) -> Replayed:
    """Today's word on one; without ``judge`` only its issue's key. Raises Undecodable."""
    # What a case holds was scrubbed before it was filed, as a worker would scrub the others now.
    payload = past.payload if past.kept == "case" else scrub_report(past.payload, scrub)
    report = parse_report(payload)
    now, rules = "", tuple[str, ...]()
    if judge is not None and not past.is_core:
        now, rules = await _judged(judge, report, payload, past.trust)
    issue = issue_key(canonical(report))
    then = past.verdict.value if past.verdict else ""
    told = (("screen", then, now), ("issue", past.issue, issue))
    changed = tuple(name for name, old, new in told if old and new and old != new)
    return Replayed(
        kept=past.kept,
        id=past.id,
        title=past.title,
        screen_then=then,
        screen_now=now,
        rules_then=past.rules,
        rules_now=rules,
        issue_then=past.issue,
        issue_now=issue,
        label=past.label,
        changed=changed,
    )


async def _judged(
    judge: Judge, report: ErrorReport, payload: bytes, trust: Trust
) -> tuple[str, tuple[str, ...]]:
    try:
        screening = await judge(report, payload, trust)
    except ScreenBroken:
        return BROKEN, ()
    return screening.verdict.value, tuple(
        dict.fromkeys(reason.rule for reason in screening.reasons)
    )
