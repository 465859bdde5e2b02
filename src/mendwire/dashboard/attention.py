"""What needs a person, the worst first: the first thing that the overview shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from mendwire.dashboard.backstage import Stand
from mendwire.dashboard.casebook import Line
from mendwire.dashboard.text import span, usd
from mendwire.model.case import UNFINISHED, CaseState, ParkReason, Verdict

OLD_S: Final = 3_600.0
"""A report that waits longer than this is worth a look."""
_NEARLY: Final = 0.8
_WEEK_NS: Final = 7 * 86_400 * 10**9


class Urgency(StrEnum):
    """How soon somebody should look."""

    BAD = "bad"
    WARN = "warn"
    GOOD = "good"
    """It waits for a person, and is no trouble."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One thing."""

    urgency: Urgency
    what: str
    remedy: str
    """What to do about it."""
    link: str


def needs(stand: Stand, lines: Sequence[Line]) -> list[Need]:
    """All of it, the worst first."""
    found = [*_of_machines(stand, lines), *_of_cases(stand, lines), *_of_kept(stand)]
    order = list(Urgency)
    return sorted(found, key=lambda need: order.index(need.urgency))


def _of_machines(stand: Stand, lines: Sequence[Line]) -> Iterator[Need]:
    waiting = sum(queue.waiting for queue in stand.queues)
    stuck = sum(queue.stuck for queue in stand.queues)
    oldest = max((queue.oldest_s for queue in stand.queues), default=0.0)
    undone = sum(line.state in UNFINISHED for line in lines)
    if stand.halt is not None:
        yield Need(
            urgency=Urgency.BAD,
            what=f"Everything is stopped, by {stand.halt.by}",
            remedy="Let workers go on when the reason is gone.",
            link="/agents",
        )
    elif not stand.workers and (waiting or undone):
        yield Need(
            urgency=Urgency.BAD,
            what="No worker is alive, and "
            + _count(waiting + undone, "error waits", "errors wait"),
            remedy="Start one: mendwire work",
            link="/agents",
        )
    if stuck:
        yield Need(
            urgency=Urgency.BAD,
            what=f"{_count(stuck, 'message')} stuck: every delivery failed",
            remedy="See why: mendwire doctor",
            link="#queues",
        )
    if waiting and oldest > OLD_S:
        yield Need(
            urgency=Urgency.WARN,
            what=f"The oldest report waits for {span(oldest)}",
            remedy="More workers, or fewer errors: mendwire capacity",
            link="#queues",
        )


def _of_cases(stand: Stand, lines: Sequence[Line]) -> Iterator[Need]:
    blocked = [line for line in lines if line.state is CaseState.BLOCKED]
    person = sum(line.parked is ParkReason.PERSON for line in lines)
    outage = sum(line.parked is ParkReason.OUTAGE for line in lines)
    recent = stand.now_ns - _WEEK_NS
    asked = sum(
        line.verdict is Verdict.NEEDS_HUMAN
        and line.state is CaseState.CLOSED
        and line.opened_ns > recent
        for line in lines
    )
    fixed = sum(line.state is CaseState.FIXED for line in lines)
    if blocked:
        yield Need(
            urgency=Urgency.BAD,
            what=_count(len(blocked), "case is blocked", "cases are blocked"),
            remedy=blocked[0].title if len(blocked) == 1 else "Read why, then try again.",
            link=f"/cases/{blocked[0].case_id}" if len(blocked) == 1 else "/cases?state=blocked",
        )
    if outage:
        yield Need(
            urgency=Urgency.WARN,
            what=f"{_count(outage, 'case')} parked: the model's provider is down",
            remedy="Goes on by itself.",
            link="/cases?state=parked",
        )
    if person:
        yield Need(
            urgency=Urgency.WARN,
            what=_count(person, "case waits for your word", "cases wait for your word"),
            remedy="Read, then let it go on or close it.",
            link="/cases?state=parked",
        )
    if asked:
        yield Need(
            urgency=Urgency.WARN,
            what=_count(
                asked, "case of this week needs a person", "cases of this week need a person"
            ),
            remedy="The agent may not, or could not, mend it.",
            link="/cases?verdict=needs_human",
        )
    for used, most, told, limit in (
        (stand.spent_usd, stand.day_usd, usd, "day_usd"),
        (stand.used_tokens, stand.day_tokens, _tokens, "day_tokens"),
    ):
        if most and used >= _NEARLY * most:
            yield Need(
                urgency=Urgency.BAD if used >= most else Urgency.WARN,
                what=f"{told(used)} of today's {told(most)} are spent",
                remedy=f"Cases wait for tomorrow, or raise limits.{limit}.",
                link="#money",
            )
    if fixed:
        yield Need(
            urgency=Urgency.GOOD,
            what=f"{_count(fixed, 'fix', 'fixes')} ready to be merged",
            remedy="Proven on this machine; read the diff.",
            link="/cases?state=fixed",
        )


def _of_kept(stand: Stand) -> Iterator[Need]:
    if stand.dead:
        yield Need(
            urgency=Urgency.WARN,
            what=_count(stand.dead, "dead letter"),
            remedy="Mend the cause, then replay or discard.",
            link="/dead",
        )
    if stand.quarantine:
        yield Need(
            urgency=Urgency.WARN,
            what=f"{_count(stand.quarantine, 'report')} in quarantine",
            remedy="Release what is no attack, discard the rest.",
            link="/quarantine",
        )


def _tokens(number: float) -> str:
    return f"{number:,.0f} tokens"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
