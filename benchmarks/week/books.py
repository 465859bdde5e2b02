"""The accounts at the end of the week: what was claimed, what is so, and what does not match."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.week.bugs import ENDS, Bug, Kind


@dataclass(frozen=True, kw_only=True)
class Filed:
    """A case as the docket has it at the end."""

    word: str
    """The bug's, as the case's title names its module; empty where it names none."""
    case_id: str
    end: str
    """Its verdict, or its state where that says more (``ENDS``)."""
    occurrences: int
    """Messages that it took in."""
    cost_usd: float = 0.0
    why: str = ""
    """The reason of a verdict that is not ``fixed``."""
    shares: str = ""
    """The case whose fix it shares."""


@dataclass(frozen=True, kw_only=True)
class Fix:
    """A commit of ours that some branch has."""

    word: str
    case_id: str


@dataclass(frozen=True, kw_only=True)
class Week:
    """Everything that was counted; nothing here is asked again."""

    bugs: Sequence[Bug]
    cases: Sequence[Filed]
    fixes: Sequence[Fix]
    sent: Mapping[str, int]
    """By bug: occurrences that its service gave to the SDK."""
    sdk: Mapping[str, int]
    """Sums over all services of what the SDK says became of occurrences."""
    messages: int
    """Reports that the error stream ever stored."""
    counted: int
    """Repeats in the stream of occurrences, by the SDK."""
    dropped: int
    """What the SDK told there to be dropped."""
    waiting: Mapping[str, int]
    """Messages by stream that must be empty."""
    results: Sequence[str]
    """Case ids of all published results."""
    quarantined: int
    spent_usd: float
    """As the docket says."""
    billed_usd: float
    """As the provider says."""
    day_usd: float
    issue_usd: float
    trees: int
    """Working trees left on disk."""
    asked: Mapping[str, int]
    """By bug: runs of agents about it, as the provider says."""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One thing that must hold."""

    what: str
    figure: str
    holds: bool
    but: tuple[str, ...] = ()
    """What does not match, one sentence each."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """How the bugs of one kind ended."""

    kind: Kind
    count: int
    ends: Mapping[str, int] = field(default_factory=dict)
    matched: int = 0


def lines(week: Week) -> list[Line]:
    """By kind, in the order of ``Kind``."""
    found = []
    for kind in Kind:
        bugs = [bug for bug in week.bugs if bug.kind is kind]
        ends = Counter(end_of(bug, week.cases) for bug in bugs)
        if bugs:
            matched = sum(count for end, count in ends.items() if end in ENDS[kind])
            found.append(Line(kind=kind, count=len(bugs), ends=ends, matched=matched))
    return found


def end_of(bug: Bug, cases: Sequence[Filed]) -> str:
    """How its case ended; every one where it has several."""
    return " and ".join(sorted(case.end for case in cases if case.word == bug.word)) or "no case"


def claims(week: Week) -> list[Claim]:
    """All of them, those that hold and those that do not."""
    return [
        _ends(week),
        _strangers(week),
        _one_fix(week),
        _shared(week),
        _one_result(week),
        _nothing_lost(week),
        _told_apart(week),
        _empty(week),
        _withheld(week),
        _day(week),
        _issues(week),
        _bill(week),
        _clean(week),
    ]


def _ends(week: Week) -> Claim:
    wrong = [
        f"{bug.word} ({bug.kind}): {end}, not {' or '.join(ENDS[bug.kind])}"
        for bug in week.bugs
        if (end := end_of(bug, week.cases)) not in ENDS[bug.kind]
    ]
    right = len(week.bugs) - len(wrong)
    return Claim(
        what="bugs whose case ends as is true",
        figure=f"{right} of {len(week.bugs)}",
        holds=not wrong,
        but=tuple(wrong),
    )


def _strangers(week: Week) -> Claim:
    known = {bug.word for bug in week.bugs}
    strangers = [f"{case.case_id}: {case.end}" for case in week.cases if case.word not in known]
    return Claim(
        what="cases of no bug",
        figure=str(len(strangers)),
        holds=not strangers,
        but=tuple(strangers),
    )


def _one_fix(week: Week) -> Claim:
    episodes = Counter((fix.word, fix.case_id) for fix in week.fixes)
    each = Counter(word for word, _ in episodes)
    kinds = {bug.word: bug.kind for bug in week.bugs}
    wrong = [f"{case}: {count} commits" for (_, case), count in episodes.items() if count > 1]
    wrong += [
        f"{word}: {count} fixes"
        for word, count in each.items()
        if count > (2 if kinds.get(word) is Kind.RETURNS else 1)
    ]
    return Claim(
        what="fixes delivered; at most one for a bug (two for one that was broken again)",
        figure=f"{len(week.fixes)} for {len(each)} bugs",
        holds=not wrong,
        but=tuple(wrong),
    )


def _shared(week: Week) -> Claim:
    """One commit behind several issues, and nobody paid for one that came when it was there."""
    cases = {case.word: case for case in week.cases}
    bugs = [bug for bug in week.bugs if bug.kind is Kind.SHARED]
    wrong: list[str] = []
    for first in (bug for bug in bugs if not bug.cause):
        words = [bug.word for bug in bugs if first.word in {bug.word, bug.cause}]
        group = [cases[word] for word in words if word in cases]
        owners = [case.case_id for case in group if not case.shares]
        strangers = [case.case_id for case in group if case.shares not in {"", *owners[:1]}]
        fixes = sum(fix.word in words for fix in week.fixes)
        if len(owners) != 1 or strangers or fixes != 1:
            wrong.append(f"{first.word}: {fixes} fixes, cases of their own: {len(owners)}")
    late = {bug.word for bug in bugs if bug.is_late}
    paid = {word: week.asked.get(word, 0) for word in sorted(late) if week.asked.get(word, 0)}
    wrong += [f"{word}: {runs} runs of agents" for word, runs in paid.items()]
    sharing = sum(bool(cases[bug.word].shares) for bug in bugs if bug.word in cases)
    return Claim(
        what="errors that share the fix of another (runs of agents for those that came later)",
        figure=f"{sharing} of {len(bugs)} ({sum(paid.values())} for {len(late)})",
        holds=not wrong,
        but=tuple(wrong),
    )


def _one_result(week: Week) -> Claim:
    times = Counter(week.results)
    twice = [f"{case}: {count} results" for case, count in times.items() if count > 1]
    return Claim(
        what="results published, one for a case and episode",
        figure=str(len(week.results)),
        holds=not twice,
        but=tuple(twice),
    )


def _nothing_lost(week: Week) -> Claim:
    sent = sum(week.sent.values())
    arrived = week.messages + week.counted + week.dropped
    return Claim(
        what="occurrences sent = stored as messages + counted as repeats + told to be dropped",
        figure=f"{sent:,} = {week.messages:,} + {week.counted:,} + {week.dropped:,}",
        holds=sent == arrived,
        but=() if sent == arrived else (f"{sent - arrived:+,} are not accounted for",),
    )


def _told_apart(week: Week) -> Claim:
    taken = sum(case.occurrences for case in week.cases)
    gap = week.messages - taken
    return Claim(
        what="stored messages = those that cases took in",
        figure=f"{week.messages:,} = {taken:,}",
        holds=gap == 0,
        but=() if gap == 0 else (f"{gap:+,} messages are in no case's count",),
    )


def _empty(week: Week) -> Claim:
    left = [f"{stream}: {count}" for stream, count in week.waiting.items() if count]
    return Claim(
        what="messages left waiting, and dead letters",
        figure=str(sum(week.waiting.values())),
        holds=not left,
        but=tuple(left),
    )


def _withheld(week: Week) -> Claim:
    attacks = {bug.word for bug in week.bugs if bug.kind is Kind.ATTACK}
    open_ones = [
        case.case_id
        for case in week.cases
        if case.word in attacks and not case.end.endswith("restricted")
    ]
    return Claim(
        what="attacks withheld (texts in quarantine)",
        figure=f"{len(attacks) - len(open_ones)} of {len(attacks)} ({week.quarantined})",
        holds=not open_ones and (week.quarantined > 0 or not attacks),
        but=tuple(f"{case} was investigated as any other" for case in open_ones),
    )


def _day(week: Week) -> Claim:
    return Claim(
        what="spent in the day, of its budget",
        figure=f"${week.spent_usd:.2f} of ${week.day_usd:.2f}",
        holds=week.spent_usd <= week.day_usd,
    )


def _issues(week: Week) -> Claim:
    most = max((case.cost_usd for case in week.cases), default=0.0)
    return Claim(
        what="most that one issue cost, of its budget",
        figure=f"${most:.2f} of ${week.issue_usd:.2f}",
        holds=most <= week.issue_usd,
    )


def _bill(week: Week) -> Claim:
    gap = week.billed_usd - week.spent_usd
    unknown = f"${gap:.2f} were billed for runs whose worker was killed before it noted them"
    return Claim(
        what="billed by the provider, runs of killed workers included",
        figure=f"${week.billed_usd:.2f}",
        holds=week.billed_usd <= week.day_usd,
        but=() if abs(gap) < 0.005 else (unknown,),
    )


def _clean(week: Week) -> Claim:
    return Claim(what="working trees left on disk", figure=str(week.trees), holds=week.trees == 0)
