"""One case as a person follows it: where it stands, what was done, what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from mendwire.dashboard.casebook import said
from mendwire.dashboard.diffs import DiffLine, diff_lines
from mendwire.dashboard.marks import Marked, marked
from mendwire.errors import Undecodable
from mendwire.model.approval import at_stake, reached
from mendwire.model.bodies import Progress, Result
from mendwire.model.case import (
    CASE_MOVES,
    HELD,
    REOPENABLE,
    Case,
    CaseState,
    Step,
    Verdict,
)
from mendwire.model.codec import decode_as
from mendwire.model.delivery import Received
from mendwire.model.screening import Screening
from mendwire.model.work import Run

_S = CaseState
_FIELDS: Final = (
    ("type", "Type"),
    ("code", "Code"),
    ("service", "Service"),
    ("release", "Release"),
    ("environment", "Environment"),
    ("level", "Level"),
    ("timestamp", "Time"),
    ("trace_id", "Trace"),
)
_STATIONS: Final = (
    "Reported",
    "Research",
    "Implement",
    "Verify",
    "Review",
    "Fixed",
    "Merged",
    "Deployed",
    "Verified",
)
_AT_STEP: Final = {Step.RESEARCH: 1, Step.IMPLEMENT: 2, Step.VERIFY: 3, Step.REVIEW: 4}
_AT_STATE: Final = {
    _S.DELIVERING: 5,
    _S.DELIVERED: 5,
    _S.PUBLISHED: 5,
    _S.FIXED: 5,
    _S.MERGED: 6,
    _S.DEPLOYED: 7,
    _S.SOAKING: 8,
    _S.VERIFIED: 8,
}
_DONE: Final = frozenset({_S.FIXED, _S.MERGED, _S.DEPLOYED, _S.VERIFIED})
_MOST_CONTEXT: Final = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Station:
    """One place on the way."""

    name: str
    how: str
    """``done``, ``now``, ``next``, or ``stopped`` where the case ended or waits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One field of a report."""

    name: str
    text: Marked


@dataclass(frozen=True, kw_only=True, slots=True)
class ReportShown:
    """A report laid out, with what the screen found in it."""

    error: Marked
    stack: Marked
    facts: tuple[tuple[str, str], ...]
    context: tuple[Field, ...]
    left_out: int
    """Fields of the context that are too many to be shown."""
    elsewhere: tuple[str, ...]
    """``rule in field`` of what the screen found in fields that are not shown by themselves."""
    is_json: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One line of progress."""

    at_ns: int
    progress: Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """One run of the judge."""

    run: Run
    is_open: bool
    """The pair that proves: red at base, green after."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Story:
    """All of it."""

    case: Case
    said: str
    seen: int
    """Occurrences, repeats included."""
    stations: tuple[Station, ...]
    report: ReportShown
    screening: Screening | None
    why_not_screened: str
    told: tuple[Told, ...]
    diff: Sequence[DiffLine]
    diff_left_out: int
    evidence: tuple[Evidence, ...]
    trace_url: str
    """Where its trace is shown; empty where that is nowhere."""
    link: str
    """Of a pull request; empty where there is none."""
    may_retry: str
    """What the button says; empty where there is nothing to try."""
    stake: str
    """What that gives up; empty where that is nothing."""
    may_silence: bool
    may_close: bool
    may_approve: bool
    may_accept: str
    """What the button for a proposed fix says; empty where none waits for approval."""


def story_of(
    case: Case,
    *,
    repeats: int,
    screening: Screening | str,
    told: Sequence[Told],
    result: Result | None,
    trace_url: str = "",
) -> Story:
    """Lay it out; ``screening`` is the screen's answer or why there is none."""
    judged = screening if isinstance(screening, Screening) else None
    lines, left_out = diff_lines(case.change.patch if case.change else "")
    may_stop = case.state in {_S.OPEN, _S.LEASED, _S.PARKED}
    return Story(
        case=case,
        said=said(case.report),
        seen=case.occurrences + repeats,
        stations=_stations(case),
        report=report_shown(case.report, judged),
        screening=judged,
        why_not_screened="" if isinstance(screening, Screening) else screening,
        told=tuple(told),
        diff=lines,
        diff_left_out=left_out,
        evidence=_evidence(case),
        trace_url=trace_url,
        link=_link(result.pr_url if result else ""),
        may_retry=_retry(case),
        stake=at_stake(case),
        may_silence=may_stop,
        may_close=may_stop or _S.WITHDRAWN in CASE_MOVES[case.state],
        may_approve=case.restricted and case.message is not None,
        may_accept=_ACCEPT.get(reached(case), ""),
    )


