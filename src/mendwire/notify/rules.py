"""The rules: from facts to news of an issue, and to conditions that hold or do not. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from typing import Final

from mendwire.model.inert import inert
from mendwire.model.scrub import DEFAULT, ScrubPolicy
from mendwire.notify.facts import CaseFact, Facts, RateFact
from mendwire.notify.spike import spike

FRESH_NS: Final = 7 * 24 * 3600 * 10**9
"""What was opened longer ago is no news any more: nobody may have worked for a while."""
ISSUE: Final = "issue."
"""Begins the key of an issue's thread."""
_MINUTE_NS: Final = 60 * 10**9
_CRITICAL: Final = frozenset({"critical", "fatal", "emergency", "alert"})


class Rule(StrEnum):
    """What people may want to be told of."""

    CRITICAL = "critical"
    NEW = "new"
    REGRESSION = "regression"
    SPIKE = "spike"
    STUCK = "stuck"
    DEAD = "dead"
    QUARANTINE = "quarantine"
    BUDGET = "budget"
    QUIET = "quiet"
    WORKERS = "workers"
    SERVER = "server"


URGENT: Final = frozenset(
    {Rule.CRITICAL, Rule.SPIKE, Rule.STUCK, Rule.DEAD, Rule.BUDGET, Rule.WORKERS, Rule.SERVER}
)
"""A part of the cap is kept for these."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """A service that is expected to be heard from."""

    environment: str
    service: str
    hours: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What the operator wants."""

    on: frozenset[Rule]
    environments: frozenset[str] = frozenset()
    """Whose issues are told of; empty: all."""
    spike_times: float = 4.0
    spike_least: int = 20
    stuck_ns: int = 15 * _MINUTE_NS
    """For how long something must be stuck."""
    budget_share: float = 0.9
    quiet: tuple[Watched, ...] = ()
    scrub: ScrubPolicy = DEFAULT


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Something that happened to an issue."""

    key: str
    """Of the thread it belongs to."""
    id: str
    """The same news has the same id, however often it is found."""
    rule: Rule
    title: str
    """Inert."""
    text: str
    """Inert, one line."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """Something that holds, or does not."""

    key: str
    rule: Rule
    holds: bool
    size: int = 0
    """More of it is news."""
    title: str = ""
    text: str = ""
    after_ns: int = 0
    """For how long it must hold before it counts."""


def case_news(case: CaseFact, rules: Rules, now_ns: int, begun_ns: int) -> list[News]:
    """What this case's stand says that may not have been told; ids tell what has."""
    if rules.environments and case.environment not in rules.environments:
        return []
    if case.opened_ns < max(begun_ns, now_ns - FRESH_NS):
        return []
    title = inert(case.title, scrub=rules.scrub)
    place = inert(case.environment or "no environment", 40)
    service = f", service {inert(case.service, 60, rules.scrub)}" if case.service else ""
    found: list[tuple[Rule, str]] = []
    if case.came_back:
        found.append((Rule.REGRESSION, f"A fixed issue came back in {place}{service}."))
    elif case.case_id.endswith("-e1"):
        found.append((Rule.NEW, f"A new issue in {place}{service}."))
    if case.level.lower() in _CRITICAL:
        found.append((Rule.CRITICAL, f"Of level {case.level.lower()} in {place}{service}."))
    return [
        News(
            key=f"{ISSUE}{case.issue}",
            id=f"{rule}-{case.case_id.rpartition('-')[2]}",
            rule=rule,
            title=title,
            text=f"{text} mendwire cases show {case.case_id}",
        )
        for rule, text in found
        if rule in rules.on
    ]


def conditions(facts: Facts, rules: Rules) -> list[Condition]:
    """Everything that can hold, whether it does or not, as far as it is asked for."""
    found = (
        *_queues(facts, rules),
        *_waiting(facts),
        _budget(facts, rules),
        *_rates(facts, rules),
        *_quiet(facts, rules),
    )
    return [condition for condition in found if condition.rule in rules.on]


