"""Threads of news: every transition, without a server or a clock."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given as having
from hypothesis import strategies as st

from mendwire.notify.book import HOUR_NS, Window
from mendwire.notify.facts import CaseFact, Facts, QueueFact, RateFact
from mendwire.notify.rules import (
    FRESH_NS,
    Condition,
    News,
    Rule,
    Rules,
    Watched,
    case_news,
    conditions,
)
from mendwire.notify.thread import (
    GIVEN_UP_NS,
    Stand,
    Thread,
    acknowledged,
    given,
    is_due,
    kept_back,
    muted,
    put_off,
    with_condition,
    with_news,
    with_notice,
)

S = 10**9
NOW = 1_800_000_000 * S
HOUR = 3600 * S
ALL = Rules(on=frozenset(Rule))


def fact(**more: object) -> CaseFact:
    usual = CaseFact(
        issue="a" * 32,
        case_id=f"{'a' * 32}-e1",
        title="KeyError in total (shop/pricing.py)",
        environment="production",
        service="shop",
        level="error",
        state="leased",
        came_back=False,
        occurrences=1,
        opened_ns=NOW,
    )
    return replace(usual, **more)  # type: ignore[arg-type]  # fields of CaseFact


def news(id_: str = "new-e1", rule: Rule = Rule.NEW) -> News:
    return News(key="issue.a", id=id_, rule=rule, title="KeyError", text=f"text of {id_}")


def noticed(thread: Thread, now: int = NOW, to: tuple[str, ...] = ("a", "b")) -> Thread:
    return with_notice(thread, now, to, namespace="shop", held=0)


def stuck(holds: bool, size: int = 1, after_ns: int = 0) -> Condition:
    return Condition(
        key="dead",
        rule=Rule.DEAD,
        holds=holds,
        size=size,
        title="Dead letters",
        text=f"{size} dead",
        after_ns=after_ns,
    )


def rules_of(found: list[News]) -> set[Rule]:
    return {one.rule for one in found}


def test_a_case_is_news_by_what_it_is() -> None:
    assert rules_of(case_news(fact(), ALL, NOW, 0)) == {Rule.NEW}
    assert rules_of(case_news(fact(level="fatal"), ALL, NOW, 0)) == {Rule.NEW, Rule.CRITICAL}
    again = fact(case_id=f"{'a' * 32}-e2", came_back=True)
    assert rules_of(case_news(again, ALL, NOW, 0)) == {Rule.REGRESSION}
    assert case_news(replace(again, came_back=False), ALL, NOW, 0) == []
    assert case_news(fact(opened_ns=NOW - FRESH_NS - 1), ALL, NOW, 0) == []
    assert case_news(fact(), ALL, NOW, NOW + 1) == []  # from before anybody asked for alerts
    only = replace(ALL, environments=frozenset({"staging"}))
    assert case_news(fact(), only, NOW, 0) == []
    assert case_news(fact(), replace(ALL, on=frozenset({Rule.DEAD})), NOW, 0) == []


def test_news_of_one_issue_are_one_thread_and_known_ones_change_nothing() -> None:
    thread = with_news(None, news(), NOW)
    assert with_news(thread, news(), NOW + S) == thread
    more = with_news(thread, news("critical-e1", Rule.CRITICAL), NOW + S)
    assert more.waiting == ("text of new-e1", "text of critical-e1")
    assert more.rule is Rule.CRITICAL
    assert more.urgent


def test_a_notice_is_fixed_then_given_to_each_and_then_told() -> None:
    thread = noticed(with_news(None, news(), NOW))
    assert thread.notice is not None
    assert thread.notice.left == ("a", "b")
    assert thread.notice.id in thread.notice.body
    one = given(thread, "a", NOW + S)
    assert one.notice is not None
    assert one.notice.left == ("b",)
    assert one.notice.id == thread.notice.id
    told = given(one, "b", NOW + 2 * S)
    assert (told.notice, told.told, told.told_ns) == (None, 1, NOW + 2 * S)
    later = with_news(told, news("regression-e2", Rule.REGRESSION), NOW + 3 * S)
    assert not is_due(later, NOW + 3 * S, HOUR)
    assert is_due(later, NOW + 2 * S + HOUR, HOUR)
    assert noticed(later).notice != thread.notice
    assert "(2)" in (noticed(later).notice or thread.notice).title


def test_what_fails_is_tried_later_each_time_and_given_up_after_a_day() -> None:
    thread, now, waits = noticed(with_news(None, news(), NOW)), NOW, []
    while thread.notice is not None:
        now = max(now, thread.notice.due_ns)
        thread = put_off(thread, "no", now)
        if thread.notice is not None:
            waits.append((thread.notice.due_ns - now) // S)
    assert waits[:7] == [10, 30, 60, 120, 300, 600, 1800]
    assert set(waits[7:]) == {1800}
    assert thread.undelivered == 1
    assert GIVEN_UP_NS <= now - NOW <= GIVEN_UP_NS + HOUR


def test_whoever_looks_after_it_is_left_alone_until_it_comes_back() -> None:
    thread = acknowledged(noticed(with_news(None, news(), NOW)), "me", NOW)
    assert thread.notice is None
    assert not with_news(thread, news("critical-e1", Rule.CRITICAL), NOW).waiting
    back = with_news(thread, news("regression-e2", Rule.REGRESSION), NOW)
    assert (back.acked_by, back.waiting) == ("", ("text of regression-e2",))


def test_a_silence_ends_by_itself_and_what_came_meanwhile_stays_untold() -> None:
    thread = muted(with_news(None, news(), NOW), NOW + HOUR, NOW)
    assert not thread.waiting
    assert not with_news(thread, news("critical-e1", Rule.CRITICAL), NOW).waiting
    assert with_news(thread, news("regression-e2", Rule.REGRESSION), NOW + HOUR).waiting


def test_a_condition_counts_once_it_has_held_and_is_over_once() -> None:
    long_ = 900 * S
    assert with_condition(None, stuck(False), NOW) is None
    seen = with_condition(None, stuck(True, after_ns=long_), NOW)
    assert seen is not None
    assert not seen.waiting
    assert with_condition(seen, stuck(True, after_ns=long_), NOW + S) == seen
    gone = with_condition(seen, stuck(False), NOW + S)
    assert gone is not None
    assert gone.since_ns == 0
    opened = with_condition(seen, stuck(True, after_ns=long_), NOW + long_)
    assert opened is not None
    assert (opened.stand, opened.waiting) == (Stand.OPEN, ("1 dead",))
    silent_end = with_condition(opened, stuck(False), NOW + long_)
    assert silent_end is not None
    assert not silent_end.waiting  # nobody heard of its beginning
    told = given(given(noticed(opened), "a", NOW), "b", NOW)
    grown = with_condition(told, stuck(True, 3), NOW)
    assert grown is not None
    assert grown.waiting == ("3 dead",)
    assert with_condition(told, stuck(True, 1), NOW) == told
    over = with_condition(told, stuck(False), NOW)
    assert over is not None
    assert (over.stand, over.waiting) == (Stand.OVER, ("It is over.",))
    assert noticed(over).notice is not None
    assert with_condition(over, stuck(False), NOW) == over


def test_the_lines_of_a_notice_have_an_end() -> None:
    thread: Thread | None = None
    for number in range(50):
        thread = with_news(thread, news(f"new-e{number}"), NOW)
    assert thread is not None
    assert (len(thread.waiting), thread.more) == (8, 42)
    assert "42 more" in (noticed(thread).notice or thread).__repr__()
    assert kept_back(thread, NOW).held == 1


@having(st.lists(st.tuples(st.integers(0, 7200), st.booleans()), max_size=200))
def test_no_hour_has_more_than_the_cap_and_a_part_of_it_is_for_what_is_urgent(
    tries: list[tuple[int, bool]],
) -> None:
    window, cap, at = Window(), 8, NOW
    sent: list[tuple[int, bool]] = []
    for gap, urgent in tries:
        at += gap * S
        if window.has_room(at, cap, urgent=urgent):
            window = window.with_one(at)
            sent.append((at, urgent))
        else:
            window = window.with_held(at)
        hour = [one for one in sent if at - one[0] < HOUR_NS]
        assert len(hour) <= cap
        assert sum(not urgent for _, urgent in hour) <= cap - cap // 4


def test_conditions_are_what_stands_in_the_facts() -> None:
    flat = (5,) * 167
    facts = Facts(
        now_ns=NOW,
        queues=(QueueFact(stream="SHOP_PRODUCTION_ERRORS", waiting=3, stuck=2),),
        rates=(
            RateFact(environment="production", service="shop", by_hour=(*flat, 90)),
            RateFact(environment="production", service="<!here>", by_hour=(*flat, 5)),
        ),
        dead=1,
        quarantine=1,
        spent_usd=19,
        day_usd=20,
    )
    watched = (
        Watched(environment="production", service="shop", hours=24),
        Watched(environment="production", service="cart", hours=24),
    )
    found = conditions(facts, replace(ALL, quiet=watched))
    holding = {one.key.partition(".")[0] for one in found if one.holds}
    assert holding == {"stuck", "workers", "dead", "quarantine", "budget", "spike", "quiet"}
    assert sum(one.holds for one in found if one.rule is Rule.SPIKE) == 1
    assert sum(one.holds for one in found if one.rule is Rule.QUIET) == 1
    assert not any("<!here>" in one.title for one in found)
    assert all(re.fullmatch(r"[\w.-]+", one.key) for one in found)
    well = conditions(Facts(now_ns=NOW, workers=1), ALL)
    assert not any(one.holds for one in well)
    tokens = Facts(now_ns=NOW, workers=1, used_tokens=9_500, day_tokens=10_000)
    (spent,) = [one for one in conditions(tokens, ALL) if one.holds]
    assert spent.title == "The day's tokens are nearly spent"
    assert "9,500 of 10,000 tokens" in spent.text