def told_of(received: Received) -> Told | None:
    """A line of progress as the stream keeps it; None for what is none."""
    with suppress(Undecodable):
        progress = decode_as(Progress, received.payload)
        return Told(at_ns=received.published_ns, progress=progress)
    return None


def report_shown(payload: bytes, screening: Screening | None) -> ReportShown:
    """A report, or whatever else lies there, with marks."""
    reasons = screening.reasons if screening else ()
    body = _object(payload)
    if body is None:
        text = payload.decode("utf-8", "replace")
        return ReportShown(
            error=marked("", "error", ()),
            stack=marked(text, "", reasons),
            facts=(),
            context=(),
            left_out=0,
            elsewhere=(),
            is_json=False,
        )
    inside = body.get("context")
    fields = list(inside.items()) if isinstance(inside, dict) else []
    context = tuple(
        Field(name=str(name), text=marked(_text(value), f"context.{name}", reasons))
        for name, value in fields[:_MOST_CONTEXT]
    )
    facts = tuple(
        (title, _text(body[name])) for name, title in _FIELDS if body.get(name) not in (None, "")
    )
    shown = ("error", "stack", "context")
    elsewhere = dict.fromkeys(
        f"{reason.rule} in {reason.where}"
        for reason in reasons
        if not reason.where.startswith(shown)
    )
    return ReportShown(
        error=marked(_text(body.get("error")), "error", reasons),
        stack=marked(_text(body.get("stack")), "stack", reasons),
        facts=facts,
        context=context,
        left_out=max(0, len(fields) - _MOST_CONTEXT),
        elsewhere=tuple(elsewhere)[:20],
        is_json=True,
    )


def _stations(case: Case) -> tuple[Station, ...]:
    at = _AT_STATE.get(case.state, _AT_STEP[case.step] if case.step else 0)
    if case.verdict not in {None, Verdict.FIXED}:
        at = min(at, _AT_STEP[case.step] if case.step else 0)
    if case.state in _DONE:
        here = "done"
    elif case.state in HELD or case.state in {_S.OPEN, _S.SOAKING}:
        here = "now"
    else:
        here = "stopped"
    return tuple(
        Station(name=name, how="done" if place < at else here if place == at else "next")
        for place, name in enumerate(_STATIONS)
    )


def _evidence(case: Case) -> tuple[Evidence, ...]:
    runs = case.proof.runs if case.proof else ()
    red = next((run for run in runs if not run.passed), None)
    green = next((run for run in reversed(runs) if run.passed and _pairs(run, red)), None)
    return tuple(Evidence(run=run, is_open=run in (red, green)) for run in runs)


def _pairs(run: Run, red: Run | None) -> bool:
    """Whether it is the same command after the change, by its first word."""
    return red is not None and run.what.split(" ")[0] == red.what.split(" ")[0]


_ACCEPT: Final = {"investigate": "Let it be mended", "propose": "Approve the fix"}


def _retry(case: Case) -> str:
    if case.state is _S.PARKED:
        return "Let it go on"
    if case.state in REOPENABLE or _S.WITHDRAWN in CASE_MOVES[case.state]:
        return "Reopen" if case.state in REOPENABLE else "Try again"
    return ""


def _link(url: str) -> str:
    """Only addresses of the web become links."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    is_web = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return url if is_web and url.isascii() and url.isprintable() else ""


def _object(payload: bytes) -> Mapping[str, object] | None:
    with suppress(ValueError, RecursionError):
        body = json.loads(payload)
        if isinstance(body, dict):
            return body
    return None


def _text(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