def _queues(facts: Facts, rules: Rules) -> Iterator[Condition]:
    for queue in facts.queues:
        yield Condition(
            key=f"stuck.{queue.stream}",
            rule=Rule.STUCK,
            holds=queue.stuck > 0,
            size=queue.stuck,
            title=f"Messages of {queue.stream} are stuck",
            text=f"{queue.stuck} ran out of deliveries. mendwire doctor",
            after_ns=rules.stuck_ns,
        )
    waiting = sum(queue.waiting for queue in facts.queues)
    yield Condition(
        key="workers",
        rule=Rule.WORKERS,
        holds=waiting > 0 and facts.workers == 0,
        title="Errors wait and no worker is alive",
        text=f"{waiting} wait. mendwire work",
        after_ns=rules.stuck_ns,
    )


def _waiting(facts: Facts) -> Iterator[Condition]:
    yield Condition(
        key="dead",
        rule=Rule.DEAD,
        holds=facts.dead > 0,
        size=facts.dead,
        title="Dead letters wait for a person",
        text=f"{facts.dead} could not be handled. mendwire dead list",
    )
    yield Condition(
        key="quarantine",
        rule=Rule.QUARANTINE,
        holds=facts.quarantine > 0,
        size=facts.quarantine,
        title="Reports are held in quarantine",
        text=f"{facts.quarantine} wait for a person. mendwire quarantine list",
    )


def _budget(facts: Facts, rules: Rules) -> Condition:
    money = facts.day_usd > 0 and facts.spent_usd >= rules.budget_share * facts.day_usd
    most = facts.day_tokens
    tokens = most > 0 and facts.used_tokens >= rules.budget_share * most
    told = f"{facts.spent_usd:.2f} of {facts.day_usd:.2f} USD"
    if tokens:
        told += f", {facts.used_tokens:,} of {most:,} tokens"
    return Condition(
        key="budget",
        rule=Rule.BUDGET,
        holds=money or tokens,
        title=f"The day's {'money is' if money else 'tokens are'} nearly spent",
        text=f"{told}. Then cases wait for tomorrow.",
    )


def _rates(facts: Facts, rules: Rules) -> Iterator[Condition]:
    seen_h = max((_seen(rate.by_hour) for rate in facts.rates), default=0)
    for rate in facts.rates:
        if rules.environments and rate.environment not in rules.environments:
            continue
        found = spike(rate.by_hour, times=rules.spike_times, least=rules.spike_least, seen_h=seen_h)
        place = _place(rate, rules)
        count = rate.by_hour[-1] if rate.by_hour else 0
        usual = f"{found.usual:.0f}" if found else "few"
        yield Condition(
            key=f"spike.{_hashed(rate.environment, rate.service)}",
            rule=Rule.SPIKE,
            holds=found is not None,
            title=f"Many errors of {place}",
            text=f"{count} in the last hour, where {usual} are usual. mendwire rates",
        )


def _quiet(facts: Facts, rules: Rules) -> Iterator[Condition]:
    known = {(rate.environment, rate.service): rate.by_hour for rate in facts.rates}
    for watched in rules.quiet:
        by_hour = known.get((watched.environment, watched.service), ())
        yield Condition(
            key=f"quiet.{_hashed(watched.environment, watched.service)}",
            rule=Rule.QUIET,
            holds=not any(by_hour[-watched.hours :]),
            title=f"Nothing was heard of {inert(watched.service, 60)} in {watched.environment}",
            text=f"Not for {watched.hours} hours. Does it run, and does it reach its server?",
        )


def _seen(by_hour: Sequence[int]) -> int:
    """Hours since the first that has anything."""
    first = next((place for place, count in enumerate(by_hour) if count), len(by_hour))
    return len(by_hour) - first


def _place(rate: RateFact, rules: Rules) -> str:
    service = inert(rate.service or "an unnamed service", 60, rules.scrub)
    return f"{service} in {inert(rate.environment or 'no environment', 40)}"


def _hashed(environment: str, service: str) -> str:
    """Publishers choose the names; a key is made of ours (rules B10)."""
    return sha256(f"{environment}\0{service}".encode("utf-8", "surrogatepass")).hexdigest()[:16]
